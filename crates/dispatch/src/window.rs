//! How many attempts of one lane may be in flight: grows while the endpoint answers, shrinks when not.

use sellvik_domain::Timestamp;

/// A lane that nobody has tried yet starts small: it may be dead.
const START: u32 = 2;

/// Widest window: beyond it a single webhook would crowd out others.
const WIDEST: u32 = 128;

/// Failures in a row, with the window at one, after which the endpoint counts as dead.
const DEAD_AFTER: u32 = 3;

/// A lane's window.
#[derive(Debug)]
pub(crate) struct Window {
    size: u32,
    silent_in_a_row: u32,
    answered: bool,
    /// Since when the lane has been held back as dead, and until when it last was.
    dead_since: Option<Timestamp>,
    dead_until: Option<Timestamp>,
}

impl Default for Window {
    fn default() -> Self {
        Self { size: START, silent_in_a_row: 0, answered: false, dead_since: None, dead_until: None }
    }
}

impl Window {
    /// Attempts that may be in flight.
    pub(crate) fn size(&self) -> u32 {
        self.size
    }

    /// Whether the endpoint has yet to show, or show again, that it answers.
    pub(crate) fn is_suspect(&self) -> bool {
        !self.answered
    }

    /// Deliveries that are worth holding in memory: a dead endpoint's wait in the ledger.
    pub(crate) fn room(&self) -> u32 {
        if self.size == 1 { 1 } else { self.size * 4 }
    }

    /// An answer came, whatever its status: one more may fly, which doubles the window each round trip.
    pub(crate) fn answered(&mut self, now: Timestamp) {
        self.size = (self.size + 1).min(WIDEST);
        self.answered = true;
        self.silent_in_a_row = 0;
        if self.dead_since.is_some() && self.dead_until.is_none() {
            self.dead_until = Some(now);
        }
    }

    /// No answer came.
    pub(crate) fn silent(&mut self, now: Timestamp) {
        self.size = (self.size / 2).max(1);
        self.answered = false;
        self.silent_in_a_row = self.silent_in_a_row.saturating_add(1);
        let dead_already = self.dead_since.is_some() && self.dead_until.is_none();
        if self.size == 1 && self.silent_in_a_row >= DEAD_AFTER && !dead_already {
            (self.dead_since, self.dead_until) = (Some(now), None);
        }
    }

    /// Whether the lane was held back as dead at `moment`.
    pub(crate) fn was_dead_at(&self, moment: Timestamp) -> bool {
        self.dead_since.is_some_and(|since| since <= moment)
            && self.dead_until.is_none_or(|until| moment <= until)
    }

    /// Whether forgetting this window would lose nothing that matters.
    pub(crate) fn is_forgettable(&self) -> bool {
        self.dead_since.is_none() || self.dead_until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn grows_while_answered_and_shrinks_to_one_probe() {
        let mut window = Window::default();
        for _ in 0..1000 {
            window.answered(at(0));
        }
        assert_eq!((window.size(), window.is_suspect()), (WIDEST, false));
        for _ in 0..7 {
            window.silent(at(1));
        }
        assert_eq!((window.size(), window.room(), window.is_suspect()), (1, 1, true));
        window.answered(at(2));
        assert_eq!(window.size(), 2);
    }

    #[test]
    fn remembers_when_it_was_dead() {
        let mut window = Window::default();
        for _ in 0..DEAD_AFTER {
            window.silent(at(10));
        }
        assert!(window.was_dead_at(at(10)) && window.was_dead_at(at(99)) && !window.was_dead_at(at(9)));
        window.answered(at(50));
        assert!(window.was_dead_at(at(50)) && !window.was_dead_at(at(51)));
    }
}
