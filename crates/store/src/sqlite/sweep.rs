//! Dropping what a held lane keeps no longer, and ending drains: in bounded bites.

use rusqlite::{Connection, params};
use sellvik_domain::{DropReason, Lane, ShopId, Timestamp};

use super::batch::Batch;
use super::rows;
use crate::{Result, Waiting};

/// One lane's stretch of the index, up to the limit.
pub(super) const DROP_WAITING: &str =
    "UPDATE deliveries SET status = 3, due = NULL, drop_reason = ? WHERE seq IN (
         SELECT seq FROM deliveries INDEXED BY deliveries_waiting
         WHERE webhook = ? AND due IS NOT NULL AND lease_until IS NULL AND created_at <= ? LIMIT ?)";

pub(super) fn drop_waiting(
    batch: &mut Batch<'_>,
    lane: Lane,
    which: Waiting,
    reason: DropReason,
    now: Timestamp,
    limit: u32,
) -> Result<u32> {
    let made_by = match which {
        Waiting::All => i64::MAX,
        Waiting::MadeBy(moment) => moment.as_millis(),
    };
    let dropped = batch.db.prepare_cached(DROP_WAITING)?.execute(params![
        rows::number(&DropReason::ALL, &reason),
        lane.0,
        made_by,
        limit
    ])?;
    if dropped > 0 {
        batch.count_dropped(lane, now, u32::try_from(dropped).unwrap_or(u32::MAX));
    }
    Ok(u32::try_from(dropped).unwrap_or(u32::MAX))
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
               AND NOT EXISTS (SELECT 1 FROM deliveries INDEXED BY deliveries_by_status
                               WHERE webhook = ?1 AND status IN (0, 2))";
    batch.db.prepare_cached(sql)?.execute([lane.0])?;
    Ok(())
}
