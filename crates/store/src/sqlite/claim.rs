//! Leasing what waits: so many per lane, earliest first, never "the oldest rows of all".

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rusqlite::{Connection, Row, params};
use sellvik_domain::{Chain, DeliveryId, DropReason, Lane, Timestamp};

use super::batch::Batch;
use super::{publish, rows};
use crate::{ClaimLane, Claimed, EventBody, Lease, Leased, Result};

pub(super) fn lanes_waiting(
    db: &Connection,
    after: Option<Lane>,
    limit: u32,
) -> Result<Vec<(Lane, Timestamp)>> {
    let mut lanes = Vec::new();
    let mut behind = after.map_or(i64::MIN, |lane| lane.0);
    while lanes.len() < limit as usize {
        let Some(next) = rows::one(db, LANE_BEHIND, [behind], lane_and_due)? else { break };
        behind = next.0.0;
        lanes.push(next);
    }
    Ok(lanes)
}

/// A loose scan: one probe per lane, however long the lanes are.
pub(super) const LANE_BEHIND: &str = "SELECT webhook, due FROM deliveries INDEXED BY deliveries_waiting
     WHERE webhook > ? AND due IS NOT NULL AND lease_until IS NULL ORDER BY webhook, due LIMIT 1";

/// What is due in one lane, from its own stretch of the index.
pub(super) const DUE_IN_LANE: &str =
    "SELECT seq, id, created_at, entry, client_error, test, attempts, due, lease_epoch, event
     FROM deliveries INDEXED BY deliveries_waiting
     WHERE webhook = ? AND due <= ? AND due IS NOT NULL AND lease_until IS NULL ORDER BY due LIMIT ?";

pub(super) const TESTS_IN_LANE: &str =
    "SELECT seq, id, created_at, entry, client_error, test, attempts, due, lease_epoch, event
     FROM deliveries INDEXED BY deliveries_waiting_tests
     WHERE webhook = ? AND due <= ? AND test = 1 AND due IS NOT NULL AND lease_until IS NULL LIMIT ?";

/// First attempts that wait in one lane, from the front of its pending ones. Leased ones among those are
/// few; should others stand there that are not due, it is looked no further than past a thousand.
pub(super) const FIRSTS_IN_LANE: &str =
    "SELECT seq, id, created_at, entry, client_error, test, attempts, due, lease_epoch, event
     FROM (SELECT * FROM deliveries INDEXED BY deliveries_by_status
           WHERE webhook = ?1 AND status = 0 ORDER BY id LIMIT 1000)
     WHERE due <= ?2 AND lease_until IS NULL LIMIT ?3";

/// What is to be leased of a lane: what is due first, but where retries fill more than half of it, first
/// attempts that fell due after them have that half.
fn due(db: &Connection, wanted: &ClaimLane, now: Timestamp) -> Result<Vec<Waiting>> {
    let all = |sql, count: u32| {
        let params = params![wanted.lane.0, now.as_millis(), count];
        rows::all(db, sql, params, |row| Waiting::read(row, wanted.lane))
    };
    if wanted.tests_only {
        return all(TESTS_IN_LANE, wanted.count);
    }
    let (mut due, half) = (all(DUE_IN_LANE, wanted.count)?, wanted.count as usize / 2);
    let firsts = due.iter().filter(|waiting| waiting.attempts == 0).count();
    if firsts < half && due.len() == wanted.count as usize {
        let known: HashSet<i64> = due.iter().map(|waiting| waiting.row).collect();
        let mut late = all(FIRSTS_IN_LANE, wanted.count / 2)?;
        late.retain(|waiting| !known.contains(&waiting.row));
        late.truncate(half - firsts);
        let mut spare = late.len();
        while let Some(last) = due.iter().rposition(|waiting| waiting.attempts > 0).filter(|_| spare > 0) {
            due.remove(last);
            spare -= 1;
        }
        due.extend(late);
    }
    Ok(due)
}

/// Whether the latest attempt of a lane failed.
fn is_failing(db: &Connection, lane: Lane) -> Result<bool> {
    let sql = "SELECT failure_count > 0 FROM webhook_counters WHERE webhook = ?";
    Ok(rows::value(db, sql, [lane.0])?.unwrap_or(false))
}

