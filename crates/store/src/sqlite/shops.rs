//! Shops.

use rusqlite::{Connection, params};
use sellvik_domain::{Name, Patch, Shop, ShopId, Subdomain};

use super::batch::Batch;
use super::rows;
use crate::{Result, StoreError};

pub(super) fn create(batch: &mut Batch<'_>, shop: &Shop) -> Result<()> {
    if is_taken(batch.db, shop.subdomain.as_str(), shop.id)? {
        return Err(StoreError::SubdomainTaken);
    }
    batch
        .db
        .prepare_cached("INSERT INTO shops (id, subdomain, name, dev, created_at) VALUES (?, ?, ?, ?, ?)")?
        .execute(params![
            shop.id.as_bytes(),
            shop.subdomain.as_str(),
            shop.name.as_ref().map(Name::as_str),
            shop.dev,
            shop.created_at.as_millis()
        ])?;
    Ok(())
}

pub(super) fn get(db: &Connection, id: ShopId) -> Result<Option<Shop>> {
    let sql = select(" WHERE s.id = ?");
    Ok(rows::one(db, &sql, [id.as_bytes()], |row| rows::shop(row, 0))?.map(|(_, shop)| shop))
}

pub(super) fn list(db: &Connection, after: Option<i64>, limit: u32) -> Result<Vec<(i64, Shop)>> {
    let sql = select(" WHERE s.seq < ? ORDER BY s.seq DESC LIMIT ?");
    rows::all(db, &sql, params![after.unwrap_or(i64::MAX), limit], |row| rows::shop(row, 0))
}

pub(super) fn update(
    batch: &mut Batch<'_>,
    id: ShopId,
    subdomain: Option<&Subdomain>,
    name: &Patch<Name>,
) -> Result<Option<Shop>> {
    let Some(mut shop) = get(batch.db, id)? else { return Ok(None) };
    if let Some(subdomain) = subdomain {
        if is_taken(batch.db, subdomain.as_str(), id)? {
            return Err(StoreError::SubdomainTaken);
        }
        shop.subdomain = subdomain.clone();
    }
    shop.name = name.clone().apply(shop.name);
    batch.db.prepare_cached("UPDATE shops SET subdomain = ?, name = ? WHERE id = ?")?.execute(params![
        shop.subdomain.as_str(),
        shop.name.as_ref().map(Name::as_str),
        id.as_bytes()
    ])?;
    batch.forget_routes(id);
    Ok(Some(shop))
}

fn is_taken(db: &Connection, subdomain: &str, by_other_than: ShopId) -> Result<bool> {
    let sql = "SELECT 1 FROM shops WHERE subdomain = ? AND id <> ?";
    Ok(rows::value::<i64>(db, sql, params![subdomain, by_other_than.as_bytes()])?.is_some())
}

fn select(rest: &str) -> String {
    format!("SELECT {} FROM shops s{rest}", rows::SHOP)
}
