//! Retention: whole days are dropped; what is not cut by day goes in bounded bites.

use deadpool_postgres::Object;
use sellvik_domain::Timestamp;
use tokio_postgres::types::ToSql;

use super::ledger::Ledger;
use super::partitions::{Day, TABLES, begin_of, day_of, name};
use super::rows;
use crate::Result;

/// Deliveries that nothing decided, publishers' ids, hours and jobs: each from its oldest on, by an index.
pub(super) const BITES: [&str; 4] = [
    "DELETE FROM queue WHERE id = ANY(ARRAY(SELECT id FROM queue WHERE id < $1 ORDER BY id LIMIT $2))",
    "DELETE FROM event_ids WHERE ctid = ANY(ARRAY(
         SELECT ctid FROM event_ids WHERE needed_at < $1 ORDER BY needed_at LIMIT $2 FOR UPDATE SKIP LOCKED))",
    "DELETE FROM webhook_hours WHERE ctid = ANY(ARRAY(
         SELECT ctid FROM webhook_hours WHERE hour < $1 ORDER BY hour LIMIT $2 FOR UPDATE SKIP LOCKED))",
    "DELETE FROM redelivery_jobs WHERE seq = ANY(ARRAY(
         SELECT seq FROM redelivery_jobs WHERE finished_at < $1 ORDER BY finished_at LIMIT $2))",
];

/// True when there may be more.
pub(super) async fn purge(ledger: &Ledger, cutoff: Timestamp, limit: u32) -> Result<bool> {
    ledger.partitions.make_ahead(ledger, ledger.world.now()).await?;
    let first_kept = rows::first_id_at(cutoff);
    let (ms, hour) = (cutoff.as_millis(), cutoff.as_millis() / 3_600_000);
    let bounds: [&(dyn ToSql + Sync); 4] = [&first_kept, &ms, &hour, &ms];
    let mut more = false;
    for (sql, bound) in BITES.into_iter().zip(bounds) {
        let db = ledger.sessions.get().await?;
        let removed = db.execute(&db.prepare_cached(sql).await?, &[bound, &i64::from(limit)]).await?;
        more |= removed >= u64::from(limit);
    }
    Ok(drop_oldest_day(ledger, day_of(cutoff)).await? || more)
}

const DAYS: &str = "SELECT c.relname, i.inhdetachpending FROM pg_inherits i
     JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass($1)";

/// Drops the partitions of the oldest day before `first_kept`; true if there was one.
async fn drop_oldest_day(ledger: &Ledger, first_kept: Day) -> Result<bool> {
    let mut oldest: Option<Day> = None;
    for (table, _) in TABLES {
        for row in ledger.sessions.all(DAYS, &[&table]).await? {
            let part: &str = row.try_get(0)?;
            let day = part.strip_prefix(table).and_then(|rest| rest.strip_prefix("_day_")?.parse().ok());
            oldest = oldest.into_iter().chain(day).min();
        }
    }
    let Some(day) = oldest.filter(|day| *day < first_kept) else { return Ok(false) };
    drop_day(ledger, day).await?;
    ledger.partitions.forget(day);
    tracing::info!(before = %begin_of(day + 1), "a day of deliveries was past its retention and is gone");
    Ok(true)
}

/// Detached first, which stops nobody; whoever still reads it is waited for. On a connection of its own, which is
/// closed afterwards: the lock that keeps other nodes away ends with it, whatever happens.
async fn drop_day(ledger: &Ledger, day: Day) -> Result<()> {
    let db = Object::take(ledger.sessions.get().await?);
    db.execute("SELECT pg_advisory_lock(hashtext('sellvik retention'), hashtext(current_schema()))", &[])
        .await?;
    for (table, _) in TABLES {
        let part = name(table, day);
        let state = "SELECT (SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = to_regclass($1)),
                            to_regclass($1) IS NOT NULL";
        let row = db.query_one(state, &[&part]).await?;
        let how = match row.try_get::<_, Option<bool>>(0)? {
            Some(false) => "CONCURRENTLY",
            // Somebody was interrupted in the middle of it.
            Some(true) => "FINALIZE",
            None => "",
        };
        if !how.is_empty() {
            db.batch_execute(&format!("ALTER TABLE {table} DETACH PARTITION {part} {how}")).await?;
        }
        if row.try_get(1)? {
            db.batch_execute(&format!("DROP TABLE IF EXISTS {part}")).await?;
        }
    }
    Ok(())
}
