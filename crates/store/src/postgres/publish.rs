//! Publishing: events and one delivery per subscribed webhook, for many callers in one transaction.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Transaction;
use sellvik_domain::{
    Chain, Delivery, DeliveryId, DeliveryState, Lane, ShopId, WebhookId, delivery_id_of_family,
};
use tokio_postgres::Row;
use uuid::Uuid;

use super::bulk::{self, Bulk as _};
use super::ledger::{Ledger, Promises};
use super::tables::{EventIdRow, EventIds, EventRow, Events, NewQueue, NewRow};
use super::{lanes, routes, rows};
use crate::envelope::envelope;
use crate::routes::Routes;
use crate::{EventBody, Lease, Leased, NewEvent, Published, Result, StoreError};

/// The epoch of a delivery's first claim.
const FIRST_EPOCH: i64 = 1;

/// An event on its way into the ledger.
pub(super) struct Planned<'a> {
    event: &'a NewEvent,
    /// Where the ledger has its shop.
    shop: i64,
    /// Its key: the id of the first delivery made of it.
    key: DeliveryId,
    /// None where nobody wants it.
    body: Option<Arc<EventBody>>,
    deliveries: Vec<NewDelivery>,
}

impl<'a> Planned<'a> {
    /// An event for these lanes.
    pub(super) fn new(routes: &Routes, event: &'a NewEvent, lanes: &[Lane], test: bool) -> Result<Self> {
        let key = delivery_id_of_family(event.accepted_at, event.seed, 0);
        let body = if lanes.is_empty() { None } else { Some(Arc::new(body(routes, event, test)?)) };
        let shop = Shop { seq: routes.seq, id: event.shop };
        let deliveries = (0..).zip(lanes).map(|(k, lane)| {
            let id = delivery_id_of_family(event.accepted_at, event.seed, k);
            NewDelivery::new(shop, *lane, id, key, test)
        });
        let deliveries = deliveries.collect();
        Ok(Self { event, shop: routes.seq, key, body, deliveries })
    }

    fn published(&self, duplicate: bool) -> Published {
        let deliveries = u32::try_from(self.deliveries.len()).unwrap_or(u32::MAX);
        Published { id: self.event.id.clone(), deliveries, duplicate }
    }
}

fn body(routes: &Routes, event: &NewEvent, test: bool) -> Result<EventBody> {
    Ok(EventBody {
        id: event.id.clone(),
        kind: event.kind.clone(),
        subdomain: routes.shop.subdomain.clone(),
        envelope: envelope(&routes.shop, event, test)?,
    })
}

/// A shop, as the ledger and as the world know it.
#[derive(Clone, Copy)]
pub(super) struct Shop {
    pub(super) seq: i64,
    pub(super) id: ShopId,
}

/// A delivery to write, due when it is made; leased where dispatch has room for it.
pub(super) struct NewDelivery {
    pub(super) id: DeliveryId,
    pub(super) shop: Shop,
    pub(super) lane: Lane,
    /// The key of the event, in the partition of this delivery's day.
    pub(super) event: DeliveryId,
    pub(super) test: bool,
    /// What it repeats, and that one's event's first key.
    pub(super) repeats: Option<(DeliveryId, DeliveryId)>,
    /// Whether it is leased, once dispatch was asked.
    leased: Option<bool>,
}

impl NewDelivery {
    pub(super) fn new(shop: Shop, lane: Lane, id: DeliveryId, event: DeliveryId, test: bool) -> Self {
        Self { id, shop, lane, event, test, repeats: None, leased: None }
    }

    /// The row to write: leased to this node if dispatch has room for so many bytes. It is asked once, however
    /// often the row is written.
    pub(super) fn row(&mut self, promises: &mut Promises, node: i32, bytes: usize) -> NewRow {
        let (shop, lane) = (self.shop.id, self.lane);
        let leased = *self.leased.get_or_insert_with(|| promises.reserve(shop, lane, bytes));
        NewRow {
            id: rows::id(self.id.as_bytes()),
            shop: self.shop.seq,
            webhook: self.lane.0,
            event: rows::id(self.event.as_bytes()),
            due: rows::made_at(self.id).as_millis(),
            test: self.test,
            redelivery_of: self.repeats.map(|(repeated, _)| rows::id(repeated.as_bytes())),
            origin: self.repeats.map(|(_, origin)| rows::id(origin.as_bytes())),
            owner: leased.then_some(node),
        }
    }

