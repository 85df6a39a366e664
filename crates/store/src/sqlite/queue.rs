//! Which writes go into the next commit.
//!
//! Somebody waits for the answer to a publish or to a call of the API; nobody does for what dispatch brings.
//! Such patient writes are kept to a share of each commit, so that a backlog that drains does not hold up what
//! is accepted meanwhile, nor the other way round.

use std::collections::VecDeque;

/// Events of urgent writes to a commit at most, as far as whole writes allow: bounds how long the first of
/// them waits for the last.
const URGENT_ITEMS_MAX: usize = 1024;

/// Deliveries of patient writes to a commit, alone: bounds how long an urgent one waits for its turn.
const PATIENT_ITEMS_ALONE: usize = 768;

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
    urgent: VecDeque<Queued<T>>,
    patient: VecDeque<Queued<T>>,
}

struct Queued<T> {
    /// Which of all it was.
    came: u64,
    items: usize,
    write: T,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { came: 0, urgent: VecDeque::new(), patient: VecDeque::new() }
    }
}

impl<T> Queue<T> {
    pub(super) fn len(&self) -> usize {
        self.urgent.len() + self.patient.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn add(&mut self, haste: Haste, write: T) {
        self.came += 1;
        let (queue, items) = match haste {
            Haste::Urgent(items) => (&mut self.urgent, items),
            Haste::Patient(items) => (&mut self.patient, items),
        };
        queue.push_back(Queued { came: self.came, items: items.max(1), write });
    }

    /// What goes into the next commit, in the order it came: urgent writes, and at least one patient one.
    pub(super) fn take(&mut self) -> Vec<T> {
        let (mut taken, urgent) = take_front(&mut self.urgent, URGENT_ITEMS_MAX);
        let share = if urgent == 0 { PATIENT_ITEMS_ALONE } else { urgent.max(PATIENT_ITEMS_BESIDE) };
        taken.extend(take_front(&mut self.patient, share).0);
        taken.sort_unstable_by_key(|queued| queued.came);
        taken.into_iter().map(|queued| queued.write).collect()
    }
}

/// Takes writes until they have so many items, or none is left; also says how many items they have.
fn take_front<T>(queue: &mut VecDeque<Queued<T>>, most: usize) -> (Vec<Queued<T>>, usize) {
    let (mut taken, mut items) = (Vec::new(), 0);
    while items < most
        && let Some(next) = queue.pop_front()
    {
        items += next.items;
        taken.push(next);
    }
    (taken, items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_urgent_nor_patient_writes_wait_for_all_of_the_others() {
        let mut queue = Queue::default();
        for _ in 0..30 {
            queue.add(Haste::Patient(256), 'p');
        }
        assert_eq!(queue.take(), ['p'; 3], "a commit of patient ones is bounded");
        queue.add(Haste::Urgent(1), 'u');
        assert_eq!(queue.take(), ['p', 'u'], "an urgent one overtakes all but one of them");
        for _ in 0..3 {
            queue.add(Haste::Urgent(1000), 'u');
        }
        let both = queue.take();
        assert_eq!(both, [['p'; 8].as_slice(), &['u'; 2]].concat(), "both get as much");
        assert_eq!(queue.take(), ['p', 'p', 'p', 'p', 'u']);
        assert_eq!(queue.len(), 30 - 3 - 1 - 8 - 4);
    }

    #[test]
    fn what_shares_a_commit_goes_in_the_order_it_came() {
        let mut queue = Queue::default();
        for (haste, n) in
            [(Haste::Patient(1), 1), (Haste::Urgent(2), 2), (Haste::Patient(3), 3), (Haste::Urgent(0), 4)]
        {
            queue.add(haste, n);
        }
        assert_eq!(queue.take(), [1, 2, 3, 4]);
        assert!(queue.is_empty());
    }
}
