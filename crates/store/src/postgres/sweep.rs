//! Dropping what a held lane keeps no longer, and ending drains: in bounded bites.

use deadpool_postgres::Transaction;
use sellvik_domain::{DropReason, Lane, ShopId, Timestamp};

use super::entry::{ENTRY, Entry};
use super::ledger::Ledger;
use super::listen::{self, Note};
use super::rows;
use super::settle::Outcome;
use crate::{Result, Waiting};

/// Takes a lane's undecided deliveries made before a moment out of the queue, oldest first, of a status.
pub(super) fn take_sql() -> String {
    format!(
        "DELETE FROM queue WHERE id = ANY(ARRAY(
             SELECT id FROM queue WHERE webhook = $1 AND status = $2 AND id < $3 AND lease_until IS NULL
             ORDER BY id LIMIT $4 FOR UPDATE SKIP LOCKED))
         RETURNING {ENTRY}"
    )
}

pub(super) async fn drop_waiting(
    ledger: &Ledger,
    lane: Lane,
    which: Waiting,
    reason: DropReason,
    now: Timestamp,
    limit: u32,
) -> Result<u32> {
    let before = match which {
        Waiting::All => rows::LAST_ID,
        Waiting::MadeBy(moment) => rows::first_id_at(Timestamp::from_millis(moment.as_millis() + 1)),
    };
    let mut db = ledger.sessions.get().await?;
    let tx = db.transaction().await?;
    let (mut outcome, mut dropped) = (Outcome::default(), 0);
    // The first attempts, and the retries.
    for status in [0_i16, 2] {
        let room = i64::from(limit - dropped);
        for entry in Entry::take(&tx, &take_sql(), &[&lane.0, &status, &before, &room]).await? {
            outcome.dropped(entry, reason, now);
            dropped += 1;
        }
    }
    outcome.write(&tx).await?;
    ledger.sessions.commit(tx).await?;
    Ok(dropped)
}

const ENDED: &str = "SELECT w.seq, s.id FROM webhooks w JOIN shops s ON s.seq = w.shop
     WHERE w.deleted_at IS NOT NULL AND NOT w.drained AND w.drain_ends_at <= $1 LIMIT $2";

/// Erases the secrets of webhooks whose drain has ended, and says which lanes these are.
pub(super) async fn end_drains(ledger: &Ledger, now: Timestamp, limit: u32) -> Result<Vec<Lane>> {
    let mut ended = Vec::new();
    for row in ledger.sessions.all(ENDED, &[&now.as_millis(), &i64::from(limit)]).await? {
        let (lane, shop) = (Lane(row.try_get(0)?), ShopId::from_bytes(rows::bytes(&row, 1)?));
        let mut db = ledger.sessions.get().await?;
        let tx = db.transaction().await?;
        if erase(&tx, lane).await? {
            listen::tell(ledger, &tx, &Note::Webhook(shop, lane)).await?;
            ledger.sessions.commit(tx).await?;
            ledger.changed(shop, lane);
        }
        ended.push(lane);
    }
    Ok(ended)
}

async fn erase(tx: &Transaction<'_>, lane: Lane) -> Result<bool> {
    let sql = "UPDATE webhooks SET secret = NULL, replaced = NULL WHERE seq = $1 AND secret IS NOT NULL";
    Ok(tx.execute(&tx.prepare_cached(sql).await?, &[&lane.0]).await? > 0)
}

/// Unless a lease is still out: what it brings back must be dropped too.
pub(super) async fn drain_done(ledger: &Ledger, lane: Lane) -> Result<()> {
    let sql = "UPDATE webhooks SET drained = true WHERE seq = $1 AND deleted_at IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM queue WHERE webhook = $1 AND status = 0)
               AND NOT EXISTS (SELECT 1 FROM queue WHERE webhook = $1 AND status = 2)";
    ledger.sessions.all(sql, &[&lane.0]).await?;
    Ok(())
}
