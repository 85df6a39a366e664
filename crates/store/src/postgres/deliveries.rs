//! Looking at deliveries, and sending one again.

use bytes::Bytes;
use deadpool_postgres::Transaction;
use sellvik_domain::{
    Delivery, DeliveryId, DeliveryStatus, ShopId, Timestamp, WebhookId, delivery_id_of_family,
};
use tokio_postgres::{IsolationLevel, Row};
use uuid::Uuid;

use super::ledger::{Ledger, Promises};
use super::partitions::day_of;
use super::publish::{NewDelivery, event_row};
use super::stretches::{stretches, with_event};
use super::tables::{Events, NewQueue};
use super::{bulk, claim, lanes, rows};
use crate::{DeliveryDetail, Result, StoreError};

pub(super) async fn list(
    ledger: &Ledger,
    shop: ShopId,
    webhook: WebhookId,
    status: Option<DeliveryStatus>,
    after: Option<DeliveryId>,
    limit: u32,
) -> Result<Vec<Delivery>> {
    let Some(found) = lanes::lane(&ledger.sessions, shop, webhook).await? else { return Ok(Vec::new()) };
    let after = after.map_or(rows::LAST_ID, |id| rows::id(id.as_bytes()));
    let page = ledger.sessions.all(&list_sql(status), &[&found.lane.0, &after, &i64::from(limit)]).await?;
    rows::each(&page, rows::delivery)
}

/// Reads at most a page of each stretch.
pub(super) fn list_sql(status: Option<DeliveryStatus>) -> String {
    let page = "ORDER BY id DESC LIMIT $3";
    let from = stretches(status, &format!("AND id < $2 {page}"));
    with_event(&format!("SELECT * FROM ({from}) s {page}"), "ORDER BY d.id DESC")
}

const SENT: &str = "SELECT envelope, subdomain FROM events WHERE id = $1";

pub(super) async fn get(
    ledger: &Ledger,
    shop: ShopId,
    webhook: WebhookId,
    id: DeliveryId,
) -> Result<Option<DeliveryDetail>> {
    let Some(found) = lanes::lane(&ledger.sessions, shop, webhook).await? else { return Ok(None) };
    let mut db = ledger.sessions.get().await?;
    // One snapshot: a settlement in between would show an attempt twice or not at all.
    let snapshot = db.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let tx = snapshot.start().await?;
    let Some((event, delivery)) = find(&tx, found.lane.0, id).await? else { return Ok(None) };
    let sent = tx.query_opt(&tx.prepare_cached(SENT).await?, &[&event]).await?;
    let Some(sent) = sent else { return Ok(None) };
    let sql = format!("SELECT {} FROM attempts WHERE delivery = $1 ORDER BY number", rows::ATTEMPT);
    let log = tx.query(&tx.prepare_cached(&sql).await?, &[&rows::id(id.as_bytes())]).await?;
    let mut attempts = rows::each(&log, |row| rows::attempt(row, 0, false))?;
    attempts.extend(delivery.last.clone());
    let body = Bytes::from(sent.try_get::<_, Vec<u8>>(0)?);
    Ok(Some(DeliveryDetail { delivery, subdomain: rows::subdomain(&sent, 1)?, body, attempts }))
}

pub(super) fn find_sql() -> String {
    with_event(&stretches(None, "AND id = $2"), "")
}

/// A delivery with its event's key.
async fn find(tx: &Transaction<'_>, lane: i64, id: DeliveryId) -> Result<Option<(Uuid, Delivery)>> {
    let sql = find_sql();
    let row = tx.query_opt(&tx.prepare_cached(&sql).await?, &[&lane, &rows::id(id.as_bytes())]).await?;
    row.map(|row| Ok((row.try_get(16)?, rows::delivery(&row)?))).transpose()
}

pub(super) async fn redeliver(
    ledger: &Ledger,
    shop: ShopId,
    webhook: WebhookId,
    id: DeliveryId,
    now: Timestamp,
    seed: [u8; 10],
) -> Result<Option<Delivery>> {
    ledger.partitions.ensure(ledger, [now]).await?;
    let mut promises = ledger.promises();
    let mut db = ledger.sessions.get().await?;
    let tx = db.transaction().await?;
    let Some(hook) = lanes::hold(&tx, shop, webhook).await? else { return Ok(None) };
    let fresh = delivery_id_of_family(now, seed, 0);
    let candidate = candidate(&tx, hook.lane.0, id).await?;
    let Some(candidate) = candidate else { return Ok(None) };
    if !hook.enabled {
        return Err(StoreError::WebhookDisabled);
    }
    let made = again(ledger, &tx, &mut promises, hook, &candidate, fresh, now).await?;
    let shown = find(&tx, hook.lane.0, if made { fresh } else { id }).await?;
    ledger.sessions.commit(tx).await?;
    promises.keep();
    Ok(shown.map(|(_, delivery)| delivery))
}

