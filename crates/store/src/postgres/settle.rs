//! Writing what became of leased deliveries: out of the queue, and into history or back, many at a time.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use sellvik_domain::{Attempt, DeliveryId, DropReason, Lane, ShopId, Timestamp, Verdict};
use uuid::Uuid;

use super::bulk;
use super::entry::{ENTRY, Entry};
use super::ledger::{Ledger, Promises};
use super::publish::{self, Planned};
use super::routes;
use super::rows;
use super::tables::{Attempts, CounterRow, Counters, History, HourRow, Hours, Queue};
use crate::tally::Tally;
use crate::{Lease, NewEvent, Result, Settled, Settlement, Settling};

pub(super) async fn settle(ledger: &Ledger, settlements: &[Settlement]) -> Result<Vec<Settling>> {
    // Before the transaction, which must not wait for a second connection.
    let notices = settlements.iter().filter_map(|one| one.notice.as_ref());
    let shops: Vec<ShopId> = notices.clone().map(|notice| notice.shop).collect();
    let routes = routes::of(ledger, &shops).await?;
    ledger.partitions.ensure(ledger, notices.map(|notice| notice.accepted_at)).await?;

    let mut db = ledger.sessions.get().await?;
    let tx = db.transaction().await?;
    let mut taken = take(&tx, settlements).await?;
    let mut outcome = Outcome::default();
    let mut promises = ledger.promises();
    let mut answers = Vec::with_capacity(settlements.len());
    let mut news: Vec<(&NewEvent, Lane)> = Vec::new();
    for settlement in settlements {
        let Some(entry) = taken.remove(&settlement.lease) else {
            answers.push(Settling::LeaseLost);
            continue;
        };
        outcome.add(&mut promises, entry, settlement);
        news.extend(settlement.notice.as_ref().map(|notice| (notice, settlement.lane)));
        answers.push(Settling::Recorded);
    }
    outcome.write(&tx).await?;
    let mut planned = Vec::new();
    for (notice, failed) in news {
        let Some(routes) = routes.get(&notice.shop) else { continue };
        let mut lanes = routes.subscribed(&notice.kind);
        lanes.retain(|lane| *lane != failed);
        // Nobody hears of it: no event.
        if !lanes.is_empty() {
            planned.push(Planned::new(routes, notice, &lanes, false)?);
        }
    }
    if !planned.is_empty() {
        let taken = publish::write(ledger, &tx, &mut promises, &mut planned).await?;
        // The settlement stands, whatever becomes of the news of it.
        for refused in taken.iter().filter_map(|one| one.as_ref().err()) {
            tracing::error!(error = %refused, "webhook.failed was refused");
        }
        publish::promise(&mut promises, &planned, &taken);
    }
    tx.commit().await?;
    promises.keep();
    Ok(answers)
}

/// Takes what is settled out of the queue, by the latest of the leases given for each. The second condition
/// looks the lease's epoch up by the place of its delivery among them: a join could be planned as a walk over
/// the whole queue.
async fn take(tx: &Transaction<'_>, settlements: &[Settlement]) -> Result<HashMap<Lease, Entry>> {
    let mut latest: HashMap<DeliveryId, i64> = HashMap::new();
    for Settlement { lease, .. } in settlements {
        let epoch = latest.entry(lease.delivery()).or_insert(lease.epoch);
        *epoch = lease.epoch.max(*epoch);
    }
    let (ids, epochs): (Vec<Uuid>, Vec<i64>) =
        latest.iter().map(|(id, epoch)| (rows::id(id.as_bytes()), *epoch)).unzip();
    let taken = Entry::take(tx, &take_sql(), &[&ids, &epochs]).await?;
    Ok(taken.into_iter().map(|entry| (Lease::of(entry.id, entry.epoch), entry)).collect())
}

pub(super) fn take_sql() -> String {
    format!(
        "DELETE FROM queue WHERE id = ANY($1::uuid[])
         AND epoch = ($2::bigint[])[array_position($1::uuid[], id)] RETURNING {ENTRY}"
    )
}

