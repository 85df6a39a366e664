//! What waits in a lane, from the front of its own stretches of the indexes: never by looking at every
//! delivery.

use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _, Row};
use sellvik_domain::{Chain, DeliveryId, Lane, Timestamp};

use super::leases::Leases;
use super::rows;
use crate::Result;

/// Deliveries looked at beyond those that are leased, where others stand before those that are looked for.
const LOOKED_AT_MAX: usize = 1000;

/// First attempts, oldest first: they are due when they are made. One that was put off is among
/// [`PUT_OFF`] instead.
pub(super) const FIRSTS: &str = "SELECT seq FROM deliveries INDEXED BY deliveries_pending
     WHERE webhook = ? AND status = 0 ORDER BY id";

/// Retries, and first attempts that were put off, earliest first.
pub(super) const PUT_OFF: &str = "SELECT seq FROM deliveries INDEXED BY deliveries_put_off
     WHERE webhook = ? AND due IS NOT NULL AND (status = 2 OR due > created_at) ORDER BY due";

pub(super) const TESTS: &str = "SELECT seq FROM deliveries INDEXED BY deliveries_waiting_tests
     WHERE webhook = ? AND test = 1 AND due IS NOT NULL";

const WAITING: &str = "SELECT id, created_at, entry, client_error, test, attempts, due, event, webhook
     FROM deliveries WHERE seq = ? AND due IS NOT NULL";

/// A delivery that waits.
pub(super) struct Waiting {
    pub(super) row: i64,
    pub(super) lane: Lane,
    pub(super) delivery: DeliveryId,
    pub(super) chain: Chain,
    pub(super) attempts: u32,
    pub(super) due: Timestamp,
    pub(super) event: i64,
}

impl Waiting {
    fn read(row: &Row<'_>, seq: i64) -> rusqlite::Result<Self> {
        Ok(Self {
            row: seq,
            lane: Lane(row.get(8)?),
            delivery: DeliveryId::from_bytes(row.get(0)?),
            chain: Chain {
                origin: rows::time(row, 1)?,
                entry: row.get(2)?,
                client_error: row.get(3)?,
                test: row.get(4)?,
            },
            attempts: row.get(5)?,
            due: rows::time(row, 6)?,
            event: row.get(7)?,
        })
    }

    /// Whether it is a first attempt in its first place in the queue.
    pub(super) fn is_first(&self) -> bool {
        self.attempts == 0 && self.due <= self.chain.origin
    }
}

/// The delivery of this row, if it is undecided.
pub(super) fn by_row(db: &Connection, seq: i64) -> Result<Option<Waiting>> {
    rows::one(db, WAITING, [seq], |row| Waiting::read(row, seq))
}

/// The front of a lane's first attempts that nobody holds, at most so many.
pub(super) fn firsts(db: &Connection, leases: &Leases, lane: Lane, most: usize) -> Result<Vec<Waiting>> {
    front(db, leases, FIRSTS, lane, most, Waiting::is_first)
}

/// The front of what is put off in a lane and nobody holds, at most so many.
pub(super) fn put_off(db: &Connection, leases: &Leases, lane: Lane, most: usize) -> Result<Vec<Waiting>> {
    front(db, leases, PUT_OFF, lane, most, |_| true)
}

/// A lane's test events that nobody holds and that are due, at most so many.
pub(super) fn tests(
    db: &Connection,
    leases: &Leases,
    lane: Lane,
    now: Timestamp,
    most: usize,
) -> Result<Vec<Waiting>> {
    front(db, leases, TESTS, lane, most, |waiting| waiting.due <= now)
}

fn front(
    db: &Connection,
    leases: &Leases,
    sql: &str,
    lane: Lane,
    most: usize,
    wanted: impl Fn(&Waiting) -> bool,
) -> Result<Vec<Waiting>> {
    let (mut statement, mut by_row) = (db.prepare_cached(sql)?, db.prepare_cached(WAITING)?);
    let mut queue = statement.query([lane.0])?;
    let (mut found, mut looked_at) = (Vec::new(), 0);
    while found.len() < most
        && looked_at < most + LOOKED_AT_MAX
        && let Some(row) = queue.next()?
    {
        let row = row.get(0)?;
        if !leases.is_held(row) {
            looked_at += 1;
            let waiting = by_row.query_row([row], |columns| Waiting::read(columns, row)).optional()?;
            found.extend(waiting.filter(&wanted));
        }
    }
    Ok(found)
}

/// When a lane has something waiting next.
pub(super) fn next(db: &Connection, leases: &Leases, lane: Lane) -> Result<Option<Timestamp>> {
    let mut front = firsts(db, leases, lane, 1)?;
    front.extend(put_off(db, leases, lane, 1)?);
    Ok(front.iter().map(|waiting| waiting.due).min())
}

/// A loose scan: one probe per lane, however long the lanes are.
pub(super) const LANE_BEHIND: [&str; 2] = [
    "SELECT webhook FROM deliveries INDEXED BY deliveries_pending
     WHERE webhook > ? AND status = 0 ORDER BY webhook LIMIT 1",
    "SELECT webhook FROM deliveries INDEXED BY deliveries_put_off
     WHERE webhook > ? AND due IS NOT NULL AND (status = 2 OR due > created_at) ORDER BY webhook LIMIT 1",
];

/// Lanes behind `after` with something that nobody holds, and when they have.
pub(super) fn lanes(
    db: &Connection,
    leases: &Mutex<Leases>,
    after: Option<Lane>,
    limit: u32,
) -> Result<Vec<(Lane, Timestamp)>> {
    let mut lanes = Vec::new();
    let mut behind = after.map_or(i64::MIN, |lane| lane.0);
    while lanes.len() < limit as usize {
        let mut nearest: Option<i64> = None;
        for sql in LANE_BEHIND {
            let found: Option<i64> = rows::value(db, sql, [behind])?;
            nearest = found.into_iter().chain(nearest).min();
        }
        let Some(lane) = nearest else { break };
        behind = lane;
        lanes.extend(next(db, &leases.lock(), Lane(lane))?.map(|due| (Lane(lane), due)));
    }
    Ok(lanes)
}
