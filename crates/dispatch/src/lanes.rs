//! The lanes in memory: what they hold, what of them waits in the ledger, and whose turn it is.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use sellvik_domain::{DeliveryId, Lane, Timestamp};
use sellvik_store::{Claimed, Lease, Leased};

use crate::bounds::{
    ATTEMPTS_MAX, HELD_BYTES_MAX, HELD_DELIVERIES_MAX, LANES_KEPT_MAX, SUSPECT_ATTEMPTS_MAX,
};
use crate::window::Window;

mod turns;

use turns::{Turn, Turns};

/// All lanes that have anything to do.
#[derive(Default)]
pub(crate) struct Lanes {
    states: HashMap<Lane, LaneState>,
    /// Lanes with room and something in the ledger, by when that is due.
    agenda: BTreeSet<(Timestamp, Lane)>,
    /// Lanes with deliveries in memory that may start once a permit is free, in turn.
    ready: Turns,
    /// Lanes whose webhook is held: their backlog stays in the ledger.
    held: HashSet<Lane>,
    /// Every lease this process holds, for renewal.
    leases: HashMap<DeliveryId, Lease>,
    in_flight: usize,
    suspects_in_flight: usize,
    deliveries: usize,
    bytes: usize,
    /// Settlements that the ledger has not taken yet: while there are any, nothing new starts.
    unsettled: usize,
    stopped: bool,
}

#[derive(Default)]
struct LaneState {
    window: Window,
    waiting: VecDeque<Leased>,
    in_flight: u32,
    /// Room promised to a commit that is under way.
    reserved: u32,
    ledger_due: Option<Timestamp>,
    /// Its place among those that are ready.
    turn: Option<Turn>,
}

impl LaneState {
    fn has_room(&self) -> bool {
        self.free_room() > 0
    }

    fn free_room(&self) -> u32 {
        let used = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX) + self.in_flight + self.reserved;
        self.window.room().saturating_sub(used)
    }

    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.in_flight == 0 && self.reserved == 0 && self.ledger_due.is_none()
    }
}

/// A delivery that may start now.
pub(crate) struct Start {
    pub(crate) leased: Leased,
    /// Whether it flies on the permits of lanes that have not answered lately.
    pub(crate) suspect: bool,
}

impl Lanes {
    /// Whether one more delivery of `lane` may come straight from a publish. Not ahead of a backlog.
    pub(crate) fn reserve(&mut self, lane: Lane, bytes: usize, now: Timestamp) -> bool {
        if self.stopped || !self.has_budget(bytes) {
            return false;
        }
        let state = self.states.entry(lane).or_default();
        let backlog = state.ledger_due.is_some_and(|due| due <= now);
        if backlog || !state.has_room() {
            return false;
        }
        state.reserved += 1;
        self.deliveries += 1;
        self.bytes += bytes;
        true
    }

    pub(crate) fn cancel(&mut self, lane: Lane, bytes: usize) {
        if let Some(state) = self.states.get_mut(&lane) {
            state.reserved = state.reserved.saturating_sub(1);
        }
        self.give_back(bytes);
        self.plan(lane);
    }

    fn has_budget(&self, bytes: usize) -> bool {
        self.deliveries < HELD_DELIVERIES_MAX && self.bytes + bytes <= HELD_BYTES_MAX
    }

