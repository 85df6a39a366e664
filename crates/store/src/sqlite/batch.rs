//! One transaction of the writer: what its writes share, and what is to be said once it is on disk.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::MutexGuard;
use rusqlite::{Connection, params};
use sellvik_domain::{Lane, ShopId, Timestamp};

use super::Shared;
use super::leases::Leases;
use crate::routes::Routes;
use crate::seal::Sealer;
use crate::tally::Tally;
use crate::{Intake, Leased, Result};

/// Shops whose routes the writer keeps at hand; beyond that it starts anew.
const CACHED_SHOPS_MAX: usize = 20_000;

/// What the writer remembers between transactions.
#[derive(Default)]
pub(super) struct Caches {
    routes: HashMap<ShopId, Arc<Routes>, RandomState>,
}

pub(super) struct Batch<'a> {
    pub(super) db: &'a Connection,
    pub(super) shared: &'a Shared,
    caches: &'a mut Caches,
    intake: Option<Arc<dyn Intake>>,
    pub(super) tally: Tally,
    reserved: Vec<(Lane, usize)>,
    leased: Vec<Leased>,
    waiting: Vec<(Lane, Timestamp)>,
    changed: Vec<Lane>,
    job_made: bool,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        db: &'a Connection,
        shared: &'a Shared,
        caches: &'a mut Caches,
        intake: Option<Arc<dyn Intake>>,
    ) -> Self {
        Self {
            db,
            shared,
            caches,
            intake,
            tally: Tally::default(),
            reserved: Vec::new(),
            leased: Vec::new(),
            waiting: Vec::new(),
            changed: Vec::new(),
            job_made: false,
        }
    }

    pub(super) fn begin(&self) -> Result<()> {
        self.db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(())
    }

    /// Leaves no trace but a page to write: a commit without one succeeds on a full disk too, and would
    /// say nothing of whether the ledger takes writes again.
    pub(super) fn write_something(&self) -> Result<()> {
        self.db.prepare_cached("INSERT INTO meta (key, value) VALUES ('write_probe', x'')")?.execute([])?;
        self.db.prepare_cached("DELETE FROM meta WHERE key = 'write_probe'")?.execute([])?;
        Ok(())
    }

    pub(super) fn commit(&mut self) -> Result<()> {
        self.flush_counters()?;
        self.flush_hours()?;
        self.db.prepare_cached("COMMIT")?.execute([])?;
        self.leases().keep();
        for lane in &self.changed {
            self.shared.endpoints.forget(*lane);
        }
        if let Some(intake) = self.intake.take() {
            for lane in self.changed.drain(..) {
                intake.changed(lane);
            }
            if !self.leased.is_empty() {
                intake.hand_over(std::mem::take(&mut self.leased));
            }
            if !self.waiting.is_empty() {
                intake.waiting(&self.waiting);
            }
            if self.job_made {
                intake.job_made();
            }
        }
        Ok(())
    }

    /// Undoes the transaction and everything promised in it.
    pub(super) fn roll_back(&mut self) {
        if !self.db.is_autocommit()
            && let Err(error) = self.db.execute_batch("ROLLBACK")
        {
            tracing::error!(error = %error, "rollback failed");
        }
        self.leases().undo();
        self.caches.routes.clear();
        if let Some(intake) = &self.intake {
            for (lane, bytes) in self.reserved.drain(..) {
                intake.cancel(lane, bytes);
            }
        }
    }

    pub(super) fn sealer(&self) -> &'a Sealer {
        &self.shared.sealer
    }

    pub(super) fn leases(&self) -> MutexGuard<'a, Leases> {
        self.shared.leases.lock()
    }

    /// Asks dispatch for room; a yes must be followed by [`Batch::hand_over`].
    pub(super) fn reserve(&mut self, shop: ShopId, lane: Lane, bytes: usize) -> bool {
        let room = self.intake.as_ref().is_some_and(|intake| intake.reserve(shop, lane, bytes));
        if room {
            self.reserved.push((lane, bytes));
        }
        room
    }

    pub(super) fn hand_over(&mut self, leased: Leased) {
        self.leased.push(leased);
    }

    pub(super) fn tell_waiting(&mut self, lane: Lane, due: Timestamp) {
        self.waiting.push((lane, due));
    }

    /// A webhook changed: what is cached of it and of its shop's routes no longer holds.
    pub(super) fn tell_changed(&mut self, shop: ShopId, lane: Lane) {
        self.forget_routes(shop);
        self.changed.push(lane);
    }

    pub(super) fn tell_job_made(&mut self) {
        self.job_made = true;
    }

    pub(super) fn forget_routes(&mut self, shop: ShopId) {
        self.caches.routes.remove(&shop);
    }

    /// The shop's routes, from memory or by `load`.
    pub(super) fn routes(
        &mut self,
        shop: ShopId,
        load: impl FnOnce(&Connection) -> Result<Option<Routes>>,
    ) -> Result<Option<Arc<Routes>>> {
        if let Some(known) = self.caches.routes.get(&shop) {
            return Ok(Some(known.clone()));
        }
        let Some(routes) = load(self.db)?.map(Arc::new) else { return Ok(None) };
        if self.caches.routes.len() >= CACHED_SHOPS_MAX {
            self.caches.routes.clear();
        }
        self.caches.routes.insert(shop, routes.clone());
        Ok(Some(routes))
    }

    /// Writes the folded counters, so that what follows sees them.
    pub(super) fn flush_counters(&mut self) -> Result<()> {
        let mut statement = self.db.prepare_cached(
            "INSERT INTO webhook_counters (webhook, failure_count, last_delivery_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (webhook) DO UPDATE SET
                failure_count = CASE WHEN ?4 THEN 0 ELSE failure_count END + ?2,
                last_delivery_at = max(ifnull(last_delivery_at, 0), ?3)",
        )?;
        for (lane, c) in in_order(self.tally.counters.drain()) {
            statement.execute(params![lane.0, c.failures, c.last_delivery_at, c.cleared])?;
        }
        Ok(())
    }

    fn flush_hours(&mut self) -> Result<()> {
        let mut statement = self.db.prepare_cached(
            "INSERT INTO webhook_hours VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
             ON CONFLICT (webhook, hour) DO UPDATE SET
                succeeded = succeeded + ?3, failed = failed + ?4, dropped = dropped + ?5, le_10 = le_10 + ?6,
                le_25 = le_25 + ?7, le_50 = le_50 + ?8, le_100 = le_100 + ?9, le_250 = le_250 + ?10,
                le_500 = le_500 + ?11, le_1000 = le_1000 + ?12, le_2500 = le_2500 + ?13,
                le_5000 = le_5000 + ?14, le_10000 = le_10000 + ?15, beyond = beyond + ?16",
        )?;
        for ((lane, hour), h) in in_order(self.tally.hours.drain()) {
            let b = h.buckets;
            statement.execute(params![
                lane.0,
                hour,
                h.succeeded,
                h.failed,
                h.dropped,
                b[0],
                b[1],
                b[2],
                b[3],
                b[4],
                b[5],
                b[6],
                b[7],
                b[8],
                b[9],
                b[10]
            ])?;
        }
        Ok(())
    }
}

/// In the order of their keys, so that neighbours in the table are written one after the other.
fn in_order<K: Ord, V>(tallied: impl Iterator<Item = (K, V)>) -> impl Iterator<Item = (K, V)> {
    let mut tallied: Vec<_> = tallied.collect();
    tallied.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    tallied.into_iter()
}
