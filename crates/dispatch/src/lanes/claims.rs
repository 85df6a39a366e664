//! What waits in the ledger: who claims next, how much, and what came of it.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use sellvik_domain::{Lane, ShopId, Timestamp};
use sellvik_store::{Claimed, Leased};

use super::Lanes;
use super::pools::{Held, Pool};
use crate::bounds::{CLAIM_MAX, CLAIM_SHARED_BY_MAX};

impl Lanes {
    /// What waits in the ledger of these lanes, but for held ones.
    pub(crate) fn all_waiting(&mut self, waiting: &[(Lane, Timestamp)]) {
        for (lane, due) in waiting {
            if !self.held.contains(lane) {
                self.waiting(*lane, *due);
            }
        }
    }

    /// Something of this lane waits in the ledger, due at `due`.
    pub(crate) fn waiting(&mut self, lane: Lane, due: Timestamp) {
        let state = self.states.entry(lane).or_default();
        if state.ledger_due.is_none_or(|known| due < known) {
            state.ledger_due = Some(due);
            self.office.arrange(lane, state);
        }
    }

    /// Lanes with something due and room for it, each with how many to claim, which room is theirs until
    /// [`Lanes::take_claim`] or [`Lanes::claim_failed`]. They leave the agenda until then.
    pub(crate) fn due(&mut self, now: Timestamp, lanes_max: usize, per_lane_max: u32) -> Vec<(Lane, u32)> {
        let mut due = Vec::new();
        if !self.may_claim() {
            return due;
        }
        if now < self.looked_at {
            self.clock_was_set_back(now);
        }
        self.looked_at = now;
        for lane in self.office.memory.freed() {
            if let Some(state) = self.states.get_mut(&lane) {
                state.parked = None;
                self.office.arrange(lane, state);
            }
        }
        // Where many lanes are due, each brings less at a time: no receiver gets a burst, and our connections
        // to it need not be many.
        let sharing = self.office.agenda.many_due(now, CLAIM_SHARED_BY_MAX);
        let share = CLAIM_MAX / u32::try_from(sharing.max(1)).unwrap_or(CLAIM_MAX);
        let per_lane_max = per_lane_max.min(share);
        for pool in self.office.agenda.pools() {
            while due.len() < lanes_max && self.office.memory.free(pool) > 0 {
                let Some(lane) = self.office.agenda.take_due(pool, now) else { break };
                due.extend(self.promise(lane, pool, now, per_lane_max).map(|count| (lane, count)));
            }
        }
        due
    }

    /// Room for a claim, unless the lane's shop holds all that it may.
    fn promise(&mut self, lane: Lane, pool: Pool, now: Timestamp, most: u32) -> Option<u32> {
        let state = self.states.get_mut(&lane)?;
        state.planned = None;
        let free = self.office.memory.free_of_shop(state.shop, pool);
        if free == 0 {
            state.parked = Some(pool);
            self.office.memory.park(state.shop, pool, lane);
            return None;
        }
        let count = state.room_for_claim().min(most).min(free);
        (state.ledger_due, state.claimed_at, state.behind) = (None, now, true);
        state.claiming = count;
        self.office.arrange(lane, state);
        self.office.hold(state, Held::many(count));
        Some(count)
    }

    /// What was claimed later than now would have to wait until then.
    fn clock_was_set_back(&mut self, now: Timestamp) {
        for (lane, state) in self.states.iter_mut().filter(|(_, state)| state.claimed_at > now) {
            state.claimed_at = now;
            self.office.arrange(*lane, state);
        }
    }

    /// A lane is this shop's.
    pub(crate) fn belongs(&mut self, lane: Lane, shop: ShopId) {
        if let Some(state) = self.states.get_mut(&lane) {
            self.office.belongs(lane, state, shop);
        }
    }

    /// Takes what a claim for `asked` brought. A held lane's backlog stays where it is.
    pub(crate) fn take_claim(&mut self, asked: &[(Lane, u32)], claimed: Claimed, now: Timestamp) {
        for lane in claimed.failing {
            if let Some(state) = self.states.get_mut(&lane) {
                state.window.failed_before();
            }
        }
        self.end_claim(asked);
        let mut firsts: HashMap<Lane, u32, RandomState> = HashMap::default();
        for leased in claimed.leased {
            *firsts.entry(leased.lane).or_default() += u32::from(leased.attempts == 0);
            self.take_claimed(leased);
        }
        self.all_waiting(&claimed.next);
        for (lane, count) in asked {
            let Some(state) = self.states.get_mut(lane) else { continue };
            state.behind = state.ledger_due.is_some_and(|due| due <= now);
            // Half of a claim is first attempts if so many wait.
            let brought = firsts.get(lane).copied().unwrap_or(0);
            state.firsts_in_ledger &= state.behind && brought >= count / 2;
            self.office.arrange(*lane, state);
        }
    }

    /// The ledger did not answer: all that was due still is.
    pub(crate) fn claim_failed(&mut self, asked: &[(Lane, u32)], now: Timestamp) {
        self.end_claim(asked);
        for (lane, _) in asked {
            self.all_waiting(&[(*lane, now)]);
        }
    }

    fn end_claim(&mut self, asked: &[(Lane, u32)]) {
        for (lane, _) in asked {
            if let Some(state) = self.states.get_mut(lane) {
                let promised = std::mem::take(&mut state.claiming);
                self.office.release(state, Held::many(promised));
                self.office.arrange(*lane, state);
            }
        }
    }

    /// Takes a claimed delivery. One whose lease ran out while it was held only changes its lease; one
    /// that was settled and is due again is a new one, even if its settling has not been noted here yet.
    fn take_claimed(&mut self, leased: Leased) {
        let known = self.leases.insert(leased.delivery, leased.lease);
        if known.is_some_and(|known| leased.lease.renews(known)) {
            return;
        }
        let lane = leased.lane;
        let state = self.states.entry(lane).or_default();
        self.office.hold(state, Held::one(leased.event.envelope.len()));
        state.push(leased);
        self.office.arrange(lane, state);
    }

    /// When the next lane with room has something due. None while nothing may be claimed: what is overdue
    /// would wake the claimer for nothing, again and again, and the settlement that ends it rings the bell.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        if !self.may_claim() {
            return None;
        }
        if self.office.memory.has_freed() {
            return Some(Timestamp::EPOCH);
        }
        let may_claim = |pool: &&Pool| self.office.memory.free(**pool) > 0;
        Pool::ALL.iter().filter(may_claim).filter_map(|pool| self.office.agenda.first_due(*pool)).min()
    }

    fn may_claim(&self) -> bool {
        self.unsettled == 0 && !self.stopped
    }
}