    fn give_back(&mut self, bytes: usize) {
        self.deliveries = self.deliveries.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// Takes a delivery for which room was reserved.
    pub(crate) fn take_reserved(&mut self, leased: Leased) {
        let state = self.states.entry(leased.lane).or_default();
        state.reserved = state.reserved.saturating_sub(1);
        self.leases.insert(leased.delivery, leased.lease);
        self.push(leased);
    }

    /// Takes a claimed delivery. One whose lease ran out while it was held only changes its lease; one
    /// that was settled and is due again is a new one, even if its settling has not been noted here yet.
    fn take_claimed(&mut self, leased: Leased) {
        let known = self.leases.insert(leased.delivery, leased.lease);
        if known.is_some_and(|known| leased.lease.renews(known)) {
            return;
        }
        self.deliveries += 1;
        self.bytes += leased.event.envelope.len();
        self.push(leased);
    }

    fn push(&mut self, leased: Leased) {
        let lane = leased.lane;
        let state = self.states.entry(lane).or_default();
        state.waiting.push_back(leased);
        if state.turn.is_none() {
            state.turn = Some(self.ready.ask(lane, state.window.is_suspect()));
        }
    }

    /// The next delivery to start: one per lane and turn, within the lane's window and the process's permits.
    pub(crate) fn start_next(&mut self) -> Option<Start> {
        if self.stopped || self.unsettled > 0 {
            return None;
        }
        while self.in_flight < ATTEMPTS_MAX {
            let lane = self.ready.next(self.suspects_in_flight < SUSPECT_ATTEMPTS_MAX)?;
            let Some(state) = self.states.get_mut(&lane) else { continue };
            state.turn = None;
            if state.in_flight >= state.window.size() {
                continue;
            }
            let Some(leased) = state.waiting.pop_front() else { continue };
            let suspect = state.window.is_suspect();
            state.turn = Some(self.ready.ask(lane, suspect));
            state.in_flight += 1;
            self.in_flight += 1;
            self.suspects_in_flight += usize::from(suspect);
            return Some(Start { leased, suspect });
        }
        None
    }

    /// An attempt's socket is free again. `answered` says what the window learns: nothing, if no
    /// attempt was made. Deliveries that a shrunken window no longer wants in memory come back.
    pub(crate) fn landed(
        &mut self,
        lane: Lane,
        suspect: bool,
        answered: Option<bool>,
        now: Timestamp,
    ) -> Vec<Leased> {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.suspects_in_flight = self.suspects_in_flight.saturating_sub(usize::from(suspect));
        let Some(state) = self.states.get_mut(&lane) else { return Vec::new() };
        state.in_flight = state.in_flight.saturating_sub(1);
        match answered {
            Some(true) => state.window.answered(now),
            Some(false) => state.window.silent(now),
            None => {}
        }
        let room = if answered == Some(false) { state.window.room() as usize } else { usize::MAX };
        let surplus = state.waiting.split_off(room.min(state.waiting.len())).into();
        match state.turn {
            Some(turn) => self.ready.change(turn, state.window.is_suspect()),
            None if state.waiting.is_empty() => {}
            None => state.turn = Some(self.ready.ask(lane, state.window.is_suspect())),
        }
        self.plan(lane);
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
        self.give_back(bytes);
        self.plan(lane);
    }

    pub(crate) fn all_leases(&self) -> Vec<Lease> {
        self.leases.values().copied().collect()
    }

    /// Takes what a claim brought. A held lane's backlog stays where it is.
    pub(crate) fn take_claim(&mut self, claimed: Claimed) {
        for leased in claimed.leased {
            self.take_claimed(leased);
        }
        self.all_waiting(&claimed.next);
    }

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
        let known = state.ledger_due;
        if known.is_none_or(|known| due < known) {
            state.ledger_due = Some(due);
            known.map(|known| self.agenda.remove(&(known, lane)));
            self.plan(lane);
        }
    }

    fn plan(&mut self, lane: Lane) {
        if let Some(state) = self.states.get(&lane)
            && let Some(due) = state.ledger_due
            && state.has_room()
        {
            self.agenda.insert((due, lane));
        }
    }

    /// Lanes with something due and room for it, each with how many to claim. They leave the agenda
    /// until the claim, or a commit meanwhile, says what waits next.
    pub(crate) fn due(&mut self, now: Timestamp, lanes_max: usize, per_lane_max: u32) -> Vec<(Lane, u32)> {
        let mut due = Vec::new();
        let mut budget = HELD_DELIVERIES_MAX.saturating_sub(self.deliveries);
        if !self.may_claim() {
            return due;
        }
        while due.len() < lanes_max && budget > 0 {
            let Some((when, lane)) = self.agenda.first().copied() else { break };
            if when > now {
                break;
            }
            self.agenda.pop_first();
            let Some(state) = self.states.get_mut(&lane) else { continue };
            let room = state.free_room().min(per_lane_max);
            // Without room it comes back to the agenda when an attempt lands.
            if room > 0 {
                state.ledger_due = None;
                let count = room.min(u32::try_from(budget).unwrap_or(u32::MAX));
                budget -= count as usize;
                due.push((lane, count));
            }
        }
        due
    }

    /// When the next lane with room has something due. None while nothing may be claimed: what is overdue
    /// would wake the claimer for nothing, again and again, and the settlement that ends it rings the bell.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.agenda.first().filter(|_| self.may_claim()).map(|(due, _)| *due)
    }

    fn may_claim(&self) -> bool {
        let room = self.deliveries < HELD_DELIVERIES_MAX && self.bytes < HELD_BYTES_MAX;
        room && self.unsettled == 0 && !self.stopped
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
        self.in_flight
    }

    /// Nothing starts any more; what waits in memory goes back to the ledger.
    pub(crate) fn stop(&mut self) -> Vec<Leased> {
        self.stopped = true;
        self.states.values_mut().flat_map(|state| state.waiting.drain(..)).collect()
    }

    /// Idle lanes are kept for what their windows have learnt, until there are too many.
    pub(crate) fn forget_idle(&mut self) {
        if self.states.len() > LANES_KEPT_MAX {
            self.states.retain(|_, state| {
                !state.is_idle() || state.turn.is_some() || !state.window.is_forgettable()
            });
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
