//! Shops.

use deadpool_postgres::Transaction;
use sellvik_domain::{Name, Patch, Shop, ShopId, Subdomain};
use tokio_postgres::error::SqlState;

use super::rows;
use super::session::Sessions;
use crate::{Result, StoreError};

pub(super) async fn create(tx: &Transaction<'_>, shop: &Shop) -> Result<()> {
    let sql = "INSERT INTO shops (id, subdomain, name, dev, created_at) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT DO NOTHING";
    let made = tx
        .execute(
            &tx.prepare_cached(sql).await?,
            &[
                &rows::id(shop.id.as_bytes()),
                &shop.subdomain.as_str(),
                &shop.name.as_ref().map(Name::as_str),
                &shop.dev,
                &shop.created_at.as_millis(),
            ],
        )
        .await?;
    if made == 0 { Err(StoreError::SubdomainTaken) } else { Ok(()) }
}

pub(super) async fn get(sessions: &Sessions, id: ShopId) -> Result<Option<Shop>> {
    let row = sessions.one(&select("WHERE s.id = $1"), &[&rows::id(id.as_bytes())]).await?;
    row.map(|row| Ok(rows::shop(&row, 0)?.1)).transpose()
}

pub(super) async fn list(sessions: &Sessions, after: Option<i64>, limit: u32) -> Result<Vec<(i64, Shop)>> {
    let sql = select("WHERE s.seq < $1 ORDER BY s.seq DESC LIMIT $2");
    let found = sessions.all(&sql, &[&after.unwrap_or(i64::MAX), &i64::from(limit)]).await?;
    rows::each(&found, |row| rows::shop(row, 0))
}

pub(super) async fn update(
    tx: &Transaction<'_>,
    id: ShopId,
    subdomain: Option<&Subdomain>,
    name: &Patch<Name>,
) -> Result<Option<Shop>> {
    let sql = select("WHERE s.id = $1 FOR UPDATE");
    let found = tx.query_opt(&tx.prepare_cached(&sql).await?, &[&rows::id(id.as_bytes())]).await?;
    let Some(found) = found else { return Ok(None) };
    let (seq, mut shop) = rows::shop(&found, 0)?;
    if let Some(subdomain) = subdomain {
        shop.subdomain = subdomain.clone();
    }
    shop.name = name.clone().apply(shop.name);
    let sql = "UPDATE shops SET subdomain = $1, name = $2 WHERE seq = $3";
    let statement = tx.prepare_cached(sql).await?;
    let name = shop.name.as_ref().map(Name::as_str);
    match tx.execute(&statement, &[&shop.subdomain.as_str(), &name, &seq]).await {
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Err(StoreError::SubdomainTaken),
        done => done.map(|_| Some(shop)).map_err(StoreError::from),
    }
}

fn select(rest: &str) -> String {
    format!("SELECT {} FROM shops s {rest}", rows::SHOP)
}
