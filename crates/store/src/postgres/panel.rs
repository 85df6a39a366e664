//! The panel's links and sessions: only ever by the hash of their token.

use deadpool_postgres::Transaction;
use sellvik_domain::{Capabilities, Capability, PanelSession, ShopId, Timestamp};
use tokio_postgres::Row;

use super::rows;
use super::session::Sessions;
use crate::{NewPanelSession, Result, StoreError};

/// Expired rows taken away by whoever adds one: more than one, so that they cannot pile up.
const EXPIRED_ROWS_MAX: u32 = 100;

const MAY: &str = "may_read, may_write, may_keys";

pub(super) async fn link_create(
    tx: &Transaction<'_>,
    shop: ShopId,
    link: &NewPanelSession,
    now: Timestamp,
) -> Result<()> {
    forget_expired(tx, "panel_links", now).await?;
    let sql = format!(
        "INSERT INTO panel_links (hash, shop, {MAY}, expires_at)
         SELECT $1, seq, $2, $3, $4, $5 FROM shops WHERE id = $6"
    );
    let [read, write, keys] = Capability::ALL.map(|one| link.capabilities.contains(one));
    let ends = link.expires_at.as_millis();
    let statement = tx.prepare_cached(&sql).await?;
    let shop = rows::id(shop.as_bytes());
    let made = tx.execute(&statement, &[&link.hash.as_slice(), &read, &write, &keys, &ends, &shop]).await?;
    if made == 0 { Err(StoreError::ShopUnknown) } else { Ok(()) }
}

pub(super) async fn link_redeem(
    tx: &Transaction<'_>,
    shop: ShopId,
    link: &[u8; 32],
    session: &[u8; 32],
    session_ends: Timestamp,
    now: Timestamp,
) -> Result<Option<PanelSession>> {
    forget_expired(tx, "panel_sessions", now).await?;
    // Whoever takes the link away has it; everybody else finds none.
    let sql = format!(
        "WITH link AS (DELETE FROM panel_links WHERE hash = $1 AND expires_at > $2
                       AND shop = (SELECT seq FROM shops WHERE id = $3) RETURNING shop, {MAY})
         INSERT INTO panel_sessions (hash, shop, {MAY}, expires_at) SELECT $4, shop, {MAY}, $5 FROM link"
    );
    let statement = tx.prepare_cached(&sql).await?;
    let (now_ms, ends) = (now.as_millis(), session_ends.as_millis());
    let shop = rows::id(shop.as_bytes());
    let made =
        tx.execute(&statement, &[&link.as_slice(), &now_ms, &shop, &session.as_slice(), &ends]).await?;
    if made == 0 {
        return Ok(None);
    }
    let statement = tx.prepare_cached(&session_sql()).await?;
    let row = tx.query_opt(&statement, &[&session.as_slice(), &now_ms]).await?;
    row.map(|row| read(&row)).transpose()
}

pub(super) async fn session_find(
    sessions: &Sessions,
    hash: &[u8; 32],
    now: Timestamp,
) -> Result<Option<PanelSession>> {
    let row = sessions.one(&session_sql(), &[&hash.as_slice(), &now.as_millis()]).await?;
    row.map(|row| read(&row)).transpose()
}

fn session_sql() -> String {
    format!(
        "SELECT {MAY}, expires_at, {} FROM panel_sessions p JOIN shops s ON s.seq = p.shop
         WHERE p.hash = $1 AND p.expires_at > $2",
        rows::SHOP
    )
}

pub(super) async fn session_end(tx: &Transaction<'_>, hash: &[u8; 32]) -> Result<()> {
    let statement = tx.prepare_cached("DELETE FROM panel_sessions WHERE hash = $1").await?;
    tx.execute(&statement, &[&hash.as_slice()]).await?;
    Ok(())
}

pub(super) async fn sessions_end(tx: &Transaction<'_>, shop: ShopId) -> Result<()> {
    for table in ["panel_links", "panel_sessions"] {
        let sql = format!("DELETE FROM {table} WHERE shop = (SELECT seq FROM shops WHERE id = $1)");
        tx.execute(&tx.prepare_cached(&sql).await?, &[&rows::id(shop.as_bytes())]).await?;
    }
    Ok(())
}

async fn forget_expired(tx: &Transaction<'_>, table: &str, now: Timestamp) -> Result<()> {
    let sql = format!(
        "DELETE FROM {table} WHERE hash = ANY(ARRAY(
             SELECT hash FROM {table} WHERE expires_at <= $1 ORDER BY expires_at LIMIT {EXPIRED_ROWS_MAX}
             FOR UPDATE SKIP LOCKED))"
    );
    tx.execute(&tx.prepare_cached(&sql).await?, &[&now.as_millis()]).await?;
    Ok(())
}

fn read(row: &Row) -> Result<PanelSession> {
    let mut capabilities = Capabilities::default();
    for (at, capability) in Capability::ALL.into_iter().enumerate() {
        if row.try_get(at)? {
            capabilities = capabilities.with(capability);
        }
    }
    let (_, shop) = rows::shop(row, 4)?;
    Ok(PanelSession { shop, capabilities, expires_at: rows::time(row, 3)? })
}
