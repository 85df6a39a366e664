//! Publishing: one event, and one delivery per subscribed webhook, in the batch's transaction.

use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _, Statement, params};
use sellvik_domain::{
    Chain, Delivery, DeliveryId, DeliveryState, Lane, ShopId, Timestamp, WebhookId, delivery_id_of_family,
};

use super::batch::Batch;
use super::{routes, rows};
use crate::envelope::envelope;
use crate::routes::Routes;
use crate::{EventBody, Leased, NewEvent, Published, Result, StoreError};

pub(super) fn all(batch: &mut Batch<'_>, events: &[NewEvent]) -> Result<Vec<Result<Published>>> {
    events
        .iter()
        .map(|event| match one(batch, event) {
            Err(StoreError::Unavailable(cause)) => Err(StoreError::Unavailable(cause)),
            answer => Ok(answer),
        })
        .collect()
}

fn one(batch: &mut Batch<'_>, event: &NewEvent) -> Result<Published> {
    let routes = routes_of(batch, event.shop)?;
    let lanes = routes.subscribed(&event.kind);
    fan_out(batch, &routes, event, &lanes, false)
}

/// The `webhook.failed` of a drop: to the shop's other webhooks that want it; none such, no event.
pub(super) fn notice(batch: &mut Batch<'_>, event: &NewEvent, failed: Lane) -> Result<()> {
    let routes = routes_of(batch, event.shop)?;
    let mut lanes = routes.subscribed(&event.kind);
    lanes.retain(|lane| *lane != failed);
    if !lanes.is_empty() {
        fan_out(batch, &routes, event, &lanes, false)?;
    }
    Ok(())
}

pub(super) fn test(batch: &mut Batch<'_>, webhook: WebhookId, event: &NewEvent) -> Result<Option<Delivery>> {
    let Some(lane) = super::lanes::lane(batch.db, event.shop, webhook)? else { return Ok(None) };
    let routes = routes_of(batch, event.shop)?;
    fan_out(batch, &routes, event, &[lane], true)?;
    Ok(Some(Delivery {
        id: delivery_id_of_family(event.accepted_at, event.seed, 0),
        event: event.id.clone(),
        kind: event.kind.clone(),
        created_at: event.accepted_at,
        state: DeliveryState::Pending { due: event.accepted_at },
        attempts: 0,
        last: None,
        test: true,
        redelivery_of: None,
    }))
}

fn routes_of(batch: &mut Batch<'_>, shop: ShopId) -> Result<Arc<Routes>> {
    batch.routes(shop, |db| routes::load(db, shop))?.ok_or(StoreError::ShopUnknown)
}

fn fan_out(
    batch: &mut Batch<'_>,
    routes: &Routes,
    event: &NewEvent,
    lanes: &[Lane],
    test: bool,
) -> Result<Published> {
    let envelope = if lanes.is_empty() { None } else { Some(envelope(&routes.shop, event, test)?) };
    let at = event.accepted_at;
    let deliveries = u32::try_from(lanes.len()).unwrap_or(u32::MAX);
    let inserted = batch
        .db
        .prepare_cached(
            "INSERT INTO events (shop, id, kind, subdomain, accepted_at, needed_at, deliveries, fingerprint, envelope)
             VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, ?8) ON CONFLICT (shop, id) DO NOTHING",
        )?
        .execute(params![
            routes.seq,
            event.id.as_str(),
            event.kind.as_str(),
            routes.shop.subdomain.as_str(),
            at.as_millis(),
            deliveries,
            event.fingerprint,
            envelope.as_deref()
        ])?;
    if inserted == 0 {
        return repeated(batch.db, routes.seq, event);
    }
    if let Some(envelope) = envelope {
        let row = batch.db.last_insert_rowid();
        let body = Arc::new(EventBody {
            id: event.id.clone(),
            kind: event.kind.clone(),
            subdomain: routes.shop.subdomain.clone(),
            envelope,
        });
        let mut insertion = batch.db.prepare_cached(INSERT)?;
        for (k, lane) in (0..).zip(lanes) {
            let id = delivery_id_of_family(at, event.seed, k);
            let shop = event.shop;
            let new = NewDelivery { id, shop, lane: *lane, event: row, at, test, redelivery_of: None };
            insert(batch, &mut insertion, &new, &body)?;
        }
    }
    Ok(Published { id: event.id.clone(), deliveries, duplicate: false })
}

fn repeated(db: &Connection, shop: i64, event: &NewEvent) -> Result<Published> {
    let first = db
        .prepare_cached("SELECT fingerprint, deliveries FROM events WHERE shop = ? AND id = ?")?
        .query_row(params![shop, event.id.as_str()], |row| Ok((row.get::<_, [u8; 32]>(0)?, row.get(1)?)))
        .optional()?;
    match first {
        Some((fingerprint, deliveries)) if fingerprint == event.fingerprint => {
            Ok(Published { id: event.id.clone(), deliveries, duplicate: true })
        }
        _ => Err(StoreError::EventIdConflict),
    }
}

/// A delivery to insert, due at once.
pub(super) struct NewDelivery {
    pub(super) id: DeliveryId,
    pub(super) shop: ShopId,
    pub(super) lane: Lane,
    pub(super) event: i64,
    pub(super) at: Timestamp,
    pub(super) test: bool,
    pub(super) redelivery_of: Option<DeliveryId>,
}

/// The statement that [`insert`] runs.
pub(super) const INSERT: &str = "INSERT INTO deliveries
        (id, webhook, event, created_at, status, due, entry, client_error, test, redelivery_of, attempts)
     VALUES (?1, ?2, ?3, ?4, 0, ?4, 0, 0, ?5, ?6, 0)";

/// Inserts a delivery; leased and handed straight to dispatch if there is room, waiting otherwise.
pub(super) fn insert(
    batch: &mut Batch<'_>,
    insertion: &mut Statement<'_>,
    new: &NewDelivery,
    body: &Arc<EventBody>,
) -> Result<()> {
    let leased = batch.reserve(new.shop, new.lane, body.envelope.len());
    insertion.execute(params![
        new.id.as_bytes(),
        new.lane.0,
        new.event,
        new.at.as_millis(),
        new.test,
        new.redelivery_of.as_ref().map(DeliveryId::as_bytes)
    ])?;
    if leased {
        let lease = batch.leases().take(batch.db.last_insert_rowid(), batch.shared.lease_until());
        batch.hand_over(Leased {
            lease,
            lane: new.lane,
            delivery: new.id,
            chain: Chain { origin: new.at, entry: 0, client_error: false, test: new.test },
            attempts: 0,
            due: new.at,
            event: body.clone(),
        });
    } else {
        batch.tell_waiting(new.lane, new.at);
    }
    Ok(())
}

/// The body of a stored event.
pub(super) fn body(db: &Connection, event: i64) -> Result<Option<Arc<EventBody>>> {
    let sql = "SELECT id, kind, subdomain, envelope FROM events WHERE seq = ? AND envelope IS NOT NULL";
    let body = rows::one(db, sql, [event], |row| {
        Ok(EventBody {
            id: rows::event_id(row, 0)?,
            kind: rows::kind(row, 1)?,
            subdomain: rows::subdomain(row, 2)?,
            envelope: Bytes::from(row.get::<_, Vec<u8>>(3)?),
        })
    })?;
    Ok(body.map(Arc::new))
}
