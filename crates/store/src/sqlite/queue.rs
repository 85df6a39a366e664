//! Which writes go into the next commit.
//!
//! Somebody waits for the answer to a publish or to a call of the API; nobody does for what dispatch brings.
//! Such patient writes are kept to a share of each commit, so that a backlog that drains does not hold up what
//! is accepted meanwhile, nor the other way round.

use std::collections::VecDeque;

/// Events of urgent writes to a commit at most, as far as whole writes allow: bounds how long the first of
/// them waits for the last.
const URGENT_ITEMS_MAX: usize = 1024;

/// Events of urgent writes that go first, in a commit of their own, where patient ones wait too: it takes a fraction
/// of what one with both would, and the next begins with the patient ones.
const URGENT_ITEMS_ALONE: usize = 16;

/// Deliveries of patient writes to a commit, as long as no urgent one comes: each may change several pages, and an
/// urgent write that comes meanwhile waits until all of them are in the log.
const PATIENT_ITEMS_ALONE: usize = 128;

/// The same beside urgent writes, unless those have more themselves.
const PATIENT_ITEMS_BESIDE: usize = 64;

/// How a write is to be put among others.
#[derive(Clone, Copy)]
pub(super) enum Haste {
    /// Somebody waits for the answer; so many items.
    Urgent(usize),
    /// Nobody does; so many items.
    Patient(usize),
}

/// Writes that wait for their commit.
pub(super) struct Queue<T> {
    came: u64,
    urgent: Line<T>,
    patient: Line<T>,
    /// Whether the commit under way is of urgent writes alone.
    alone: bool,
}

/// Writes of one haste, in the order they came, and how many items they have together.
struct Line<T> {
    writes: VecDeque<Queued<T>>,
    items: usize,
}

struct Queued<T> {
    /// Which of all it was.
    came: u64,
    items: usize,
    write: T,
}

/// Items that a commit under way has taken.
#[derive(Default)]
pub(super) struct Taken {
    urgent: usize,
    patient: usize,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { writes: VecDeque::new(), items: 0 }
    }
}

impl<T> Line<T> {
    fn add(&mut self, came: u64, items: usize, write: T) {
        let items = items.max(1);
        self.items += items;
        self.writes.push_back(Queued { came, items, write });
    }

    /// Which of all its first is; none if it is empty.
    fn first(&self) -> Option<u64> {
        self.writes.front().map(|first| first.came)
    }

    fn take(&mut self, taken: &mut usize) -> Option<T> {
        let first = self.writes.pop_front()?;
        self.items -= first.items;
        *taken += first.items;
        Some(first.write)
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { came: 0, urgent: Line::default(), patient: Line::default(), alone: false }
    }
}

impl<T> Queue<T> {
    pub(super) fn len(&self) -> usize {
        self.urgent.writes.len() + self.patient.writes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn add(&mut self, haste: Haste, write: T) {
        self.came += 1;
        match haste {
            Haste::Urgent(items) => self.urgent.add(self.came, items, write),
            Haste::Patient(items) => self.patient.add(self.came, items, write),
        }
    }

    /// What goes next into a commit that has taken so much; none if that is enough. A few urgent writes have every
    /// other commit to themselves; otherwise all go in the order they came, within the shares of both, which depend
    /// on what waits by now: once an urgent write has come, patient ones beyond their share beside it wait for the
    /// next commit.
    pub(super) fn next(&mut self, taken: &mut Taken) -> Option<T> {
        if taken.urgent + taken.patient == 0 {
            let few = (1..=URGENT_ITEMS_ALONE).contains(&self.urgent.items);
            self.alone = few && !self.alone && self.patient.items > 0;
        }
        if self.alone {
            return if taken.urgent < URGENT_ITEMS_ALONE {
                self.urgent.take(&mut taken.urgent)
            } else {
                None
            };
        }
        let urgent_items = taken.urgent + self.urgent.items;
        let share = match urgent_items {
            0 => PATIENT_ITEMS_ALONE,
            _ => urgent_items.clamp(PATIENT_ITEMS_BESIDE, URGENT_ITEMS_MAX),
        };
        let urgent = self.urgent.first().filter(|_| taken.urgent < URGENT_ITEMS_MAX);
        let patient = self.patient.first().filter(|_| taken.patient < share);
        match (urgent, patient) {
            (None, None) => None,
            (Some(urgent), patient) if patient.is_none_or(|patient| urgent < patient) => {
                self.urgent.take(&mut taken.urgent)
            }
            _ => self.patient.take(&mut taken.patient),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(queue: &mut Queue<char>) -> String {
        let mut taken = Taken::default();
        std::iter::from_fn(|| queue.next(&mut taken)).collect()
    }

    #[test]
    fn neither_urgent_nor_patient_writes_wait_for_all_of_the_others() {
        let mut queue = Queue::default();
        for _ in 0..30 {
            queue.add(Haste::Patient(256), 'p');
        }
        assert_eq!(commit(&mut queue), "p", "a commit of patient ones is bounded");
        queue.add(Haste::Urgent(1), 'u');
        assert_eq!(commit(&mut queue), "u", "an urgent one overtakes them all");
        queue.add(Haste::Urgent(1), 'u');
        assert_eq!(commit(&mut queue), "pu", "the next one does not");
        for _ in 0..3 {
            queue.add(Haste::Urgent(1000), 'u');
        }
        assert_eq!(commit(&mut queue), "ppppuu", "both get as much");
        assert_eq!(commit(&mut queue), "ppppu");
        assert_eq!(queue.len(), 30 - 1 - 1 - 4 - 4);
    }

    #[test]
    fn an_urgent_write_that_comes_among_patient_ones_ends_their_commit() {
        let (mut queue, mut taken) = (Queue::default(), Taken::default());
        for _ in 0..3 {
            queue.add(Haste::Patient(64), 'p');
        }
        assert_eq!(queue.next(&mut taken), Some('p'));
        queue.add(Haste::Urgent(1), 'u');
        assert_eq!(queue.next(&mut taken), Some('u'));
        assert_eq!(queue.next(&mut taken), None);
    }

    #[test]
    fn urgent_writes_that_keep_coming_do_not_keep_their_own_commit_open() {
        let (mut queue, mut taken) = (Queue::default(), Taken::default());
        queue.add(Haste::Patient(1), 'p');
        for _ in 0..URGENT_ITEMS_ALONE {
            queue.add(Haste::Urgent(1), 'u');
            assert_eq!(queue.next(&mut taken), Some('u'));
        }
        queue.add(Haste::Urgent(1), 'u');
        assert_eq!(queue.next(&mut taken), None);
        assert_eq!(commit(&mut queue), "pu");
    }

    #[test]
    fn what_shares_a_commit_goes_in_the_order_it_came() {
        let mut queue = Queue::default();
        for (haste, name) in [
            (Haste::Patient(1), '1'),
            (Haste::Urgent(20), '2'),
            (Haste::Patient(3), '3'),
            (Haste::Urgent(0), '4'),
        ] {
            queue.add(haste, name);
        }
        assert_eq!(commit(&mut queue), "1234");
        assert!(queue.is_empty());
    }
}