/// A delivery to send again.
pub(super) struct Candidate {
    pub(super) id: DeliveryId,
    event: Uuid,
    status: DeliveryStatus,
    test: bool,
    /// Its event's first key.
    origin: Uuid,
}

/// The columns of [`Candidate`], in both tables.
pub(super) const CANDIDATE: &str = "id, event, status, test, coalesce(origin, event)";

impl Candidate {
    pub(super) fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: DeliveryId::from_bytes(rows::bytes(row, 0)?),
            event: row.try_get(1)?,
            status: rows::status(row, 2)?,
            test: row.try_get(3)?,
            origin: row.try_get(4)?,
        })
    }
}

/// It stays as it is until the transaction ends: nobody settles it meanwhile.
async fn candidate(tx: &Transaction<'_>, lane: i64, id: DeliveryId) -> Result<Option<Candidate>> {
    let id = rows::id(id.as_bytes());
    let waits = format!("SELECT {CANDIDATE} FROM queue WHERE webhook = $1 AND id = $2 FOR UPDATE");
    let decided =
        format!("SELECT {CANDIDATE} FROM history WHERE webhook = $1 AND status IN (1, 3) AND id = $2");
    for sql in [waits, decided] {
        if let Some(row) = tx.query_opt(&tx.prepare_cached(&sql).await?, &[&lane, &id]).await? {
            return Candidate::read(&row).map(Some);
        }
    }
    Ok(None)
}

/// Undecided: due now. Decided: a new delivery of the same event, named `fresh`; then true.
pub(super) async fn again(
    ledger: &Ledger,
    tx: &Transaction<'_>,
    promises: &mut Promises,
    hook: lanes::Found,
    candidate: &Candidate,
    fresh: DeliveryId,
    now: Timestamp,
) -> Result<bool> {
    if matches!(candidate.status, DeliveryStatus::Pending | DeliveryStatus::Failed) {
        // An attempt that is under way is the redelivery. The entry steps back, because the one
        // it was waiting for is still to come.
        let sql = "UPDATE queue SET due = $1, entry = greatest(entry - 1, 0)
                   WHERE id = $2 AND due > $1 AND lease_until IS NULL";
        let statement = tx.prepare_cached(sql).await?;
        let id = rows::id(candidate.id.as_bytes());
        if tx.execute(&statement, &[&now.as_millis(), &id]).await? > 0 {
            promises.tell_waiting(hook.lane, now);
        }
        return Ok(false);
    }
    let body = tx.query_opt(&tx.prepare_cached(claim::BODIES).await?, &[&vec![candidate.event]]).await?;
    let Some(body) = body.map(|row| claim::body(&row)).transpose()?.map(std::sync::Arc::new) else {
        return Ok(false);
    };
    let sql = "UPDATE event_ids SET needed_at = greatest(needed_at, $1) WHERE shop = $2 AND id = $3";
    let statement = tx.prepare_cached(sql).await?;
    tx.execute(&statement, &[&now.as_millis(), &hook.shop.seq, &body.id.as_str()]).await?;
    // The event goes where the delivery's day is, so that the two are dropped together.
    let mut event = DeliveryId::from_bytes(candidate.event.into_bytes());
    let mut events = Events::default();
    if day_of(rows::made_at(event)) != day_of(now) {
        event = fresh;
        events.push(event_row(rows::id(fresh.as_bytes()), hook.shop.seq, &body));
    }
    let mut new = NewDelivery::new(hook.shop, hook.lane, fresh, event, candidate.test);
    new.repeats = Some((candidate.id, DeliveryId::from_bytes(candidate.origin.into_bytes())));
    let mut queue = NewQueue::default();
    queue.push(new.row(promises, ledger.node, body.envelope.len()));
    let lease = ledger.lease_secs();
    tokio::try_join!(biased; bulk::write(tx, &events), bulk::write_with(tx, &queue, Some(&lease)))?;
    new.promise(promises, &body);
    Ok(true)
}