pub(super) fn claim(batch: &mut Batch<'_>, lanes: &[ClaimLane], now: Timestamp) -> Result<Claimed> {
    let mut bodies: HashMap<i64, Arc<EventBody>> = HashMap::new();
    let mut claimed = Claimed::default();
    let until = batch.shared.lease_until();
    for wanted in lanes {
        for waiting in due(batch.db, wanted, now)? {
            if !bodies.contains_key(&waiting.event)
                && let Some(body) = publish::body(batch.db, waiting.event)?
            {
                bodies.insert(waiting.event, body);
            }
            let Some(body) = bodies.get(&waiting.event).cloned() else {
                give_up(batch.db, &waiting)?;
                continue;
            };
            batch
                .db
                .prepare_cached(
                    "UPDATE deliveries SET lease_until = ?, lease_epoch = lease_epoch + 1 WHERE seq = ?",
                )?
                .execute(params![until, waiting.row])?;
            claimed.leased.push(waiting.leased(body));
        }
        claimed.failing.extend(is_failing(batch.db, wanted.lane)?.then_some(wanted.lane));
        claimed.next.extend(next_in_lane(batch.db, wanted.lane)?.map(|due| (wanted.lane, due)));
    }
    Ok(claimed)
}

/// A delivery whose event is gone can never be sent; left waiting, it would be claimed for ever and stand
/// before what its lane still can send.
fn give_up(db: &Connection, waiting: &Waiting) -> Result<()> {
    tracing::error!(delivery_id = %waiting.delivery, "dropped: the ledger has lost this delivery's event");
    let sql = "UPDATE deliveries SET status = 3, due = NULL, drop_reason = ? WHERE seq = ?";
    let reason = rows::number(&DropReason::ALL, &DropReason::AttemptsExhausted);
    db.prepare_cached(sql)?.execute(params![reason, waiting.row])?;
    Ok(())
}

/// When a lane has something waiting next.
pub(super) fn next_in_lane(db: &Connection, lane: Lane) -> Result<Option<Timestamp>> {
    let sql = "SELECT due FROM deliveries INDEXED BY deliveries_waiting
               WHERE webhook = ? AND due IS NOT NULL AND lease_until IS NULL ORDER BY due LIMIT 1";
    rows::one(db, sql, [lane.0], |row| rows::time(row, 0))
}

pub(super) fn renew(batch: &mut Batch<'_>, leases: &[Lease]) -> Result<()> {
    let until = batch.shared.lease_until();
    let mut statement = batch.db.prepare_cached(
        "UPDATE deliveries SET lease_until = ? WHERE seq = ? AND lease_epoch = ? AND lease_until IS NOT NULL",
    )?;
    for lease in leases {
        statement.execute(params![until, lease.row, lease.epoch])?;
    }
    Ok(())
}

pub(super) fn expire(batch: &mut Batch<'_>) -> Result<Vec<(Lane, Timestamp)>> {
    let sql = "UPDATE deliveries SET lease_until = NULL WHERE lease_until <= ? RETURNING webhook, due";
    let now = batch.shared.steady_ms();
    rows::all(batch.db, sql, [now], lane_and_due)
}

fn lane_and_due(row: &Row<'_>) -> rusqlite::Result<(Lane, Timestamp)> {
    Ok((Lane(row.get(0)?), rows::time(row, 1)?))
}

/// A delivery that waits.
struct Waiting {
    row: i64,
    lane: Lane,
    delivery: DeliveryId,
    chain: Chain,
    attempts: u32,
    due: Timestamp,
    epoch: i64,
    event: i64,
}

impl Waiting {
    fn read(row: &Row<'_>, lane: Lane) -> rusqlite::Result<Self> {
        Ok(Self {
            row: row.get(0)?,
            lane,
            delivery: DeliveryId::from_bytes(row.get(1)?),
            chain: Chain {
                origin: rows::time(row, 2)?,
                entry: row.get(3)?,
                client_error: row.get(4)?,
                test: row.get(5)?,
            },
            attempts: row.get(6)?,
            due: rows::time(row, 7)?,
            epoch: row.get(8)?,
            event: row.get(9)?,
        })
    }

    fn leased(self, event: Arc<EventBody>) -> Leased {
        let Self { row, lane, delivery, chain, attempts, due, epoch, .. } = self;
        Leased { lease: Lease { row, epoch: epoch + 1 }, lane, delivery, chain, attempts, due, event }
    }
}
