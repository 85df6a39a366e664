//! Leasing what waits: so many per lane, earliest first, never "the oldest rows of all".

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, params};
use sellvik_domain::{DropReason, Lane, Timestamp};

use super::batch::Batch;
use super::waiting::{self, Waiting};
use super::{publish, rows};
use crate::share::{Due, share};
use crate::{ClaimLane, Claimed, EventBody, Lease, Leased, Result};

pub(super) fn claim(batch: &mut Batch<'_>, lanes: &[ClaimLane], now: Timestamp) -> Result<Claimed> {
    let mut bodies: HashMap<i64, Arc<EventBody>> = HashMap::new();
    let mut claimed = Claimed::default();
    let until = batch.shared.lease_until();
    for wanted in lanes {
        let (due, next) = due(batch, wanted, now)?;
        for waiting in due {
            if !bodies.contains_key(&waiting.event)
                && let Some(body) = publish::body(batch.db, waiting.event)?
            {
                bodies.insert(waiting.event, body);
            }
            let Some(body) = bodies.get(&waiting.event).cloned() else {
                give_up(batch, &waiting)?;
                continue;
            };
            let lease = batch.leases().take(waiting.row, until);
            claimed.leased.push(leased(&waiting, lease, body));
        }
        claimed.failing.extend(is_failing(batch.db, wanted.lane)?.then_some(wanted.lane));
        claimed.next.extend(next.map(|due| (wanted.lane, due)));
    }
    Ok(claimed)
}

/// What is to be leased of a lane, and when it has something next: what is due first, but half of it first
/// attempts if so many are due, however many retries were due before them.
fn due(batch: &Batch<'_>, wanted: &ClaimLane, now: Timestamp) -> Result<(Vec<Waiting>, Option<Timestamp>)> {
    let (db, leases, lane, count) = (batch.db, &batch.leases(), wanted.lane, wanted.count as usize);
    if wanted.tests_only {
        return Ok((waiting::tests(db, leases, lane, now, count)?, waiting::next(db, leases, lane)?));
    }
    // One more of each than can be taken says when the lane is due next.
    let mut queue = waiting::firsts(db, leases, lane, count + 1)?;
    queue.extend(waiting::put_off(db, leases, lane, count + 1)?);
    let (taken, left) = share(queue, count, now);
    Ok((taken, left.iter().map(|waiting| waiting.due).min()))
}

impl Due for Waiting {
    fn due(&self) -> Timestamp {
        self.due
    }

    fn origin(&self) -> Timestamp {
        self.chain.origin
    }

    fn is_first(&self) -> bool {
        Self::is_first(self)
    }
}

fn leased(waiting: &Waiting, lease: Lease, event: Arc<EventBody>) -> Leased {
    let Waiting { lane, delivery, chain, attempts, due, .. } = *waiting;
    Leased { lease, lane, delivery, chain, attempts, due, event }
}

/// Whether the latest attempt of a lane failed.
fn is_failing(db: &Connection, lane: Lane) -> Result<bool> {
    let sql = "SELECT failure_count > 0 FROM webhook_counters WHERE webhook = ?";
    Ok(rows::value(db, sql, [lane.0])?.unwrap_or(false))
}

/// A delivery whose event is gone can never be sent; left waiting, it would be claimed for ever and stand
/// before what its lane still can send.
fn give_up(batch: &Batch<'_>, waiting: &Waiting) -> Result<()> {
    tracing::error!(delivery_id = %waiting.delivery, "dropped: the ledger has lost this delivery's event");
    let sql = "UPDATE deliveries SET status = 3, due = NULL, drop_reason = ? WHERE seq = ?";
    let reason = rows::number(&DropReason::ALL, &DropReason::AttemptsExhausted);
    batch.db.prepare_cached(sql)?.execute(params![reason, waiting.row])?;
    batch.leases().void(waiting.row);
    Ok(())
}

pub(super) fn renew(batch: &Batch<'_>, leases: &[Lease]) {
    let until = batch.shared.lease_until();
    let mut known = batch.leases();
    for lease in leases {
        known.prolong(*lease, until);
    }
}

pub(super) fn expire(batch: &Batch<'_>) -> Result<Vec<(Lane, Timestamp)>> {
    let lapsed = batch.leases().lapse(batch.shared.steady_ms());
    let mut lanes = Vec::new();
    for row in lapsed {
        lanes.extend(waiting::by_row(batch.db, row)?.map(|waiting| (waiting.lane, waiting.due)));
    }
    Ok(lanes)
}
