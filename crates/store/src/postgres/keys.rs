//! Admin keys: only ever by the hash of their plaintext.

use deadpool_postgres::Transaction;
use sellvik_domain::{AdminKey, KeyId, Name, Scope, Scopes, Shop, ShopId, Timestamp};
use tokio_postgres::Row;

use super::rows;
use super::session::Sessions;
use crate::{Result, StoreError};

const KEY: &str = "k.id, k.name, k.prefix, k.may_read, k.may_write, k.created_at, k.last_used_at";

pub(super) async fn create(tx: &Transaction<'_>, key: &AdminKey, hash: &[u8; 32]) -> Result<()> {
    let sql = "INSERT INTO admin_keys (id, shop, hash, prefix, name, may_read, may_write, created_at)
               SELECT $1, seq, $2, $3, $4, $5, $6, $7 FROM shops WHERE id = $8";
    let made = tx
        .execute(
            &tx.prepare_cached(sql).await?,
            &[
                &rows::id(key.id.as_bytes()),
                &hash.as_slice(),
                &key.prefix,
                &key.name.as_ref().map(Name::as_str),
                &key.scopes.contains(Scope::WebhooksRead),
                &key.scopes.contains(Scope::WebhooksWrite),
                &key.created_at.as_millis(),
                &rows::id(key.shop.as_bytes()),
            ],
        )
        .await?;
    if made == 0 { Err(StoreError::ShopUnknown) } else { Ok(()) }
}

/// By an index, so in a time that depends on how far the hash matches those on record. That tells nothing
/// of a key: who could choose a hash to match would have to find a key for it first.
pub(super) async fn find(sessions: &Sessions, hash: &[u8; 32]) -> Result<Option<(AdminKey, Shop)>> {
    let sql = format!(
        "SELECT {KEY}, {} FROM admin_keys k JOIN shops s ON s.seq = k.shop
         WHERE k.hash = $1 AND k.revoked_at IS NULL",
        rows::SHOP
    );
    let Some(row) = sessions.one(&sql, &[&hash.as_slice()]).await? else { return Ok(None) };
    let (_, shop) = rows::shop(&row, 7)?;
    Ok(Some((key(&row, shop.id)?, shop)))
}

pub(super) async fn list(
    sessions: &Sessions,
    shop: ShopId,
    after: Option<KeyId>,
    limit: u32,
) -> Result<Vec<AdminKey>> {
    let sql = format!(
        "SELECT {KEY} FROM admin_keys k WHERE k.shop = (SELECT seq FROM shops WHERE id = $1)
         AND k.revoked_at IS NULL AND k.id < $2 ORDER BY k.id DESC LIMIT $3"
    );
    let after = after.map_or(rows::LAST_ID, |id| rows::id(id.as_bytes()));
    let found = sessions.all(&sql, &[&rows::id(shop.as_bytes()), &after, &i64::from(limit)]).await?;
    rows::each(&found, |row| key(row, shop))
}

pub(super) async fn revoke(tx: &Transaction<'_>, shop: ShopId, id: KeyId, at: Timestamp) -> Result<bool> {
    let sql = "UPDATE admin_keys SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL
               AND shop = (SELECT seq FROM shops WHERE id = $3)";
    let statement = tx.prepare_cached(sql).await?;
    let ids = (rows::id(id.as_bytes()), rows::id(shop.as_bytes()));
    if tx.execute(&statement, &[&at.as_millis(), &ids.0, &ids.1]).await? == 0 {
        return Ok(false);
    }
    for sql in ["DELETE FROM request_turns WHERE key = $1", "DELETE FROM request_places WHERE key = $1"] {
        tx.execute(&tx.prepare_cached(sql).await?, &[&ids.0]).await?;
    }
    Ok(true)
}

pub(super) async fn touch(sessions: &Sessions, id: KeyId, at: Timestamp) -> Result<()> {
    let sql = "UPDATE admin_keys SET last_used_at = greatest(last_used_at, $1) WHERE id = $2";
    sessions.all(sql, &[&at.as_millis(), &rows::id(id.as_bytes())]).await?;
    Ok(())
}

fn key(row: &Row, shop: ShopId) -> Result<AdminKey> {
    let mut scopes = Scopes::default();
    for (at, scope) in [(3, Scope::WebhooksRead), (4, Scope::WebhooksWrite)] {
        if row.try_get(at)? {
            scopes = scopes.with(scope);
        }
    }
    Ok(AdminKey {
        id: KeyId::from_bytes(rows::bytes(row, 0)?),
        shop,
        name: rows::name(row, 1)?,
        prefix: row.try_get(2)?,
        scopes,
        created_at: rows::time(row, 5)?,
        last_used_at: rows::time_or_none(row, 6)?,
    })
}
