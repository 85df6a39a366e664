//! The days that events, decided deliveries and attempts are cut into: made ahead, and dropped whole.

use std::collections::HashSet;
use std::fmt::Write as _;

use parking_lot::Mutex;
use sellvik_domain::Timestamp;

use super::ledger::Ledger;
use super::rows;
use crate::Result;

/// The tables that are cut by day, each with the column that tells the day.
pub(super) const TABLES: [(&str, &str); 3] = [("events", "id"), ("history", "id"), ("attempts", "delivery")];

const DAY_MS: i64 = 24 * 3_600_000;

/// Days made ahead of today: long before a row needs them, and should that fail, there is time to notice.
const DAYS_AHEAD: i64 = 2;

/// A day, counted from the epoch.
pub(super) type Day = i64;

pub(super) fn day_of(at: Timestamp) -> Day {
    at.as_millis().div_euclid(DAY_MS)
}

pub(super) fn begin_of(day: Day) -> Timestamp {
    Timestamp::from_millis(day.saturating_mul(DAY_MS))
}

/// Which days are known to have their partitions.
#[derive(Default)]
pub(super) struct Partitions(Mutex<HashSet<Day>>);

impl Partitions {
    /// Makes what is missing for today and the days ahead.
    pub(super) async fn make_ahead(&self, ledger: &Ledger, now: Timestamp) -> Result<()> {
        let ahead = (0..=DAYS_AHEAD).map(|days| begin_of(day_of(now) + days));
        self.ensure(ledger, ahead).await
    }

    /// Makes what is missing for rows of these moments.
    pub(super) async fn ensure(
        &self,
        ledger: &Ledger,
        moments: impl IntoIterator<Item = Timestamp>,
    ) -> Result<()> {
        let missing: Vec<Day> = {
            let known = self.0.lock();
            let mut days: Vec<Day> = moments.into_iter().map(day_of).collect();
            days.sort_unstable();
            days.dedup();
            days.retain(|day| !known.contains(day));
            days
        };
        for day in missing {
            make(ledger, day).await?;
            self.0.lock().insert(day);
        }
        Ok(())
    }

    /// A day's partitions are gone.
    pub(super) fn forget(&self, day: Day) {
        self.0.lock().remove(&day);
    }
}

/// What a day's partition is called.
pub(super) fn name(table: &str, day: Day) -> String {
    format!("{table}_day_{day}")
}

/// Makes a day's partitions. Each is made by itself and then attached, because a table that is made as a
/// partition stops all who use the others until it is there; with its bounds as a constraint from the
/// beginning, attaching it looks at no row.
async fn make(ledger: &Ledger, day: Day) -> Result<()> {
    let mut db = ledger.sessions.get().await?;
    let tx = db.transaction().await?;
    lock(&tx).await?;
    let (from, to) = (rows::first_id_at(begin_of(day)), rows::first_id_at(begin_of(day + 1)));
    let mut sql = String::new();
    for (table, column) in TABLES {
        let part = name(table, day);
        let there = tx.query_one("SELECT to_regclass($1) IS NOT NULL", &[&part]).await?;
        if there.try_get(0)? {
            continue;
        }
        // Writing to a text does not fail.
        let _ = write!(
            sql,
            "CREATE TABLE {part} (LIKE {table} INCLUDING ALL,
                CONSTRAINT of_its_day CHECK ({column} >= '{from}' AND {column} < '{to}'));
             ALTER TABLE {table} ATTACH PARTITION {part} FOR VALUES FROM ('{from}') TO ('{to}');
             ALTER TABLE {part} DROP CONSTRAINT of_its_day;"
        );
    }
    tx.batch_execute(&sql).await?;
    ledger.sessions.commit(tx).await
}

/// Only one node at a time changes what partitions there are.
pub(super) async fn lock(tx: &deadpool_postgres::Transaction<'_>) -> Result<()> {
    tx.query_one(
        "SELECT pg_advisory_xact_lock(hashtext('sellvik partitions'), hashtext(current_schema()))",
        &[],
    )
    .await?;
    Ok(())
}
