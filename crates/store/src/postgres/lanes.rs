//! From a shop's webhook to its lane: where tenancy is enforced for everything below a webhook.

use deadpool_postgres::Transaction;
use sellvik_domain::{Lane, ShopId, WebhookId};
use tokio_postgres::Row;

use super::publish::Shop;
use super::rows;
use super::session::Sessions;
use crate::Result;

/// A shop's living webhook.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) lane: Lane,
    pub(super) shop: Shop,
    pub(super) enabled: bool,
}

const LANE: &str = "SELECT w.seq, w.shop, w.enabled FROM webhooks w JOIN shops s ON s.seq = w.shop
     WHERE w.id = $1 AND s.id = $2 AND w.deleted_at IS NULL";

fn read(row: &Row, shop: ShopId) -> Result<Found> {
    let shop = Shop { seq: row.try_get(1)?, id: shop };
    Ok(Found { lane: Lane(row.try_get(0)?), shop, enabled: row.try_get(2)? })
}

pub(super) async fn lane(sessions: &Sessions, shop: ShopId, id: WebhookId) -> Result<Option<Found>> {
    let row = sessions.one(LANE, &[&rows::id(id.as_bytes()), &rows::id(shop.as_bytes())]).await?;
    row.map(|row| read(&row, shop)).transpose()
}

/// The same within a transaction, in which the webhook then stays as it is.
pub(super) async fn hold(tx: &Transaction<'_>, shop: ShopId, id: WebhookId) -> Result<Option<Found>> {
    let statement = tx.prepare_cached(&format!("{LANE} FOR UPDATE OF w")).await?;
    let row = tx.query_opt(&statement, &[&rows::id(id.as_bytes()), &rows::id(shop.as_bytes())]).await?;
    row.map(|row| read(&row, shop)).transpose()
}
