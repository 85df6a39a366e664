//! The panel's links and sessions: only ever by the hash of their token.

use rusqlite::{Connection, Row, params};
use sellvik_domain::{Capabilities, Capability, PanelSession, ShopId, Timestamp};

use super::batch::Batch;
use super::rows;
use crate::{NewPanelSession, Result, StoreError};

/// Expired rows taken away by whoever adds one: more than one, so that they cannot pile up.
const EXPIRED_ROWS_MAX: u32 = 100;

const MAY: &str = "may_read, may_write, may_keys";

pub(super) fn link_create(
    batch: &mut Batch<'_>,
    shop: ShopId,
    link: &NewPanelSession,
    now: Timestamp,
) -> Result<()> {
    forget_expired(batch, "panel_links", now)?;
    let sql = format!(
        "INSERT INTO panel_links (hash, shop, {MAY}, expires_at) SELECT ?, seq, ?, ?, ?, ? FROM shops WHERE id = ?"
    );
    let [read, write, keys] = Capability::ALL.map(|one| link.capabilities.contains(one));
    let made = batch.db.prepare_cached(&sql)?.execute(params![
        link.hash,
        read,
        write,
        keys,
        link.expires_at.as_millis(),
        shop.as_bytes()
    ])?;
    if made == 0 { Err(StoreError::ShopUnknown) } else { Ok(()) }
}

pub(super) fn link_redeem(
    batch: &mut Batch<'_>,
    shop: ShopId,
    link: &[u8; 32],
    session: &[u8; 32],
    session_ends: Timestamp,
    now: Timestamp,
) -> Result<Option<PanelSession>> {
    forget_expired(batch, "panel_sessions", now)?;
    let sql = format!(
        "INSERT INTO panel_sessions (hash, shop, {MAY}, expires_at)
         SELECT ?, shop, {MAY}, ? FROM panel_links
         WHERE hash = ? AND expires_at > ? AND shop = (SELECT seq FROM shops WHERE id = ?)"
    );
    let values = params![session, session_ends.as_millis(), link, now.as_millis(), shop.as_bytes()];
    if batch.db.prepare_cached(&sql)?.execute(values)? == 0 {
        return Ok(None);
    }
    batch.db.prepare_cached("DELETE FROM panel_links WHERE hash = ?")?.execute([link])?;
    session_find(batch.db, session, now)
}

pub(super) fn session_find(db: &Connection, hash: &[u8; 32], now: Timestamp) -> Result<Option<PanelSession>> {
    rows::one(db, &session_sql(), params![hash, now.as_millis()], session)
}

pub(super) fn session_sql() -> String {
    format!(
        "SELECT {MAY}, expires_at, {} FROM panel_sessions p JOIN shops s ON s.seq = p.shop
         WHERE p.hash = ? AND p.expires_at > ?",
        rows::SHOP
    )
}

pub(super) fn session_end(batch: &mut Batch<'_>, hash: &[u8; 32]) -> Result<()> {
    batch.db.prepare_cached("DELETE FROM panel_sessions WHERE hash = ?")?.execute([hash])?;
    Ok(())
}

pub(super) fn sessions_end(batch: &mut Batch<'_>, shop: ShopId) -> Result<()> {
    for table in ["panel_links", "panel_sessions"] {
        let sql = format!("DELETE FROM {table} WHERE shop = (SELECT seq FROM shops WHERE id = ?)");
        batch.db.prepare_cached(&sql)?.execute([shop.as_bytes()])?;
    }
    Ok(())
}

fn forget_expired(batch: &Batch<'_>, table: &str, now: Timestamp) -> Result<()> {
    batch.db.prepare_cached(&expired_sql(table))?.execute([now.as_millis()])?;
    Ok(())
}

pub(super) fn expired_sql(table: &str) -> String {
    format!(
        "DELETE FROM {table} WHERE hash IN (
             SELECT hash FROM {table} WHERE expires_at <= ? ORDER BY expires_at LIMIT {EXPIRED_ROWS_MAX})"
    )
}

fn session(row: &Row<'_>) -> rusqlite::Result<PanelSession> {
    let mut capabilities = Capabilities::default();
    for (at, capability) in Capability::ALL.into_iter().enumerate() {
        if row.get(at)? {
            capabilities = capabilities.with(capability);
        }
    }
    let (_, shop) = rows::shop(row, 4)?;
    Ok(PanelSession { shop, capabilities, expires_at: rows::time(row, 3)? })
}
