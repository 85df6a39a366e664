//! Leasing what waits: so many per lane, earliest first, past what other nodes are leasing at the same time.

use std::collections::HashMap;
use std::sync::Arc;

use deadpool_postgres::Transaction;
use sellvik_domain::{Chain, DeliveryId, DropReason, Lane, Timestamp};
use tokio_postgres::Row;
use uuid::Uuid;

use super::entry::{ENTRY, Entry};
use super::ledger::Ledger;
use super::rows;
use super::session::Params;
use super::settle::Outcome;
use crate::share::{Due, share};
use crate::{ClaimLane, Claimed, EventBody, Lease, Leased, Result};

/// Leases to a statement that prolongs them: each is looked for among them.
const RENEWED_AT_ONCE: usize = 256;

/// Leases that ran out, to a statement that frees them.
const LAPSED_AT_ONCE: i64 = 1000;

/// The front of each lane, locked; whoever else claims from it at the same time gets what is behind.
fn front_sql(which: &str) -> String {
    format!(
        "SELECT q.id, q.webhook, q.event, q.due, q.entry, q.client_error, q.test, q.epoch, q.attempts, q.put_off
         FROM unnest($1::bigint[], $2::bigint[]) AS w (webhook, many)
         CROSS JOIN LATERAL (
             SELECT * FROM queue WHERE webhook = w.webhook AND {which} AND lease_until IS NULL AND due <= $3
             ORDER BY due LIMIT w.many FOR UPDATE SKIP LOCKED) q"
    )
}

/// First attempts in their first place, what waits for a moment of its own, and test events.
pub(super) fn fronts() -> [String; 3] {
    ["NOT put_off", "put_off", "test"].map(front_sql)
}

pub(super) const LEASE: &str = "UPDATE queue SET owner = $2, epoch = epoch + 1,
         lease_until = now() + make_interval(secs => $3::float8)
     WHERE id = ANY($1::uuid[])";

/// When each lane has something waiting next.
pub(super) const NEXT: &str = "SELECT w.webhook, least(
         (SELECT due FROM queue q WHERE q.webhook = w.webhook AND NOT put_off AND lease_until IS NULL
          ORDER BY due LIMIT 1),
         (SELECT due FROM queue q WHERE q.webhook = w.webhook AND put_off AND lease_until IS NULL
          ORDER BY due LIMIT 1))
     FROM unnest($1::bigint[]) AS w (webhook)";

const FAILING: &str =
    "SELECT webhook FROM webhook_counters WHERE webhook = ANY($1::bigint[]) AND failure_count > 0";

pub(super) const BODIES: &str = "SELECT e.id, e.name, e.kind, e.subdomain, e.envelope
     FROM unnest($1::uuid[]) AS u (id) CROSS JOIN LATERAL (SELECT * FROM events WHERE id = u.id LIMIT 1) e";

pub(super) async fn claim(ledger: &Ledger, lanes: &[ClaimLane], now: Timestamp) -> Result<Claimed> {
    let mut db = ledger.sessions.get().await?;
    let tx = db.transaction().await?;
    let chosen = choose(lanes, front(&tx, lanes, now).await?, now);
    let ids: Vec<Uuid> = chosen.iter().map(|one| rows::id(one.delivery.as_bytes())).collect();
    let mut events: Vec<Uuid> = chosen.iter().map(|one| one.event).collect();
    events.sort_unstable();
    events.dedup();
    let all: Vec<i64> = lanes.iter().map(|wanted| wanted.lane.0).collect();
    let [lease, next, failing, bodies] = [
        tx.prepare_cached(LEASE).await?,
        tx.prepare_cached(NEXT).await?,
        tx.prepare_cached(FAILING).await?,
        tx.prepare_cached(BODIES).await?,
    ];
    let secs = ledger.lease_secs();
    let chosen_ones: Params<'_> = &[&ids, &ledger.node, &secs];
    let (of_lanes, of_events): (Params<'_>, Params<'_>) = (&[&all], &[&events]);
    let (leased, next, failing, bodies) = tokio::try_join!(
        biased;
        tx.execute(&lease, chosen_ones),
        tx.query(&next, of_lanes),
        tx.query(&failing, of_lanes),
        tx.query(&bodies, of_events),
    )?;
    debug_assert_eq!(leased, chosen.len() as u64, "what is locked is leased");
    let bodies = bodies.iter().map(|row| Ok((row.try_get(0)?, Arc::new(body(row)?))));
    let bodies: HashMap<Uuid, Arc<EventBody>> = bodies.collect::<Result<_>>()?;
    let lost: Vec<DeliveryId> =
        chosen.iter().filter(|one| !bodies.contains_key(&one.event)).map(|one| one.delivery).collect();
    give_up(&tx, &lost, now).await?;
    tx.commit().await?;
    let mut claimed = Claimed::default();
    for row in next {
        let due = rows::time_or_none(&row, 1)?;
        claimed.next.extend(due.map(|due| (Lane(row.get(0)), due)));
    }
    claimed.failing = rows::each(&failing, |row| Ok(Lane(row.try_get(0)?)))?;
    claimed.leased = chosen.into_iter().filter_map(|one| one.leased(&bodies)).collect();
    Ok(claimed)
}