/// What deliveries taken out of the queue became.
#[derive(Default)]
pub(super) struct Outcome {
    history: History,
    queue: Queue,
    attempts: Attempts,
    pub(super) tally: Tally,
    shops: HashMap<Lane, i64>,
}

impl Outcome {
    fn add(&mut self, promises: &mut Promises, mut entry: Entry, settlement: &Settlement) {
        self.shops.insert(entry.lane, entry.shop);
        match &settlement.settled {
            Settled::Attempted { attempt, verdict } => {
                return self.attempted(promises, entry, attempt, *verdict, settlement.test);
            }
            Settled::Dropped { reason, at } => return self.dropped(entry, *reason, *at),
            Settled::Postponed { until } => {
                (entry.due, entry.put_off) = (until.as_millis(), true);
            }
            Settled::Released => {}
        }
        self.back(promises, entry);
    }

    fn attempted(
        &mut self,
        promises: &mut Promises,
        mut entry: Entry,
        attempt: &Attempt,
        verdict: Verdict,
        test: bool,
    ) {
        if let Some(before) = entry.attempted(attempt) {
            self.attempts.push(before);
        }
        self.tally.attempt(entry.lane, attempt.ended_at, attempt.succeeded, attempt.duration_ms, test);
        match verdict {
            Verdict::Succeeded => self.history.push(entry.decided(None)),
            Verdict::Dropped(reason) => self.dropped(entry, reason, attempt.ended_at),
            Verdict::RetryAt { at, entry: step, client_error } => {
                (entry.status, entry.due, entry.put_off) = (2, at.as_millis(), true);
                (entry.step, entry.client_error) = (i16::from(step), client_error);
                self.back(promises, entry);
            }
        }
    }

    /// Given up.
    pub(super) fn dropped(&mut self, entry: Entry, reason: DropReason, at: Timestamp) {
        self.shops.insert(entry.lane, entry.shop);
        self.tally.dropped(entry.lane, at, 1);
        self.history.push(entry.decided(Some(reason)));
    }

    fn back(&mut self, promises: &mut Promises, entry: Entry) {
        promises.tell_waiting(entry.lane, Timestamp::from_millis(entry.due));
        self.queue.push(entry.waiting());
    }

    /// Writes it all. The counters come last: their rows are what others wait for.
    pub(super) async fn write(mut self, tx: &Transaction<'_>) -> Result<()> {
        let (counters, hours) = self.counts();
        tokio::try_join!(
            biased;
            bulk::write(tx, &self.history),
            bulk::write(tx, &self.queue),
            bulk::write(tx, &self.attempts),
            bulk::write(tx, &counters),
            bulk::write(tx, &hours),
        )?;
        Ok(())
    }

    fn counts(&mut self) -> (Counters, Hours) {
        let shops = &self.shops;
        let shop_of = |lane: Lane| shops.get(&lane).copied().unwrap_or_default();
        let mut counters = Counters::default();
        for (lane, one) in self.tally.counters.drain() {
            counters.push(CounterRow {
                webhook: lane.0,
                shop: shop_of(lane),
                cleared: one.cleared,
                failure_count: one.failures,
                last_delivery_at: one.last_delivery_at,
            });
        }
        let mut hours = Hours::default();
        for ((lane, hour), counts) in self.tally.hours.drain() {
            let b = counts.buckets.map(i64::from);
            hours.push(HourRow {
                webhook: lane.0,
                hour,
                shop: shop_of(lane),
                succeeded: i64::from(counts.succeeded),
                failed: i64::from(counts.failed),
                dropped: i64::from(counts.dropped),
                le_10: b[0],
                le_25: b[1],
                le_50: b[2],
                le_100: b[3],
                le_250: b[4],
                le_500: b[5],
                le_1000: b[6],
                le_2500: b[7],
                le_5000: b[8],
                le_10000: b[9],
                beyond: b[10],
            });
        }
        (counters, hours)
    }
}
