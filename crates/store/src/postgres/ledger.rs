//! What all of the ledger's parts share, and what is owed to dispatch once a transaction is on disk.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use sellvik_clock::World;
use sellvik_domain::{Lane, ShopId, Timestamp};
use tokio::sync::Notify;

use super::partitions::Partitions;
use super::session::Sessions;
use super::throttle::Refused;
use crate::endpoints::EndpointCache;
use crate::routes::Routes;
use crate::seal::Sealer;
use crate::{Intake, Leased};

/// Shops whose routes are kept at hand; beyond that the cache starts anew.
const CACHED_SHOPS_MAX: usize = 20_000;

pub(super) struct Ledger {
    pub(super) sessions: Sessions,
    pub(super) sealer: Sealer,
    pub(super) endpoints: EndpointCache,
    pub(super) routes: RoutesCache,
    pub(super) partitions: Partitions,
    pub(super) refused: Refused,
    pub(super) intake: OnceLock<Arc<dyn Intake>>,
    pub(super) world: World,
    /// What dispatch here had no room for, until the other nodes are told.
    pub(super) overflow: Arc<Overflow>,
    /// Where the nodes talk.
    pub(super) channel: String,
    /// Who this is among the nodes.
    pub(super) node: i32,
    /// How long a lease lasts unless it is renewed.
    pub(super) lease: Duration,
}

impl Ledger {
    /// What a transaction promises to dispatch.
    pub(super) fn promises(&self) -> Promises {
        Promises::to(self.intake.get().cloned(), self.overflow.clone())
    }

    /// A webhook changed, here or at another node: what is known of it and of its shop no longer holds.
    pub(super) fn changed(&self, shop: ShopId, lane: Lane) {
        self.routes.forget(shop);
        self.endpoints.forget(lane);
        if let Some(intake) = self.intake.get() {
            intake.changed(lane);
        }
    }

    /// Anything may have changed.
    pub(super) fn all_changed(&self) {
        self.routes.forget_all();
        self.endpoints.forget_all();
        if let Some(intake) = self.intake.get() {
            intake.all_changed();
        }
    }

    /// How long a lease lasts, as PostgreSQL's `make_interval` takes it.
    pub(super) fn lease_secs(&self) -> f64 {
        self.lease.as_secs_f64()
    }
}

/// Which webhooks of a shop want which events, kept at hand and forgotten when it changes.
#[derive(Default)]
pub(super) struct RoutesCache(Mutex<Known>);

#[derive(Default)]
struct Known {
    routes: HashMap<ShopId, Arc<Routes>>,
    /// Rises with every change, so that a load that began before one is not kept.
    changes: u64,
}

impl RoutesCache {
    pub(super) fn get(&self, shop: ShopId) -> Option<Arc<Routes>> {
        self.0.lock().routes.get(&shop).cloned()
    }

    pub(super) fn changes(&self) -> u64 {
        self.0.lock().changes
    }

    pub(super) fn keep(&self, routes: &Arc<Routes>, as_of: u64) {
        let mut known = self.0.lock();
        if known.changes != as_of {
            return;
        }
        if known.routes.len() >= CACHED_SHOPS_MAX {
            known.routes.clear();
        }
        known.routes.insert(routes.shop.id, routes.clone());
    }

    pub(super) fn forget(&self, shop: ShopId) {
        let mut known = self.0.lock();
        known.changes += 1;
        known.routes.remove(&shop);
    }

    pub(super) fn forget_all(&self) {
        let mut known = self.0.lock();
        known.changes += 1;
        known.routes.clear();
    }
}

/// What dispatch is told when the transaction is on disk. Dropped without [`Promises::keep`], it was not: the
/// room that was reserved is given back.
pub(super) struct Promises {
    intake: Option<Arc<dyn Intake>>,
    overflow: Arc<Overflow>,
    reserved: Vec<(Lane, usize)>,
    leased: Vec<Leased>,
    waiting: Vec<(Lane, Timestamp)>,
    unplaced: Vec<(Lane, Timestamp)>,
}

impl Promises {
    fn to(intake: Option<Arc<dyn Intake>>, overflow: Arc<Overflow>) -> Self {
        let (reserved, leased, waiting, unplaced) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { intake, overflow, reserved, leased, waiting, unplaced }
    }

    /// Asks dispatch for room for a delivery that is about to be written.
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

    /// Due now, and there was no room for it here.
    pub(super) fn tell_unplaced(&mut self, lane: Lane, due: Timestamp) {
        self.unplaced.push((lane, due));
        self.tell_waiting(lane, due);
    }

    /// The transaction is on disk.
    pub(super) fn keep(mut self) {
        self.reserved.clear();
        self.overflow.add(&self.unplaced);
        let Some(intake) = self.intake.take() else { return };
        if !self.leased.is_empty() {
            intake.hand_over(std::mem::take(&mut self.leased));
        }
        if !self.waiting.is_empty() {
            intake.waiting(&self.waiting);
        }
    }
}

impl Drop for Promises {
    fn drop(&mut self) {
        for (lane, bytes) in self.reserved.drain(..) {
            self.intake.iter().for_each(|intake| intake.cancel(lane, bytes));
        }
    }
}

/// Lanes with something due that other nodes may have room for.
#[derive(Default)]
pub(super) struct Overflow {
    lanes: Mutex<BTreeMap<Lane, Timestamp>>,
    pub(super) bell: Notify,
}

impl Overflow {
    fn add(&self, unplaced: &[(Lane, Timestamp)]) {
        if unplaced.is_empty() {
            return;
        }
        let mut lanes = self.lanes.lock();
        for (lane, due) in unplaced {
            lanes.entry(*lane).or_insert(*due);
        }
        drop(lanes);
        self.bell.notify_one();
    }

    /// Some of them, which are then told.
    pub(super) fn take(&self, most: usize) -> Vec<(Lane, Timestamp)> {
        let mut lanes = self.lanes.lock();
        std::iter::from_fn(|| lanes.pop_first()).take(most).collect()
    }
}
