//! Where every lane's place is kept: its turn, its next claim and its memory. After whatever happens to a
//! lane, [`Office::arrange`] puts it where it now belongs, so that none with something to do is forgotten.

use sellvik_domain::{Lane, ShopId};

use super::agenda::Agenda;
use super::memory::Memory;
use super::pools::Held;
use super::shops::{Shops, Slot};
use super::state::LaneState;
use super::turns::Turns;

pub(super) struct Office {
    shops: Shops,
    /// Lanes with deliveries in memory that may start once a permit is free.
    pub(super) turns: Turns,
    pub(super) memory: Memory,
    pub(super) agenda: Agenda,
}

impl Default for Office {
    fn default() -> Self {
        let mut office = Self {
            shops: Shops::default(),
            turns: Turns::default(),
            memory: Memory::default(),
            agenda: Agenda::default(),
        };
        office.grow();
        office
    }
}

impl Office {
    fn grow(&mut self) {
        let slots = self.shops.len();
        self.turns.shops(slots);
        self.memory.shops(slots);
    }

    /// The lane is this shop's. It never changes hands, so that only the first word counts.
    pub(super) fn belongs(&mut self, lane: Lane, state: &mut LaneState, shop: ShopId) {
        if state.shop != Slot::NOBODY {
            return;
        }
        self.withdraw(lane, state);
        let slot = self.shops.join(shop);
        self.grow();
        self.memory.give_back(state.shop, state.pool, state.held);
        state.shop = slot;
        self.memory.take(state.shop, state.pool, state.held);
        self.arrange(lane, state);
    }

    /// The lane is no more.
    pub(super) fn leave(&mut self, lane: Lane, state: &mut LaneState) {
        self.withdraw(lane, state);
        self.shops.leave(state.shop);
    }

    fn withdraw(&mut self, lane: Lane, state: &mut LaneState) {
        if let Some(pool) = state.queued.take() {
            self.turns.withdraw(state.shop, pool, lane);
        }
        if let Some(pool) = state.parked.take() {
            self.memory.unpark(state.shop, pool, lane);
        }
        if let Some(planned) = state.planned.take() {
            self.agenda.remove(planned, lane);
        }
    }

    /// The lane holds so much more.
    pub(super) fn hold(&mut self, state: &mut LaneState, held: Held) {
        state.held.add(held);
        self.memory.take(state.shop, state.pool, held);
    }

    /// The lane holds so much less.
    pub(super) fn release(&mut self, state: &mut LaneState, held: Held) {
        state.held.take_off(held);
        self.memory.give_back(state.shop, state.pool, held);
    }

    /// Puts a lane where it belongs.
    pub(super) fn arrange(&mut self, lane: Lane, state: &mut LaneState) {
        let pool = state.stands();
        if pool != state.pool {
            self.memory.take(state.shop, pool, state.held);
            self.memory.give_back(state.shop, state.pool, state.held);
            state.pool = pool;
            if let Some(parked) = state.parked.take() {
                self.memory.unpark(state.shop, parked, lane);
            }
        }
        let turn = state.may_start().then_some(pool);
        if turn != state.queued {
            if let Some(before) = state.queued {
                self.turns.withdraw(state.shop, before, lane);
            }
            if let Some(pool) = turn {
                self.turns.ask(state.shop, pool, lane);
            }
            state.queued = turn;
        }
        let plan = match state.ledger_due {
            Some(due) if state.parked.is_none() && state.wants_claim() => {
                Some((pool.while_claiming(), due.max(state.claimed_at)))
            }
            _ => None,
        };
        if plan != state.planned {
            if let Some(before) = state.planned {
                self.agenda.remove(before, lane);
            }
            if let Some(plan) = plan {
                self.agenda.insert(plan, lane);
            }
            state.planned = plan;
        }
    }
}
