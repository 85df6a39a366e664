//! Retention: the oldest rows first, in bounded bites, never a scan.

use std::sync::atomic::Ordering;

use rusqlite::params;
use sellvik_domain::Timestamp;

use super::batch::Batch;
use super::rows;
use crate::Result;

pub(super) fn purge(batch: &mut Batch<'_>, cutoff: Timestamp, limit: u32) -> Result<bool> {
    // An event outlives its deliveries: its row number may be given out again.
    if deliveries(batch, cutoff, limit)? {
        return Ok(true);
    }
    let more_events = events(batch, cutoff, limit)?;
    hours_and_jobs(batch, cutoff, limit)?;
    Ok(more_events)
}

/// Rows are in the order they were made: the front of the table is all that need be looked at.
fn deliveries(batch: &Batch<'_>, cutoff: Timestamp, limit: u32) -> Result<bool> {
    let sql = "SELECT seq, created_at FROM deliveries ORDER BY seq LIMIT ?";
    let front = rows::all(batch.db, sql, [limit], |row| Ok((row.get::<_, i64>(0)?, rows::time(row, 1)?)))?;
    let old = front.iter().take_while(|(_, made)| *made < cutoff).count();
    for (seq, _) in &front[..old] {
        batch.db.prepare_cached("DELETE FROM attempts WHERE delivery = ?")?.execute([seq])?;
        batch.db.prepare_cached("DELETE FROM deliveries WHERE seq = ?")?.execute([seq])?;
        batch.leases().void(*seq);
    }
    Ok(old == limit as usize)
}

/// Walks on from where the last call stopped, because an event that a redelivery needs stays in front.
fn events(batch: &Batch<'_>, cutoff: Timestamp, limit: u32) -> Result<bool> {
    let position = batch.shared.purge_position.load(Ordering::Relaxed);
    let sql = "SELECT seq, accepted_at, needed_at FROM events WHERE seq > ? ORDER BY seq LIMIT ?";
    let front = rows::all(batch.db, sql, params![position, limit], |row| {
        Ok((row.get::<_, i64>(0)?, rows::time(row, 1)?, rows::time(row, 2)?))
    })?;
    let old = front.iter().take_while(|(_, accepted, _)| *accepted < cutoff).count();
    for (seq, _, needed) in &front[..old] {
        if *needed < cutoff {
            batch.db.prepare_cached("DELETE FROM events WHERE seq = ?")?.execute([seq])?;
        }
    }
    let more = old == limit as usize;
    let next = if more { front.last().map_or(0, |(seq, ..)| *seq) } else { 0 };
    batch.shared.purge_position.store(next, Ordering::Relaxed);
    Ok(more)
}

fn hours_and_jobs(batch: &Batch<'_>, cutoff: Timestamp, limit: u32) -> Result<()> {
    let hour = cutoff.as_millis() / 3_600_000;
    // One webhook's stretch at a time would need a walk of its own; there are few rows per webhook and
    // month, so a bounded look per call is enough.
    let sql = "DELETE FROM redelivery_jobs WHERE seq IN (
                   SELECT seq FROM redelivery_jobs WHERE finished_at < ? ORDER BY seq LIMIT ?)";
    batch.db.prepare_cached(sql)?.execute(params![cutoff.as_millis(), limit])?;
    let sql = "DELETE FROM webhook_hours WHERE (webhook, hour) IN (
                   SELECT w.seq, h.hour FROM webhooks w JOIN webhook_hours h ON h.webhook = w.seq AND h.hour < ?
                   LIMIT ?)";
    batch.db.prepare_cached(sql)?.execute(params![hour, limit])?;
    Ok(())
}
