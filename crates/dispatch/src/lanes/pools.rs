//! What lanes draw on, by how they stand: each pool has permits and memory of its own.

use std::ops::{Index, IndexMut};

/// How a lane stands, and so which permits and which memory it uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pool {
    /// It answers, and nothing of it is overdue.
    Prompt,
    /// It answers, and has more due than it has taken yet.
    Behind,
    /// It has not been tried.
    Untried,
    /// It did not answer last.
    Silent,
}

impl Pool {
    pub(crate) const ALL: [Self; 4] = [Self::Prompt, Self::Behind, Self::Untried, Self::Silent];

    /// The pool of a lane that takes from the ledger what is due.
    pub(crate) fn while_claiming(self) -> Self {
        if self == Self::Prompt { Self::Behind } else { self }
    }
}

/// One of something for each pool.
#[derive(Debug, Default, Clone)]
pub(super) struct PerPool<T>([T; Pool::ALL.len()]);

impl<T> Index<Pool> for PerPool<T> {
    type Output = T;

    fn index(&self, pool: Pool) -> &T {
        &self.0[pool as usize]
    }
}

impl<T> IndexMut<Pool> for PerPool<T> {
    fn index_mut(&mut self, pool: Pool) -> &mut T {
        &mut self.0[pool as usize]
    }
}

/// Deliveries held in memory, and their bytes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) deliveries: usize,
    pub(super) bytes: usize,
}

impl Held {
    pub(super) fn one(bytes: usize) -> Self {
        Self { deliveries: 1, bytes }
    }

    pub(super) fn many(deliveries: u32) -> Self {
        Self { deliveries: deliveries as usize, bytes: 0 }
    }

    pub(super) fn and(self, more: Self) -> Self {
        Self { deliveries: self.deliveries + more.deliveries, bytes: self.bytes + more.bytes }
    }

    pub(super) fn is_within(self, bound: Self) -> bool {
        self.deliveries <= bound.deliveries && self.bytes <= bound.bytes
    }

    pub(super) fn add(&mut self, more: Self) {
        *self = self.and(more);
    }

    pub(super) fn take_off(&mut self, less: Self) {
        self.deliveries = self.deliveries.saturating_sub(less.deliveries);
        self.bytes = self.bytes.saturating_sub(less.bytes);
    }
}
