//! Lanes with room and something in the ledger, by when that is due; each pool's apart, so that those of a
//! pool whose memory is full stand in nobody's way.

use std::collections::BTreeSet;

use sellvik_domain::{Lane, Timestamp};

use super::pools::{PerPool, Pool};

#[derive(Default)]
pub(super) struct Agenda {
    pools: PerPool<BTreeSet<(Timestamp, Lane)>>,
    /// Which pool comes first: they take turns.
    first: usize,
}

impl Agenda {
    pub(super) fn insert(&mut self, (pool, due): (Pool, Timestamp), lane: Lane) {
        self.pools[pool].insert((due, lane));
    }

    pub(super) fn remove(&mut self, (pool, due): (Pool, Timestamp), lane: Lane) {
        self.pools[pool].remove(&(due, lane));
    }

    /// The pools, in an order that is another one each time.
    pub(super) fn pools(&mut self) -> [Pool; Pool::ALL.len()] {
        self.first = (self.first + 1) % Pool::ALL.len();
        let mut pools = Pool::ALL;
        pools.rotate_left(self.first);
        pools
    }

    pub(super) fn first_due(&self, pool: Pool) -> Option<Timestamp> {
        self.pools[pool].first().map(|(due, _)| *due)
    }

    /// How many lanes are due, as far as it matters.
    pub(super) fn many_due(&self, now: Timestamp, most: usize) -> usize {
        let lanes = Pool::ALL
            .iter()
            .flat_map(|pool| self.pools[*pool].iter().take(most).take_while(|(due, _)| *due <= now));
        lanes.take(most).count()
    }

    /// The first lane that is due leaves.
    pub(super) fn take_due(&mut self, pool: Pool, now: Timestamp) -> Option<Lane> {
        let lanes = &mut self.pools[pool];
        let (due, _) = lanes.first()?;
        if *due > now {
            return None;
        }
        lanes.pop_first().map(|(_, lane)| lane)
    }
}
