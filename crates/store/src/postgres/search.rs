//! What the panel asks of a webhook's history: filtered deliveries within bounds, and hourly counts.

use std::collections::HashMap;

use sellvik_domain::{
    Delivery, DeliveryId, DeliveryStatus, EventType, HOUR, HourCounts, ShopId, Timestamp, WebhookHour,
    WebhookId,
};
use tokio_postgres::{IsolationLevel, Row};
use uuid::Uuid;

use super::ledger::Ledger;
use super::stretches::{stretches, with_event};
use super::{lanes, rows};
use crate::{DeliverySearch, Found, Result, StoreError};

/// Deliveries looked at for one page: what is filtered by type has no index of its own, so a rare type
/// is searched for in steps of this many.
const LOOKED_AT_MAX: u32 = 1000;

pub(super) async fn search(
    ledger: &Ledger,
    shop: ShopId,
    webhook: WebhookId,
    search: &DeliverySearch,
    after: Option<DeliveryId>,
    limit: u32,
) -> Result<Found> {
    let Some(hook) = lanes::lane(&ledger.sessions, shop, webhook).await? else { return Ok(Found::default()) };
    let from = search.since.map_or(Uuid::nil(), rows::first_id_at);
    let to = search.until.map_or(rows::LAST_ID, rows::first_id_at);
    let below = after.map_or(to, |after| to.min(rows::id(after.as_bytes())));
    let kind = search.kind.as_ref().map(EventType::as_str);
    let mut db = ledger.sessions.get().await?;
    // One snapshot, so that the stretch looked at and what was found in it agree.
    let snapshot = db.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let tx = snapshot.start().await?;
    let statement = tx.prepare_cached(&edge_sql(search.status)).await?;
    let edge = tx.query_opt(&statement, &[&hook.lane.0, &below, &from]).await?;
    let edge: Option<Uuid> = edge.map(|row| row.try_get(0)).transpose()?;
    let statement = tx.prepare_cached(&found_sql(search.status)).await?;
    let from = edge.unwrap_or(from);
    let found = tx.query(&statement, &[&hook.lane.0, &below, &from, &kind, &i64::from(limit)]).await?;
    let items = rows::each(&found, rows::delivery)?;
    let full = items.len() >= limit as usize;
    let more_behind = if full { None } else { edge.map(|id| DeliveryId::from_bytes(id.into_bytes())) };
    Ok(Found { items, more_behind })
}

fn step(status: Option<DeliveryStatus>) -> String {
    stretches(status, &format!("AND id < $2 AND id >= $3 ORDER BY id DESC LIMIT {LOOKED_AT_MAX}"))
}

/// Where looking stops: the last delivery of a whole step; none where the list ends before.
pub(super) fn edge_sql(status: Option<DeliveryStatus>) -> String {
    format!("SELECT id FROM ({}) s ORDER BY id DESC LIMIT 1 OFFSET {}", step(status), LOOKED_AT_MAX - 1)
}

pub(super) fn found_sql(status: Option<DeliveryStatus>) -> String {
    with_event(&step(status), "WHERE $4::text IS NULL OR e.kind = $4 ORDER BY d.id DESC LIMIT $5")
}

const EVENT: &str =
    "SELECT i.event FROM event_ids i JOIN shops s ON s.seq = i.shop WHERE s.id = $1 AND i.id = $2";

pub(super) async fn of_event(
    ledger: &Ledger,
    shop: ShopId,
    webhook: WebhookId,
    event: &str,
    limit: u32,
) -> Result<Vec<Delivery>> {
    let Some(hook) = lanes::lane(&ledger.sessions, shop, webhook).await? else { return Ok(Vec::new()) };
    let found = ledger.sessions.one(EVENT, &[&rows::id(shop.as_bytes()), &event]).await?;
    let Some(key) = found.map(|row| row.try_get::<_, Uuid>(0)).transpose()? else { return Ok(Vec::new()) };
    let accepted = rows::made_at(DeliveryId::from_bytes(key.into_bytes()));
    let first = rows::first_id_at(accepted);
    let next = rows::first_id_at(Timestamp::from_millis(accepted.as_millis() + 1));
    let (sql, limit) = (of_event_sql(), i64::from(limit));
    let found = ledger.sessions.all(&sql, &[&hook.lane.0, &key, &first, &next, &limit]).await?;
    rows::each(&found, rows::delivery)
}

/// An event's first deliveries are among those of its moment; those made anew have an index.
pub(super) fn of_event_sql() -> String {
    let firsts = stretches(None, "AND event = $2 AND origin IS NULL AND id >= $3 AND id < $4");
    let anew = [("queue", rows::UNDECIDED), ("history", rows::DECIDED)].map(|(table, columns)| {
        format!(
            "(SELECT {columns} FROM {table} WHERE origin = $2 AND webhook = $1 ORDER BY id DESC LIMIT $5)"
        )
    });
    with_event(
        &[firsts.as_str(), &anew.join(" UNION ALL ")].join(" UNION ALL "),
        "ORDER BY d.id DESC LIMIT $5",
    )
}

pub(super) const HOURS: &str =
    "SELECT h.hour, h.succeeded, h.failed, h.dropped, h.le_10, h.le_25, h.le_50, h.le_100, h.le_250,
        h.le_500, h.le_1000, h.le_2500, h.le_5000, h.le_10000, h.beyond, w.id
    FROM webhooks w JOIN shops s ON s.seq = w.shop
    LEFT JOIN webhook_hours h ON h.webhook = w.seq AND h.hour >= $3
    WHERE w.id = ANY($1::uuid[]) AND s.id = $2 AND w.deleted_at IS NULL ORDER BY w.id, h.hour";

pub(super) async fn hours(
    ledger: &Ledger,
    shop: ShopId,
    webhooks: &[WebhookId],
    since: Timestamp,
) -> Result<Vec<(WebhookId, Vec<WebhookHour>)>> {
    let hour_ms = i64::try_from(HOUR.as_millis()).unwrap_or(i64::MAX);
    let ids: Vec<Uuid> = webhooks.iter().map(|id| rows::id(id.as_bytes())).collect();
    let first = since.as_millis() / hour_ms;
    let found = ledger.sessions.all(HOURS, &[&ids, &rows::id(shop.as_bytes()), &first]).await?;
    let mut hours: HashMap<WebhookId, Vec<WebhookHour>> = HashMap::new();
    for row in &found {
        let of_webhook = hours.entry(WebhookId::from_bytes(rows::bytes(row, 15)?)).or_default();
        if let Some(hour) = row.try_get::<_, Option<i64>>(0)? {
            let begins = Timestamp::from_millis(hour * hour_ms);
            of_webhook.push(WebhookHour { begins, counts: counts(row)? });
        }
    }
    // In the order asked for; what the shop does not have is left out.
    Ok(webhooks.iter().filter_map(|id| hours.remove_entry(id)).collect())
}

fn counts(row: &Row) -> Result<HourCounts> {
    let count =
        |at: usize| Ok::<_, StoreError>(u32::try_from(row.try_get::<_, i64>(at)?).unwrap_or(u32::MAX));
    let mut counts =
        HourCounts { succeeded: count(1)?, failed: count(2)?, dropped: count(3)?, ..HourCounts::default() };
    for (at, bucket) in counts.buckets.iter_mut().enumerate() {
        *bucket = count(at + 4)?;
    }
    Ok(counts)
}