    /// It was written: dispatch has it, or is to know that it waits.
    pub(super) fn promise(&self, promises: &mut Promises, body: &Arc<EventBody>) {
        let at = rows::made_at(self.id);
        if self.leased != Some(true) {
            return promises.tell_unplaced(self.lane, at);
        }
        promises.hand_over(Leased {
            lease: Lease::of(self.id, FIRST_EPOCH),
            lane: self.lane,
            delivery: self.id,
            chain: Chain { origin: at, entry: 0, client_error: false, test: self.test },
            attempts: 0,
            due: at,
            event: body.clone(),
        });
    }
}

/// How often a publish whose commit got no answer is made again, and after which pause: as long as a failover
/// usually takes.
const TRIES_MAX: u32 = 50;
const TRY_PAUSE: Duration = Duration::from_millis(200);

/// Publishes events; the answers are in their order.
pub(super) async fn all(ledger: &Ledger, events: &[NewEvent]) -> Result<Vec<Result<Published>>> {
    let mut shops: Vec<ShopId> = events.iter().map(|event| event.shop).collect();
    shops.sort_unstable();
    shops.dedup();
    let routes = routes::of(ledger, &shops).await?;
    let mut promises = ledger.promises();
    let mut planned = Vec::with_capacity(events.len());
    for event in events {
        let Some(routes) = routes.get(&event.shop) else { continue };
        let lanes = routes.subscribed(&event.kind);
        planned.push(Planned::new(routes, event, &lanes, false)?);
    }
    ledger.partitions.ensure(ledger, planned.iter().map(|planned| planned.event.accepted_at)).await?;
    let taken = commit(ledger, &mut promises, &mut planned).await?;
    promise(&mut promises, &planned, &taken);
    promises.keep();
    let mut taken = taken.into_iter();
    // Those of unknown shops were not planned.
    let mut answer = |event: &NewEvent| routes.contains_key(&event.shop).then(|| taken.next()).flatten();
    Ok(events.iter().map(|event| answer(event).unwrap_or(Err(StoreError::ShopUnknown))).collect())
}

