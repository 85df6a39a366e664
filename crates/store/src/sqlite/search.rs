//! What the panel asks of a webhook's history: filtered deliveries within bounds, and hourly counts.

use rusqlite::{Connection, named_params, params};
use sellvik_domain::{
    Delivery, DeliveryId, DeliveryStatus, HOUR, HourCounts, Lane, ShopId, Timestamp, WebhookHour, WebhookId,
};

use super::{lanes, rows};
use crate::{DeliverySearch, Found, Result};

/// Deliveries looked at for one page: what is filtered by type has no index of its own, so a rare type
/// is searched for in steps of this many.
const LOOKED_AT_MAX: u32 = 1000;

pub(super) fn search(
    db: &Connection,
    shop: ShopId,
    webhook: WebhookId,
    search: &DeliverySearch,
    after: Option<DeliveryId>,
    limit: u32,
) -> Result<Found> {
    // One snapshot, so that the stretch looked at and what was found in it agree.
    let snapshot = db.unchecked_transaction()?;
    let Some(lane) = lanes::lane(&snapshot, shop, webhook)? else { return Ok(Found::default()) };
    let from = search.since.map_or([0; 16], rows::first_id_at);
    let to = search.until.map_or([0xff; 16], rows::first_id_at);
    let below = after.map_or(to, |after| to.min(*after.as_bytes()));
    let edge: Option<[u8; 16]> = rows::one(
        &snapshot,
        &edge_sql(search.status),
        named_params! {":lane": lane.0, ":below": below, ":from": from},
        |row| row.get(0),
    )?;
    let items = rows::all(
        &snapshot,
        &found_sql(search.status),
        named_params! {
            ":lane": lane.0, ":below": below, ":from": edge.unwrap_or(from), ":limit": limit,
            ":kind": search.kind.as_ref().map(sellvik_domain::EventType::as_str),
        },
        rows::delivery,
    )?;
    let full = items.len() >= limit as usize;
    let more_behind = if full { None } else { edge.map(DeliveryId::from_bytes) };
    Ok(Found { items, more_behind })
}

/// Where looking stops: the last delivery of a whole step; none where the list ends before.
pub(super) fn edge_sql(status: Option<DeliveryStatus>) -> String {
    let (index, and) = rows::list_of(status);
    format!(
        "SELECT d.id FROM deliveries d INDEXED BY {index}
         WHERE d.webhook = :lane AND d.id < :below AND d.id >= :from {and}
         ORDER BY d.id DESC LIMIT 1 OFFSET {}",
        LOOKED_AT_MAX - 1
    )
}

pub(super) fn found_sql(status: Option<DeliveryStatus>) -> String {
    let (index, and) = rows::list_of(status);
    format!(
        "SELECT {} FROM deliveries d INDEXED BY {index} CROSS JOIN events e ON e.seq = d.event
         WHERE d.webhook = :lane AND d.id < :below AND d.id >= :from {and} AND (:kind IS NULL OR e.kind = :kind)
         ORDER BY d.id DESC LIMIT :limit",
        rows::DELIVERY
    )
}

pub(super) fn of_event(
    db: &Connection,
    shop: ShopId,
    webhook: WebhookId,
    event: &str,
    limit: u32,
) -> Result<Vec<Delivery>> {
    let snapshot = db.unchecked_transaction()?;
    let Some(lane) = lanes::lane(&snapshot, shop, webhook)? else { return Ok(Vec::new()) };
    let sql = "SELECT e.seq, e.accepted_at FROM events e JOIN shops s ON s.seq = e.shop
               WHERE s.id = ? AND e.id = ?";
    let found = rows::one(&snapshot, sql, params![shop.as_bytes(), event], |row| {
        Ok((row.get::<_, i64>(0)?, rows::time(row, 1)?))
    })?;
    let Some((seq, accepted)) = found else { return Ok(Vec::new()) };
    let next = Timestamp::from_millis(accepted.as_millis() + 1);
    let mut items = rows::all(
        &snapshot,
        &of_event_sql("deliveries_made_anew", MADE_ANEW),
        params![seq, lane.0, limit],
        rows::delivery,
    )?;
    items.extend(rows::all(
        &snapshot,
        &of_event_sql("deliveries_of_webhook", MADE_FIRST),
        params![seq, lane.0, limit, rows::first_id_at(accepted), rows::first_id_at(next)],
        rows::delivery,
    )?);
    items.sort_unstable_by_key(|delivery| std::cmp::Reverse(delivery.id));
    items.dedup_by_key(|delivery| delivery.id);
    items.truncate(limit as usize);
    Ok(items)
}

/// An event's deliveries to one webhook that were made anew, the newest first: those have an index.
pub(super) const MADE_ANEW: &str = "d.webhook = ?2 AND d.redelivery_of IS NOT NULL ORDER BY d.seq DESC";

/// Its other ones: among those of its moment.
pub(super) const MADE_FIRST: &str = "d.webhook = ?2 AND d.id >= ?4 AND d.id < ?5 ORDER BY d.id DESC";

/// An event's deliveries to one webhook, by either of two indexes.
pub(super) fn of_event_sql(index: &str, which: &str) -> String {
    format!(
        "SELECT {} FROM deliveries d INDEXED BY {index} CROSS JOIN events e ON e.seq = d.event
         WHERE d.event = ?1 AND {which} LIMIT ?3",
        rows::DELIVERY
    )
}

pub(super) fn hours(
    db: &Connection,
    shop: ShopId,
    webhooks: &[WebhookId],
    since: Timestamp,
) -> Result<Vec<(WebhookId, Vec<WebhookHour>)>> {
    let mut all = Vec::with_capacity(webhooks.len());
    for webhook in webhooks {
        let Some(lane) = lanes::lane(db, shop, *webhook)? else { continue };
        all.push((*webhook, hours_of(db, lane, since)?));
    }
    Ok(all)
}

pub(super) const HOURS: &str = "SELECT hour, succeeded, failed, dropped, le_10, le_25, le_50, le_100, le_250,
        le_500, le_1000, le_2500, le_5000, le_10000, beyond
    FROM webhook_hours WHERE webhook = ? AND hour >= ? ORDER BY hour";

fn hours_of(db: &Connection, lane: Lane, since: Timestamp) -> Result<Vec<WebhookHour>> {
    let hour_ms = i64::try_from(HOUR.as_millis()).unwrap_or(i64::MAX);
    rows::all(db, HOURS, params![lane.0, since.as_millis() / hour_ms], |row| {
        let mut counts = HourCounts {
            succeeded: row.get(1)?,
            failed: row.get(2)?,
            dropped: row.get(3)?,
            ..HourCounts::default()
        };
        for (at, bucket) in counts.buckets.iter_mut().enumerate() {
            *bucket = row.get(at + 4)?;
        }
        Ok(WebhookHour { begins: Timestamp::from_millis(row.get::<_, i64>(0)? * hour_ms), counts })
    })
}
