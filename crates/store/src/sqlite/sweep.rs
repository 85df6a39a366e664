//! Dropping what a held lane keeps no longer, and ending drains: in bounded bites.

use rusqlite::{Connection, params};
use sellvik_domain::{DropReason, Lane, ShopId, Timestamp};

use super::batch::Batch;
use super::rows;
use crate::{Result, Waiting};

/// A lane's undecided deliveries made before a moment, oldest first: the first attempts, and the retries.
pub(super) const UNDECIDED: [&str; 2] = [
    "SELECT seq FROM deliveries INDEXED BY deliveries_pending
     WHERE webhook = ? AND status = 0 AND id < ? ORDER BY id",
    "SELECT seq FROM deliveries INDEXED BY deliveries_failed
     WHERE webhook = ? AND status = 2 AND id < ? ORDER BY id",
];

pub(super) fn drop_waiting(
    batch: &mut Batch<'_>,
    lane: Lane,
    which: Waiting,
    reason: DropReason,
    now: Timestamp,
    limit: u32,
) -> Result<u32> {
    let before = match which {
        Waiting::All => [0xff; 16],
        Waiting::MadeBy(moment) => rows::first_id_at(Timestamp::from_millis(moment.as_millis() + 1)),
    };
    let mut waiting = Vec::new();
    for sql in UNDECIDED {
        let mut statement = batch.db.prepare_cached(sql)?;
        let mut queue = statement.query(params![lane.0, before])?;
        while waiting.len() < limit as usize
            && let Some(row) = queue.next()?
        {
            let row: i64 = row.get(0)?;
            waiting.extend((!batch.leases().is_held(row)).then_some(row));
        }
    }
    let reason = rows::number(&DropReason::ALL, &reason);
    let sql = "UPDATE deliveries SET status = 3, due = NULL, drop_reason = ? WHERE seq = ?";
    for row in &waiting {
        batch.db.prepare_cached(sql)?.execute(params![reason, row])?;
        batch.leases().void(*row);
    }
    let dropped = u32::try_from(waiting.len()).unwrap_or(u32::MAX);
    if dropped > 0 {
        batch.tally.dropped(lane, now, dropped);
    }
    Ok(dropped)
}

pub(super) fn drains_ended(db: &Connection, now: Timestamp, limit: u32) -> Result<Vec<(Lane, ShopId)>> {
    let sql = "SELECT w.seq, s.id FROM webhooks w INDEXED BY webhooks_draining JOIN shops s ON s.seq = w.shop
               WHERE w.deleted_at IS NOT NULL AND w.drained = 0 AND w.drain_ends_at <= ? LIMIT ?";
    rows::all(db, sql, params![now.as_millis(), limit], |row| {
        Ok((Lane(row.get(0)?), ShopId::from_bytes(row.get(1)?)))
    })
}

pub(super) fn end_drains(batch: &mut Batch<'_>, now: Timestamp, limit: u32) -> Result<Vec<Lane>> {
    let ended = drains_ended(batch.db, now, limit)?;
    for (lane, shop) in &ended {
        let sql = "UPDATE webhooks SET secret = NULL, replaced = NULL WHERE seq = ? AND secret IS NOT NULL";
        if batch.db.prepare_cached(sql)?.execute([lane.0])? > 0 {
            batch.tell_changed(*shop, *lane);
        }
    }
    Ok(ended.into_iter().map(|(lane, _)| lane).collect())
}

/// Unless a lease is still out: what it brings back must be dropped too.
pub(super) fn drain_done(batch: &mut Batch<'_>, lane: Lane) -> Result<()> {
    let sql = "UPDATE webhooks SET drained = 1 WHERE seq = ?1 AND deleted_at IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM deliveries INDEXED BY deliveries_pending
                               WHERE webhook = ?1 AND status = 0)
               AND NOT EXISTS (SELECT 1 FROM deliveries INDEXED BY deliveries_failed
                               WHERE webhook = ?1 AND status = 2)";
    batch.db.prepare_cached(sql)?.execute([lane.0])?;
    Ok(())
}
