//! Looking at deliveries, and sending one again.

use bytes::Bytes;
use rusqlite::{Connection, params};
use sellvik_domain::{
    Delivery, DeliveryId, DeliveryState, DeliveryStatus, Lane, ShopId, Timestamp, WebhookId,
    delivery_id_of_family,
};

use super::batch::Batch;
use super::publish::{self, NewDelivery};
use super::{lanes, rows};
use crate::{DeliveryDetail, Result, StoreError};

pub(super) fn list(
    db: &Connection,
    shop: ShopId,
    webhook: WebhookId,
    status: Option<DeliveryStatus>,
    after: Option<DeliveryId>,
    limit: u32,
) -> Result<Vec<Delivery>> {
    let Some(lane) = lanes::lane(db, shop, webhook)? else { return Ok(Vec::new()) };
    let after = after.map_or([0xff; 16], |id| *id.as_bytes());
    rows::all(db, &list_sql(status), params![lane.0, after, limit], rows::delivery)
}

/// Reads exactly a page of its status's own index: no scan, no sort.
pub(super) fn list_sql(status: Option<DeliveryStatus>) -> String {
    let (index, and) = rows::list_of(status);
    format!(
        "SELECT {} FROM deliveries d INDEXED BY {index} CROSS JOIN events e ON e.seq = d.event
         WHERE d.webhook = ?1 AND d.id < ?2 {and} ORDER BY d.id DESC LIMIT ?3",
        rows::DELIVERY
    )
}

pub(super) fn get(
    db: &Connection,
    shop: ShopId,
    webhook: WebhookId,
    id: DeliveryId,
) -> Result<Option<DeliveryDetail>> {
    // One snapshot: a settlement in between would show an attempt twice or not at all.
    let snapshot = db.unchecked_transaction()?;
    let Some(lane) = lanes::lane(&snapshot, shop, webhook)? else { return Ok(None) };
    let Some((row, event, delivery)) = find(&snapshot, lane, id)? else { return Ok(None) };
    let sql = "SELECT envelope, subdomain FROM events WHERE seq = ?";
    let sent = rows::one(&snapshot, sql, [event], |row| {
        Ok((row.get::<_, Option<Vec<u8>>>(0)?, rows::subdomain(row, 1)?))
    })?;
    let Some((body, subdomain)) = sent else { return Ok(None) };
    let sql = format!("SELECT {} FROM attempts WHERE delivery = ? ORDER BY number", rows::ATTEMPT);
    let mut attempts = rows::all(&snapshot, &sql, [row], |row| rows::attempt(row, 0, false))?;
    attempts.extend(delivery.last.clone());
    let body = Bytes::from(body.unwrap_or_default());
    Ok(Some(DeliveryDetail { delivery, subdomain, body, attempts }))
}

/// A delivery with its row and its event's.
fn find(db: &Connection, lane: Lane, id: DeliveryId) -> Result<Option<(i64, i64, Delivery)>> {
    let sql = format!(
        "SELECT {}, d.seq, d.event FROM deliveries d JOIN events e ON e.seq = d.event
         WHERE d.webhook = ? AND d.id = ?",
        rows::DELIVERY
    );
    rows::one(db, &sql, params![lane.0, id.as_bytes()], |row| {
        Ok((row.get(17)?, row.get(18)?, rows::delivery(row)?))
    })
}

pub(super) fn redeliver(
    batch: &mut Batch<'_>,
    shop: ShopId,
    webhook: WebhookId,
    id: DeliveryId,
    now: Timestamp,
    seed: [u8; 10],
) -> Result<Option<Delivery>> {
    let Some((lane, enabled)) = lanes::lane_and_enabled(batch.db, shop, webhook)? else { return Ok(None) };
    let Some((row, event, delivery)) = find(batch.db, lane, id)? else { return Ok(None) };
    if !enabled {
        return Err(StoreError::WebhookDisabled);
    }
    let fresh = delivery_id_of_family(now, seed, 0);
    let id = if again(
        batch,
        (shop, lane),
        &Candidate { row, event, id, status: delivery.state.status(), test: delivery.test },
        fresh,
        now,
    )? {
        fresh
    } else {
        id
    };
    Ok(find(batch.db, lane, id)?.map(|(_, _, delivery)| delivery))
}

/// A delivery to send again.
pub(super) struct Candidate {
    pub(super) row: i64,
    pub(super) event: i64,
    pub(super) id: DeliveryId,
    pub(super) status: DeliveryStatus,
    pub(super) test: bool,
}

/// Undecided: due now. Decided: a new delivery of the same event, named `fresh`; then true.
pub(super) fn again(
    batch: &mut Batch<'_>,
    (shop, lane): (ShopId, Lane),
    candidate: &Candidate,
    fresh: DeliveryId,
    now: Timestamp,
) -> Result<bool> {
    match candidate.status {
        DeliveryStatus::Pending | DeliveryStatus::Failed => {
            // An attempt that is under way is the redelivery. The entry steps back, because the one
            // it was waiting for is still to come.
            if batch.leases().is_held(candidate.row) {
                return Ok(false);
            }
            let sql = "UPDATE deliveries SET due = ?1, entry = max(entry - 1, 0) WHERE seq = ?2 AND due > ?1";
            let moved = batch.db.prepare_cached(sql)?.execute(params![now.as_millis(), candidate.row])?;
            if moved > 0 {
                batch.tell_waiting(lane, now);
            }
            Ok(false)
        }
        DeliveryStatus::Succeeded | DeliveryStatus::Dropped => {
            let Some(body) = publish::body(batch.db, candidate.event)? else { return Ok(false) };
            let sql = "UPDATE events SET needed_at = max(needed_at, ?) WHERE seq = ?";
            batch.db.prepare_cached(sql)?.execute(params![now.as_millis(), candidate.event])?;
            let new = NewDelivery {
                id: fresh,
                shop,
                lane,
                event: candidate.event,
                at: now,
                test: candidate.test,
                redelivery_of: Some(candidate.id),
            };
            let mut insertion = batch.db.prepare_cached(publish::INSERT)?;
            publish::insert(batch, &mut insertion, &new, &body)?;
            Ok(true)
        }
    }
}

/// The number of a state's status, as rows keep it.
pub(super) fn status_number(state: &DeliveryState) -> i64 {
    rows::number(&DeliveryStatus::ALL, &state.status())
}