async fn front(tx: &Transaction<'_>, lanes: &[ClaimLane], now: Timestamp) -> Result<Vec<Candidate>> {
    let mut found = Vec::new();
    for (sql, tests) in fronts().iter().zip([false, false, true]) {
        let wanted = lanes.iter().filter(|wanted| wanted.tests_only == tests);
        let (webhooks, many): (Vec<i64>, Vec<i64>) =
            wanted.map(|wanted| (wanted.lane.0, i64::from(wanted.count))).unzip();
        if !webhooks.is_empty() {
            let statement = tx.prepare_cached(sql).await?;
            let rows = tx.query(&statement, &[&webhooks, &many, &now.as_millis()]).await?;
            found.extend(rows::each(&rows, Candidate::read)?);
        }
    }
    Ok(found)
}

/// Of what was found in each lane, what is leased: the rest is only unlocked again.
fn choose(lanes: &[ClaimLane], found: Vec<Candidate>, now: Timestamp) -> Vec<Candidate> {
    let mut of_lane: HashMap<Lane, Vec<Candidate>> = HashMap::new();
    for candidate in found {
        of_lane.entry(candidate.lane).or_default().push(candidate);
    }
    let mut chosen = Vec::new();
    for wanted in lanes {
        let waiting = of_lane.remove(&wanted.lane).unwrap_or_default();
        chosen.extend(share(waiting, wanted.count as usize, now).0);
    }
    chosen
}

/// A delivery at the front of its lane.
struct Candidate {
    delivery: DeliveryId,
    lane: Lane,
    event: Uuid,
    due: Timestamp,
    chain: Chain,
    epoch: i64,
    attempts: u32,
    put_off: bool,
}

impl Due for Candidate {
    fn due(&self) -> Timestamp {
        self.due
    }

    fn origin(&self) -> Timestamp {
        self.chain.origin
    }

    fn is_first(&self) -> bool {
        !self.put_off
    }
}

impl Candidate {
    fn read(row: &Row) -> Result<Self> {
        let delivery = DeliveryId::from_bytes(rows::bytes(row, 0)?);
        let chain = Chain {
            origin: rows::made_at(delivery),
            entry: u8::try_from(row.try_get::<_, i16>(4)?).unwrap_or(u8::MAX),
            client_error: row.try_get(5)?,
            test: row.try_get(6)?,
        };
        Ok(Self {
            delivery,
            lane: Lane(row.try_get(1)?),
            event: row.try_get(2)?,
            due: rows::time(row, 3)?,
            chain,
            epoch: row.try_get(7)?,
            attempts: rows::count(row, 8)?,
            put_off: row.try_get(9)?,
        })
    }

    fn leased(self, bodies: &HashMap<Uuid, Arc<EventBody>>) -> Option<Leased> {
        Some(Leased {
            lease: Lease::of(self.delivery, self.epoch + 1),
            lane: self.lane,
            delivery: self.delivery,
            chain: self.chain,
            attempts: self.attempts,
            due: self.due,
            event: bodies.get(&self.event)?.clone(),
        })
    }
}

