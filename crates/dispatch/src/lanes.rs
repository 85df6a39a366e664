//! The lanes in memory: what they hold, what of them waits in the ledger, and whose turn it is.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;
use sellvik_domain::{DeliveryId, Lane, ShopId, Timestamp};
use sellvik_store::{Lease, Leased};

use crate::bounds::LANES_KEPT_MAX;

mod agenda;
mod claims;
mod memory;
mod office;
mod pools;
mod shops;
mod state;
mod turns;

use office::Office;
use pools::Held;
pub(crate) use pools::Pool;
use shops::Slot;
use state::LaneState;

/// All lanes that have anything to do.
#[derive(Default)]
pub(crate) struct Lanes {
    states: HashMap<Lane, LaneState, RandomState>,
    office: Office,
    /// Lanes whose webhook is held: their backlog stays in the ledger.
    held: HashSet<Lane>,
    /// Every lease this process holds, for renewal. By our own ids, which nobody else chooses.
    leases: HashMap<DeliveryId, Lease, RandomState>,
    /// When lanes with something due were last looked for.
    looked_at: Timestamp,
    /// Settlements that the ledger has not taken yet: while there are any, nothing new starts.
    unsettled: usize,
    stopped: bool,
}

/// A delivery that may start now.
pub(crate) struct Start {
    pub(crate) leased: Leased,
    pub(crate) seat: Seat,
}

/// What an attempt in flight uses, to be given back when it lands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seat {
    lane: Lane,
    shop: Slot,
    pool: Pool,
    first: bool,
}

impl Lanes {
    /// Whether one more first attempt of this shop's lane may come straight from a publish.
    pub(crate) fn reserve(&mut self, shop: ShopId, lane: Lane, bytes: usize, now: Timestamp) -> bool {
        if self.stopped {
            return false;
        }
        let state = self.states.entry(lane).or_default();
        self.office.belongs(lane, state, shop);
        let room =
            state.has_room_for_first(now) && self.office.memory.has_room(state.shop, state.pool, bytes);
        if room {
            state.reserved += 1;
            self.office.hold(state, Held::one(bytes));
        } else {
            state.firsts_in_ledger = true;
        }
        room
    }

    pub(crate) fn cancel(&mut self, lane: Lane, bytes: usize) {
        if let Some(state) = self.states.get_mut(&lane) {
            state.reserved = state.reserved.saturating_sub(1);
            self.office.release(state, Held::one(bytes));
            self.office.arrange(lane, state);
        }
    }

    /// Takes a delivery for which room was reserved.
    pub(crate) fn take_reserved(&mut self, leased: Leased) {
        let lane = leased.lane;
        self.leases.insert(leased.delivery, leased.lease);
        let state = self.states.entry(lane).or_default();
        state.reserved = state.reserved.saturating_sub(1);
        state.push(leased);
        self.office.arrange(lane, state);
    }

    /// The next delivery to start: one per lane and turn, within the lane's window and the permits of its
    /// pool and its shop.
    pub(crate) fn start_next(&mut self) -> Option<Start> {
        if self.stopped || self.unsettled > 0 {
            return None;
        }
        loop {
            let turn = self.office.turns.next()?;
            let started = self.states.get_mut(&turn.lane).and_then(|state| {
                state.queued = None;
                let leased = state.start()?;
                self.office.arrange(turn.lane, state);
                Some(leased)
            });
            let Some(leased) = started else {
                self.office.turns.give_back(turn.shop, turn.pool);
                continue;
            };
            let first = leased.attempts == 0;
            let seat = Seat { lane: turn.lane, shop: turn.shop, pool: turn.pool, first };
            return Some(Start { leased, seat });
        }
    }

    /// Whether more may start right now, as far as a glance tells.
    pub(crate) fn is_ready(&self) -> bool {
        !self.stopped && self.unsettled == 0 && self.office.turns.is_ready()
    }

    /// An attempt's socket is free again. `answered` says what the window learns: nothing, if no
    /// attempt was made. Deliveries that a shrunken window no longer wants in memory come back.
    pub(crate) fn landed(&mut self, seat: Seat, answered: Option<bool>, now: Timestamp) -> Vec<Leased> {
        self.office.turns.give_back(seat.shop, seat.pool);
        let Some(state) = self.states.get_mut(&seat.lane) else { return Vec::new() };
        state.landed(seat.first);
        let mut surplus = Vec::new();
        match answered {
            Some(true) => state.window.answered(now),
            Some(false) => {
                state.window.silent(now);
                surplus = state.surplus();
            }
            None => {}
        }
        self.office.arrange(seat.lane, state);
        surplus
    }

    /// The lease to settle with: the latest, if a claim renewed it meanwhile.
    pub(crate) fn lease(&self, delivery: DeliveryId) -> Option<Lease> {
        self.leases.get(&delivery).copied()
    }

    /// A delivery that was settled by `lease` is out of memory. It may have been claimed anew already;
    /// then that claim stays.
    pub(crate) fn forget(&mut self, delivery: DeliveryId, lease: Lease, lane: Lane, bytes: usize) {
        if self.lease(delivery) == Some(lease) {
            self.leases.remove(&delivery);
        }
        if let Some(state) = self.states.get_mut(&lane) {
            self.office.release(state, Held::one(bytes));
            self.office.arrange(lane, state);
        }
    }

    pub(crate) fn all_leases(&self) -> Vec<Lease> {
        self.leases.values().copied().collect()
    }

    /// Marks a lane as held, or no longer; true if that is news.
    pub(crate) fn hold(&mut self, lane: Lane, held: bool) -> bool {
        if held { self.held.insert(lane) } else { self.held.remove(&lane) }
    }

    pub(crate) fn held(&self) -> Vec<Lane> {
        self.held.iter().copied().collect()
    }

    /// Whether the lane was held back as dead at `moment`.
    pub(crate) fn was_dead_at(&self, lane: Lane, moment: Timestamp) -> bool {
        self.states.get(&lane).is_some_and(|state| state.window.was_dead_at(moment))
    }

    pub(crate) fn ledger_fails(&mut self) {
        self.unsettled += 1;
    }

    pub(crate) fn ledger_recovers(&mut self) {
        self.unsettled = self.unsettled.saturating_sub(1);
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.office.turns.in_flight()
    }

    /// Nothing starts any more; what waits in memory goes back to the ledger.
    pub(crate) fn stop(&mut self) -> Vec<Leased> {
        self.stopped = true;
        let mut waiting = Vec::new();
        for (lane, state) in &mut self.states {
            waiting.extend(state.take_all());
            self.office.arrange(*lane, state);
        }
        waiting
    }

    /// Idle lanes give back what a burst left them. They are kept for what their windows have learnt, until
    /// there are too many; those held back as dead go last, for that decides how a delivery ends.
    pub(crate) fn forget_idle(&mut self) {
        self.states.values_mut().for_each(LaneState::shrink);
        for dead_too in [false, true] {
            let mut surplus = self.states.len().saturating_sub(LANES_KEPT_MAX);
            self.states.retain(|lane, state| {
                let goes = surplus > 0
                    && state.is_idle()
                    && (state.window.is_forgettable() || dead_too && !self.held.contains(lane));
                if goes {
                    surplus -= 1;
                    self.office.leave(*lane, state);
                }
                !goes
            });
        }
        self.leases.shrink_to(self.leases.len() * 2);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
