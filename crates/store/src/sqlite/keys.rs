//! Admin keys: only ever by the hash of their plaintext.

use rusqlite::{Connection, Row, params};
use sellvik_domain::{AdminKey, KeyId, Name, Scope, Scopes, Shop, ShopId, Timestamp};

use super::batch::Batch;
use super::rows;
use crate::{Result, StoreError};

const KEY: &str = "k.id, k.name, k.prefix, k.may_read, k.may_write, k.created_at, k.last_used_at";

pub(super) fn create(batch: &mut Batch<'_>, key: &AdminKey, hash: &[u8; 32]) -> Result<()> {
    let inserted = batch
        .db
        .prepare_cached(
            "INSERT INTO admin_keys (id, shop, hash, prefix, name, may_read, may_write, created_at)
             SELECT ?, seq, ?, ?, ?, ?, ?, ? FROM shops WHERE id = ?",
        )?
        .execute(params![
            key.id.as_bytes(),
            hash,
            key.prefix,
            key.name.as_ref().map(Name::as_str),
            key.scopes.contains(Scope::WebhooksRead),
            key.scopes.contains(Scope::WebhooksWrite),
            key.created_at.as_millis(),
            key.shop.as_bytes()
        ])?;
    if inserted == 0 { Err(StoreError::ShopUnknown) } else { Ok(()) }
}

/// By an index, so in a time that depends on how far the hash matches those on record. That tells nothing
/// of a key: who could choose a hash to match would have to find a key for it first.
pub(super) fn find(db: &Connection, hash: &[u8; 32]) -> Result<Option<(AdminKey, Shop)>> {
    let sql = format!(
        "SELECT {KEY}, {} FROM admin_keys k JOIN shops s ON s.seq = k.shop WHERE k.hash = ? AND k.revoked_at IS NULL",
        rows::SHOP
    );
    rows::one(db, &sql, [hash], |row| {
        let (_, shop) = rows::shop(row, 7)?;
        Ok((key(row, shop.id)?, shop))
    })
}

pub(super) fn list(db: &Connection, shop: ShopId, after: Option<KeyId>, limit: u32) -> Result<Vec<AdminKey>> {
    let sql = format!(
        "SELECT {KEY} FROM admin_keys k WHERE k.shop = (SELECT seq FROM shops WHERE id = ?) AND k.revoked_at IS NULL
         AND k.id < ? ORDER BY k.id DESC LIMIT ?"
    );
    let after = after.map_or([0xff; 16], |id| *id.as_bytes());
    rows::all(db, &sql, params![shop.as_bytes(), after, limit], |row| key(row, shop))
}

pub(super) fn revoke(batch: &mut Batch<'_>, shop: ShopId, id: KeyId, at: Timestamp) -> Result<bool> {
    let revoked = batch
        .db
        .prepare_cached(
            "UPDATE admin_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL
             AND shop = (SELECT seq FROM shops WHERE id = ?)",
        )?
        .execute(params![at.as_millis(), id.as_bytes(), shop.as_bytes()])?;
    Ok(revoked > 0)
}

pub(super) fn touch(batch: &mut Batch<'_>, id: KeyId, at: Timestamp) -> Result<()> {
    batch
        .db
        .prepare_cached("UPDATE admin_keys SET last_used_at = max(ifnull(last_used_at, 0), ?) WHERE id = ?")?
        .execute(params![at.as_millis(), id.as_bytes()])?;
    Ok(())
}

fn key(row: &Row<'_>, shop: ShopId) -> rusqlite::Result<AdminKey> {
    let scopes = [(3, Scope::WebhooksRead), (4, Scope::WebhooksWrite)];
    Ok(AdminKey {
        id: KeyId::from_bytes(row.get(0)?),
        shop,
        name: rows::name(row, 1)?,
        prefix: row.get(2)?,
        scopes: scopes.into_iter().try_fold(Scopes::default(), |scopes, (at, scope)| {
            Ok::<_, rusqlite::Error>(if row.get(at)? { scopes.with(scope) } else { scopes })
        })?,
        created_at: rows::time(row, 5)?,
        last_used_at: rows::time_or_none(row, 6)?,
    })
}
