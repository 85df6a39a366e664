//! One lane: what it holds in memory, and what of it waits in the ledger.

use std::collections::VecDeque;

use sellvik_domain::Timestamp;
use sellvik_store::Leased;

use super::pools::{Held, Pool};
use super::shops::Slot;
use crate::window::{Known, Window};

/// What part of a lane's room is free when it claims again.
const CLAIM_FROM: u32 = 4;

pub(super) struct LaneState {
    pub(super) shop: Slot,
    pub(super) window: Window,
    /// First attempts that wait to start, and retries: they start in turn.
    firsts: VecDeque<Leased>,
    retries: VecDeque<Leased>,
    retry_next: bool,
    pub(super) in_flight: u32,
    firsts_in_flight: u32,
    /// Room promised to a commit that is under way.
    pub(super) reserved: u32,
    /// Room promised to a claim that is under way.
    pub(super) claiming: u32,
    pub(super) ledger_due: Option<Timestamp>,
    /// When something was last claimed: among lanes with something overdue, those come first that have
    /// waited longest for a claim.
    pub(super) claimed_at: Timestamp,
    /// Whether more was due than the last claim took.
    pub(super) behind: bool,
    /// Whether first attempts wait in the ledger, as far as we know.
    pub(super) firsts_in_ledger: bool,
    /// What it holds in memory, from the promise of room to the settlement, and of which pool.
    pub(super) held: Held,
    pub(super) pool: Pool,
    /// Where it waits for its turn, for its next claim, or for its shop's memory.
    pub(super) queued: Option<Pool>,
    pub(super) planned: Option<(Pool, Timestamp)>,
    pub(super) parked: Option<Pool>,
}

impl Default for LaneState {
    fn default() -> Self {
        Self {
            shop: Slot::NOBODY,
            window: Window::default(),
            firsts: VecDeque::new(),
            retries: VecDeque::new(),
            retry_next: false,
            in_flight: 0,
            firsts_in_flight: 0,
            reserved: 0,
            claiming: 0,
            ledger_due: None,
            claimed_at: Timestamp::EPOCH,
            behind: false,
            firsts_in_ledger: true,
            held: Held::default(),
            pool: Pool::Untried,
            queued: None,
            planned: None,
            parked: None,
        }
    }
}

impl LaneState {
    /// How it stands now; `pool` is where it stood.
    pub(super) fn stands(&self) -> Pool {
        match self.window.known() {
            Known::Untried => Pool::Untried,
            Known::Silent => Pool::Silent,
            Known::Answering if self.behind => Pool::Behind,
            Known::Answering => Pool::Prompt,
        }
    }

    fn waiting(&self) -> u32 {
        u32::try_from(self.firsts.len() + self.retries.len()).unwrap_or(u32::MAX)
    }

    fn used(&self) -> u32 {
        self.waiting() + self.in_flight + self.reserved + self.claiming
    }

    fn first_attempts(&self) -> u32 {
        u32::try_from(self.firsts.len()).unwrap_or(u32::MAX) + self.firsts_in_flight + self.reserved
    }

    /// Whether a first attempt may come straight from a publish: never ahead of first attempts that wait
    /// in the ledger; where retries wait there, into one half of the room.
    pub(super) fn has_room_for_first(&self, now: Timestamp) -> bool {
        if self.behind || self.ledger_due.is_some_and(|due| due <= now) {
            !self.firsts_in_ledger && self.first_attempts() < self.window.room() / 2
        } else {
            self.used() < self.window.burst_room()
        }
    }

    /// How many deliveries to claim at most: whatever else waits, what is no first attempt has its half.
    pub(super) fn room_for_claim(&self) -> u32 {
        let room = self.window.room();
        let others = self.used() - self.first_attempts();
        room.saturating_sub(self.used()).min(room.div_ceil(2).saturating_sub(others))
    }

    /// Whether a claim is worth its while: one that fills a quarter of the room, since each looks past all that
    /// the lane holds already.
    pub(super) fn wants_claim(&self) -> bool {
        self.room_for_claim() >= (self.window.room() / CLAIM_FROM).max(1)
    }

    /// Whether its next delivery may start.
    pub(super) fn may_start(&self) -> bool {
        self.in_flight < self.window.size() && self.waiting() > 0
    }

    pub(super) fn push(&mut self, leased: Leased) {
        if leased.attempts == 0 { self.firsts.push_back(leased) } else { self.retries.push_back(leased) }
    }

    /// Starts the next delivery: first attempts and retries in turn where both wait, a first attempt first.
    pub(super) fn start(&mut self) -> Option<Leased> {
        let retry = self.firsts.is_empty() || (self.retry_next && !self.retries.is_empty());
        let leased = if retry { self.retries.pop_front() } else { self.firsts.pop_front() }?;
        self.retry_next = !retry && !self.retries.is_empty();
        self.in_flight += 1;
        self.firsts_in_flight += u32::from(!retry);
        self.window.started(self.in_flight);
        Some(leased)
    }

    pub(super) fn landed(&mut self, first: bool) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.firsts_in_flight = self.firsts_in_flight.saturating_sub(u32::from(first));
    }

    /// What a shrunken window no longer wants in memory, the latest of it.
    pub(super) fn surplus(&mut self) -> Vec<Leased> {
        let many = self.waiting().saturating_sub(self.window.room()) as usize;
        let retries = many.min(self.retries.len());
        let mut surplus: Vec<_> = self.retries.drain(self.retries.len() - retries..).collect();
        let firsts = many - retries;
        self.firsts_in_ledger |= firsts > 0;
        surplus.extend(self.firsts.drain(self.firsts.len() - firsts..));
        surplus
    }

    pub(super) fn take_all(&mut self) -> Vec<Leased> {
        self.firsts.drain(..).chain(self.retries.drain(..)).collect()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.used() == 0 && self.held == Held::default() && self.ledger_due.is_none()
    }

    /// Memory that a burst has left behind.
    pub(super) fn shrink(&mut self) {
        if self.waiting() == 0 {
            (self.firsts, self.retries) = (VecDeque::new(), VecDeque::new());
        }
    }
}