/// Writes events in a transaction of their own. Where the answer to its commit is lost, it is simply made again:
/// the ids wait for whoever is still taking them, and a key that is there already says that it was us.
async fn commit(
    ledger: &Ledger,
    promises: &mut Promises,
    planned: &mut [Planned<'_>],
) -> Result<Vec<Result<Published>>> {
    for tried in 0..TRIES_MAX {
        if tried > 0 {
            tokio::time::sleep(TRY_PAUSE).await;
        }
        let written = async {
            let mut db = ledger.sessions.get().await?;
            let tx = db.transaction().await?;
            let taken = write_again(ledger, &tx, promises, planned, tried > 0).await?;
            Ok::<_, StoreError>((tx.commit().await, taken))
        };
        match written.await {
            Ok((Ok(()), taken)) => return Ok(taken),
            Ok((Err(lost), _)) => {
                tracing::warn!(error = %lost, "the answer to a commit was lost; the events are published again");
            }
            Err(error) if tried == 0 => return Err(error),
            Err(_) => {}
        }
    }
    Err(StoreError::OutcomeUnknown)
}

/// Writes events whose ids were not taken, and says of each what became of it.
pub(super) async fn write(
    ledger: &Ledger,
    tx: &Transaction<'_>,
    promises: &mut Promises,
    planned: &mut [Planned<'_>],
) -> Result<Vec<Result<Published>>> {
    write_again(ledger, tx, promises, planned, false).await
}

/// The same; `lost` where it may be on record already, by a commit whose answer did not come.
async fn write_again(
    ledger: &Ledger,
    tx: &Transaction<'_>,
    promises: &mut Promises,
    planned: &mut [Planned<'_>],
    lost: bool,
) -> Result<Vec<Result<Published>>> {
    let mut fresh = take_ids(tx, planned).await?;
    let mut known = if fresh.len() < planned.len() { known(tx, planned).await? } else { HashMap::new() };
    let (mut events, mut queue) = (Events::default(), NewQueue::default());
    let mut answers = Vec::with_capacity(planned.len());
    for planned in &mut *planned {
        let key = rows::id(planned.key.as_bytes());
        if !fresh.remove(&key) {
            let id = (planned.shop, planned.event.id.as_str().to_owned());
            answers.push(repeated(planned, known.get_mut(&id), lost));
            continue;
        }
        if let Some(body) = &planned.body {
            events.push(event_row(key, planned.shop, body));
            let bytes = body.envelope.len();
            for delivery in &mut planned.deliveries {
                queue.push(delivery.row(promises, ledger.node, bytes));
            }
        }
        answers.push(Ok(planned.published(false)));
    }
    let lease = ledger.lease_secs();
    tokio::try_join!(biased; bulk::write(tx, &events), bulk::write_with(tx, &queue, Some(&lease)))?;
    Ok(answers)
}

/// What is promised of events that were written.
pub(super) fn promise(promises: &mut Promises, planned: &[Planned<'_>], taken: &[Result<Published>]) {
    for (planned, taken) in planned.iter().zip(taken) {
        if let Some(body) = &planned.body
            && taken.as_ref().is_ok_and(|published| !published.duplicate)
        {
            for delivery in &planned.deliveries {
                delivery.promise(promises, body);
            }
        }
    }
}

pub(super) fn event_row(key: Uuid, shop: i64, body: &EventBody) -> EventRow<'_> {
    EventRow {
        id: key,
        shop,
        name: body.id.as_str(),
        kind: body.kind.as_str(),
        subdomain: body.subdomain.as_str(),
        envelope: &body.envelope,
    }
}

/// Takes the ids that nobody has; the keys of those.
async fn take_ids(tx: &Transaction<'_>, planned: &[Planned<'_>]) -> Result<HashSet<Uuid>> {
    let mut ids = EventIds::default();
    for planned in planned {
        ids.push(EventIdRow {
            shop: planned.shop,
            id: planned.event.id.as_str(),
            event: rows::id(planned.key.as_bytes()),
            needed_at: planned.event.accepted_at.as_millis(),
            deliveries: i32::try_from(planned.deliveries.len()).unwrap_or(i32::MAX),
            fingerprint: &planned.event.fingerprint,
        });
    }
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let statement = tx.prepare_cached(EventIds::sql()).await?;
    let inserted = tx.query(&statement, &ids.params()).await?;
    inserted.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// What is on record of an id.
struct Known {
    event: Uuid,
    deliveries: u32,
    fingerprint: Vec<u8>,
}

pub(super) const KNOWN: &str = "SELECT i.shop, i.id, i.event, i.deliveries, i.fingerprint
     FROM unnest($1::bigint[], $2::text[]) AS u (shop, id)
     CROSS JOIN LATERAL (SELECT * FROM event_ids WHERE shop = u.shop AND id = u.id LIMIT 1) i";

async fn known(tx: &Transaction<'_>, planned: &[Planned<'_>]) -> Result<HashMap<(i64, String), Known>> {
    let (shops, ids): (Vec<i64>, Vec<&str>) =
        planned.iter().map(|planned| (planned.shop, planned.event.id.as_str())).unzip();
    let found = tx.query(&tx.prepare_cached(KNOWN).await?, &[&shops, &ids]).await?;
    let read = |row: &Row| {
        let known =
            Known { event: row.try_get(2)?, deliveries: rows::count(row, 3)?, fingerprint: row.try_get(4)? };
        Ok(((row.try_get(0)?, row.try_get(1)?), known))
    };
    found.iter().map(read).collect()
}

fn repeated(planned: &Planned<'_>, known: Option<&mut Known>, lost: bool) -> Result<Published> {
    let key = rows::id(planned.key.as_bytes());
    match known {
        // It was us; whoever repeats it in the same breath is told so.
        Some(known) if lost && known.event == key => {
            known.event = Uuid::nil();
            Ok(planned.published(false))
        }
        Some(known) if known.fingerprint == planned.event.fingerprint => {
            Ok(Published { deliveries: known.deliveries, ..planned.published(true) })
        }
        _ => Err(StoreError::EventIdConflict),
    }
}

/// A test event to one webhook.
pub(super) async fn test(ledger: &Ledger, webhook: WebhookId, event: &NewEvent) -> Result<Option<Delivery>> {
    let Some(lane) = lanes::lane(&ledger.sessions, event.shop, webhook).await? else { return Ok(None) };
    let routes = routes::of(ledger, &[event.shop]).await?;
    let routes = routes.get(&event.shop).ok_or(StoreError::ShopUnknown)?;
    ledger.partitions.ensure(ledger, [event.accepted_at]).await?;
    let mut promises = ledger.promises();
    let mut planned = [Planned::new(routes, event, &[lane.lane], true)?];
    let mut db = ledger.sessions.get().await?;
    let tx = db.transaction().await?;
    let taken = write(ledger, &tx, &mut promises, &mut planned).await?;
    ledger.sessions.commit(tx).await?;
    promise(&mut promises, &planned, &taken);
    promises.keep();
    Ok(Some(Delivery {
        id: planned[0].key,
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
