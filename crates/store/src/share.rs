//! Whose turn it is in a lane.

use sellvik_domain::Timestamp;

/// Something that waits in a lane.
pub(crate) trait Due {
    /// When it is due.
    fn due(&self) -> Timestamp;
    /// When its delivery was made.
    fn origin(&self) -> Timestamp;
    /// Whether it is a first attempt in its first place in the queue.
    fn is_first(&self) -> bool;
}

/// Parts what waits into what is taken, at most `count`, and what is left. What was due first goes first, but half
/// of what is taken are first attempts if so many are due, however many retries were due before them.
pub(crate) fn share<T: Due>(mut waiting: Vec<T>, count: usize, now: Timestamp) -> (Vec<T>, Vec<T>) {
    let firsts_due = waiting.iter().filter(|one| one.is_first() && one.due() <= now).count();
    waiting.sort_by_key(|one| (one.due(), one.origin()));
    let mut for_firsts = firsts_due.min(count / 2);
    let mut for_all = count - for_firsts;
    waiting.into_iter().partition(|one| {
        let share = if one.is_first() && for_firsts > 0 { &mut for_firsts } else { &mut for_all };
        let takes = one.due() <= now && *share > 0;
        *share -= usize::from(takes);
        takes
    })
}
