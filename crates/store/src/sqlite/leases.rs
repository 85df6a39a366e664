//! Who works on which delivery. A lease ends with the process that holds it, and an embedded ledger has one
//! process, so leases are kept in memory. Only the writer changes them, together with what it writes.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::Lease;

/// What a lease that ran out has for its end: nobody holds the delivery, but its last holder is still heard
/// as long as nobody else claims it.
const LAPSED: i64 = i64::MIN;

pub(super) struct Leases {
    /// By the delivery's row.
    known: HashMap<i64, Known, RandomState>,
    latest_epoch: i64,
    /// What stood there before each change of the transaction under way.
    before: Vec<(i64, Option<Known>)>,
}

#[derive(Clone, Copy)]
struct Known {
    epoch: i64,
    /// By the ledger's steady clock, in milliseconds.
    until: i64,
}

impl Leases {
    /// No leases. `first_epoch` is one that hardly any process had before: what was leased to one that is
    /// gone means nothing here.
    pub(super) fn new(first_epoch: u32) -> Self {
        Self { known: HashMap::default(), latest_epoch: i64::from(first_epoch) << 24, before: Vec::new() }
    }

    /// Whether somebody may be working on the delivery.
    pub(super) fn is_held(&self, row: i64) -> bool {
        self.known.get(&row).is_some_and(|known| known.until != LAPSED)
    }

    /// Leases a delivery that is not held. After a lease that ran out comes the very next epoch, otherwise
    /// one that follows on none.
    pub(super) fn take(&mut self, row: i64, until: i64) -> Lease {
        let epoch = match self.known.get(&row) {
            Some(lapsed) => lapsed.epoch + 1,
            None => self.latest_epoch + 2,
        };
        self.latest_epoch = self.latest_epoch.max(epoch);
        self.set(row, Some(Known { epoch, until }));
        Lease::of_row(row, epoch)
    }

    /// Prolongs a lease that has not run out.
    pub(super) fn prolong(&mut self, lease: Lease, until: i64) {
        if self.is_held(lease.row()) && self.is_latest(lease) {
            self.set(lease.row(), Some(Known { epoch: lease.epoch, until }));
        }
    }

    /// Ends a lease; false if the delivery was claimed by somebody else since, or is settled.
    pub(super) fn end(&mut self, lease: Lease) -> bool {
        let latest = self.is_latest(lease);
        if latest {
            self.set(lease.row(), None);
        }
        latest
    }

    /// The delivery was decided without its holder, or is gone.
    pub(super) fn void(&mut self, row: i64) {
        if self.known.contains_key(&row) {
            self.set(row, None);
        }
    }

    /// Frees the deliveries of leases that have run out by now.
    pub(super) fn lapse(&mut self, now: i64) -> Vec<i64> {
        let over = |known: &Known| known.until != LAPSED && known.until <= now;
        let mut rows: Vec<i64> =
            self.known.iter().filter(|(_, known)| over(known)).map(|(row, _)| *row).collect();
        rows.sort_unstable();
        for row in &rows {
            let epoch = self.known[row].epoch;
            self.set(*row, Some(Known { epoch, until: LAPSED }));
        }
        rows
    }

    /// The transaction is on disk.
    pub(super) fn keep(&mut self) {
        self.before.clear();
    }

    /// The transaction was rolled back.
    pub(super) fn undo(&mut self) {
        while let Some((row, known)) = self.before.pop() {
            self.put(row, known);
        }
    }

    fn is_latest(&self, lease: Lease) -> bool {
        self.known.get(&lease.row()).is_some_and(|known| known.epoch == lease.epoch)
    }

    fn set(&mut self, row: i64, known: Option<Known>) {
        let before = self.put(row, known);
        self.before.push((row, before));
    }

    fn put(&mut self, row: i64, known: Option<Known>) -> Option<Known> {
        match known {
            Some(known) => self.known.insert(row, known),
            None => self.known.remove(&row),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_after_a_lapse_renews_and_one_after_a_settlement_does_not() {
        let mut leases = Leases::new(1);
        let first = leases.take(7, 10);
        assert!(leases.lapse(9).is_empty());
        assert_eq!(leases.lapse(10), [7]);
        assert!(leases.lapse(10).is_empty(), "it has lapsed already");
        let second = leases.take(7, 20);
        assert!(second.renews(first) && leases.is_held(7) && !leases.end(first));
        assert!(leases.end(second) && !leases.end(second) && !leases.is_held(7));
        for _ in 0..3 {
            let next = leases.take(7, 30);
            assert!(!next.renews(first) && !next.renews(second) && next != first && next != second);
            leases.void(7);
        }
    }

    #[test]
    fn a_transaction_that_was_rolled_back_leaves_every_lease_as_it_was() {
        let mut leases = Leases::new(1);
        let [kept, ended, lapsed] = [1, 2, 3].map(|row| leases.take(row, row));
        leases.keep();
        leases.take(4, 4);
        leases.void(4);
        leases.take(5, 5);
        leases.prolong(kept, 100);
        assert!(leases.end(ended));
        assert_eq!(leases.lapse(3), [3]);
        assert_eq!(leases.lapse(99), [5]);
        leases.undo();
        assert!([1, 2, 3].iter().all(|row| leases.is_held(*row)));
        assert!(!leases.is_held(4) && !leases.is_held(5));
        assert_eq!(leases.lapse(1), [1], "the renewal was undone");
        assert!(leases.end(ended) && leases.end(lapsed));
    }
}
