//! From a shop's webhook to its lane: where tenancy is enforced for everything below a webhook.

use rusqlite::{Connection, params};
use sellvik_domain::{Lane, ShopId, WebhookId};

use super::rows;
use crate::Result;

/// The lane of a shop's living webhook.
pub(super) fn lane(db: &Connection, shop: ShopId, id: WebhookId) -> Result<Option<Lane>> {
    let sql = "SELECT w.seq FROM webhooks w JOIN shops s ON s.seq = w.shop
               WHERE w.id = ? AND s.id = ? AND w.deleted_at IS NULL";
    Ok(rows::value(db, sql, params![id.as_bytes(), shop.as_bytes()])?.map(Lane))
}

/// The lane of a shop's living webhook, and whether it is enabled.
pub(super) fn lane_and_enabled(db: &Connection, shop: ShopId, id: WebhookId) -> Result<Option<(Lane, bool)>> {
    let Some(lane) = lane(db, shop, id)? else { return Ok(None) };
    let enabled = rows::value(db, "SELECT enabled FROM webhooks WHERE seq = ?", [lane.0])?;
    Ok(Some((lane, enabled.unwrap_or(false))))
}