pub(super) fn body(row: &Row) -> Result<EventBody> {
    Ok(EventBody {
        id: rows::event_id(row, 1)?,
        kind: rows::kind(row, 2)?,
        subdomain: rows::subdomain(row, 3)?,
        envelope: row.try_get::<_, Vec<u8>>(4)?.into(),
    })
}

/// A delivery whose event is gone can never be sent; left waiting, it would be claimed for ever and stand
/// before what its lane still can send.
async fn give_up(tx: &Transaction<'_>, lost: &[DeliveryId], now: Timestamp) -> Result<()> {
    if lost.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = lost.iter().map(|id| rows::id(id.as_bytes())).collect();
    let sql = format!("DELETE FROM queue WHERE id = ANY($1::uuid[]) RETURNING {ENTRY}");
    let mut outcome = Outcome::default();
    for entry in Entry::take(tx, &sql, &[&ids]).await? {
        tracing::error!(delivery_id = %entry.id, "dropped: the ledger has lost this delivery's event");
        outcome.dropped(entry, DropReason::AttemptsExhausted, now);
    }
    outcome.write(tx).await
}

/// Leases are looked at where they are a third over: there are many, and each would be written anew.
pub(super) const RENEW: &str = "UPDATE queue SET lease_until = now() + make_interval(secs => $3::float8)
     WHERE id = ANY($1::uuid[]) AND epoch = ($2::bigint[])[array_position($1::uuid[], id)]
     AND lease_until < now() + make_interval(secs => $3::float8 * 2 / 3)";

pub(super) async fn renew(ledger: &Ledger, leases: &[Lease]) -> Result<()> {
    for some in leases.chunks(RENEWED_AT_ONCE) {
        let (ids, epochs): (Vec<Uuid>, Vec<i64>) =
            some.iter().map(|lease| (rows::id(lease.delivery().as_bytes()), lease.epoch)).unzip();
        ledger.sessions.all(RENEW, &[&ids, &epochs, &ledger.lease_secs()]).await?;
    }
    Ok(())
}

pub(super) const LAPSE: &str = "UPDATE queue SET lease_until = NULL, owner = NULL WHERE id = ANY(ARRAY(
         SELECT id FROM queue WHERE lease_until <= clock_timestamp() ORDER BY lease_until LIMIT $1
         FOR UPDATE SKIP LOCKED))
     RETURNING webhook, due";

pub(super) async fn expire(ledger: &Ledger) -> Result<Vec<(Lane, Timestamp)>> {
    let mut freed = Vec::new();
    loop {
        let some = ledger.sessions.all(LAPSE, &[&LAPSED_AT_ONCE]).await?;
        for row in &some {
            freed.push((Lane(row.try_get(0)?), rows::time(row, 1)?));
        }
        if some.len() < usize::try_from(LAPSED_AT_ONCE).unwrap_or_default() {
            return Ok(freed);
        }
    }
}

/// A loose scan: two probes per lane, however long the lanes are.
pub(super) const LANES: &str = "WITH RECURSIVE lanes AS (
         (SELECT webhook FROM queue WHERE webhook > $1 AND lease_until IS NULL ORDER BY webhook LIMIT 1)
         UNION ALL
         SELECT (SELECT q.webhook FROM queue q WHERE q.webhook > l.webhook AND q.lease_until IS NULL
                 ORDER BY q.webhook LIMIT 1)
         FROM lanes l WHERE l.webhook IS NOT NULL)
     SELECT webhook FROM lanes WHERE webhook IS NOT NULL LIMIT $2";

pub(super) async fn lanes_waiting(
    ledger: &Ledger,
    after: Option<Lane>,
    limit: u32,
) -> Result<Vec<(Lane, Timestamp)>> {
    let behind = after.map_or(i64::MIN, |lane| lane.0);
    let found = ledger.sessions.all(LANES, &[&behind, &i64::from(limit)]).await?;
    let lanes = rows::each(&found, |row| Ok(row.try_get::<_, i64>(0)?))?;
    let mut waiting = Vec::with_capacity(lanes.len());
    for row in ledger.sessions.all(NEXT, &[&lanes]).await? {
        // One that was claimed in between has none any more.
        waiting.extend(rows::time_or_none(&row, 1)?.map(|due| (Lane(row.get(0)), due)));
    }
    Ok(waiting)
}
