//! Whose turn it is: within each pool shop by shop, within a shop lane by lane, each in the order they
//! asked. A turn comes with a permit, the shop's and the pool's, so that none can ever be overdrawn, and
//! nobody has to look through thousands of lanes for one that may start.

use std::collections::VecDeque;

use sellvik_domain::Lane;

use super::pools::{PerPool, Pool};
use super::shops::Slot;
use crate::bounds::{PoolBounds, SHOP_SHARE};

#[derive(Default)]
pub(super) struct Turns {
    pools: PerPool<Ring>,
    shops: Vec<PerPool<Queue>>,
    /// Which pool comes next: they take turns too.
    next: usize,
}

/// A pool's permits in use, and the shops that have lanes waiting and permits left.
#[derive(Default)]
struct Ring {
    in_flight: u32,
    shops: VecDeque<Slot>,
}

/// A shop's lanes that wait for their turn in one pool.
#[derive(Default, Clone)]
struct Queue {
    lanes: VecDeque<Lane>,
    in_flight: u32,
    in_ring: bool,
}

/// A lane that may start one attempt; the permits for it are taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) lane: Lane,
    pub(super) shop: Slot,
    pub(super) pool: Pool,
}

impl Turns {
    /// There are so many slots for shops now.
    pub(super) fn shops(&mut self, slots: usize) {
        if self.shops.len() < slots {
            self.shops.resize(slots, PerPool::default());
        }
    }

    /// A lane waits behind its shop's others.
    pub(super) fn ask(&mut self, shop: Slot, pool: Pool, lane: Lane) {
        self.shops[shop.index()][pool].lanes.push_back(lane);
        self.ring(shop, pool);
    }

    /// A lane waits no longer.
    pub(super) fn withdraw(&mut self, shop: Slot, pool: Pool, lane: Lane) {
        let lanes = &mut self.shops[shop.index()][pool].lanes;
        if let Some(at) = lanes.iter().position(|waiting| *waiting == lane) {
            lanes.remove(at);
        }
    }

    /// The lane whose turn it is takes its permits and waits no longer.
    pub(super) fn next(&mut self) -> Option<Turn> {
        for _ in Pool::ALL {
            let pool = Pool::ALL[self.next];
            self.next = (self.next + 1) % Pool::ALL.len();
            let turn = self.next_of(pool);
            if turn.is_some() {
                return turn;
            }
        }
        None
    }

    fn next_of(&mut self, pool: Pool) -> Option<Turn> {
        let ring = &mut self.pools[pool];
        if ring.in_flight >= PoolBounds::of(pool).attempts {
            return None;
        }
        while let Some(shop) = ring.shops.pop_front() {
            let queue = &mut self.shops[shop.index()][pool];
            queue.in_ring = false;
            // Its lanes may have withdrawn.
            let Some(lane) = queue.lanes.pop_front() else { continue };
            ring.in_flight += 1;
            queue.in_flight += 1;
            self.ring(shop, pool);
            return Some(Turn { lane, shop, pool });
        }
        None
    }

    /// An attempt's permits are free again.
    pub(super) fn give_back(&mut self, shop: Slot, pool: Pool) {
        let ring = &mut self.pools[pool];
        ring.in_flight = ring.in_flight.saturating_sub(1);
        let queue = &mut self.shops[shop.index()][pool];
        queue.in_flight = queue.in_flight.saturating_sub(1);
        self.ring(shop, pool);
    }

    /// A shop with lanes waiting and permits left stands in the ring, once.
    fn ring(&mut self, shop: Slot, pool: Pool) {
        let queue = &mut self.shops[shop.index()][pool];
        let share = PoolBounds::of(pool).attempts / SHOP_SHARE;
        if !queue.in_ring && !queue.lanes.is_empty() && queue.in_flight < share {
            queue.in_ring = true;
            self.pools[pool].shops.push_back(shop);
        }
    }

    /// Whether any pool has shops in its ring and permits left.
    pub(super) fn is_ready(&self) -> bool {
        let ready = |pool| {
            let ring: &Ring = &self.pools[pool];
            !ring.shops.is_empty() && ring.in_flight < PoolBounds::of(pool).attempts
        };
        Pool::ALL.into_iter().any(ready)
    }

    /// Attempts in flight.
    pub(super) fn in_flight(&self) -> usize {
        Pool::ALL.iter().map(|pool| self.pools[*pool].in_flight as usize).sum()
    }

    #[cfg(test)]
    pub(super) fn in_flight_of(&self, pool: Pool) -> u32 {
        self.pools[pool].in_flight
    }
}

#[cfg(test)]
mod tests;
