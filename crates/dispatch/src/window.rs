//! How many attempts of one lane may be in flight: grows while the endpoint answers, shrinks when not.

use std::time::Duration;

use sellvik_domain::Timestamp;

/// A lane that nobody has tried yet may be dead: one attempt tells, and thousands of such take no more.
const START: u32 = 1;

/// Widest window: beyond it a single webhook would crowd out others.
const WIDEST: u32 = 128;

/// Failures in a row, with the window at one, after which the endpoint counts as dead.
const DEAD_AFTER: u32 = 3;

/// How wide a window is when its endpoint answers again, and how long until that may have doubled: a
/// receiver that has just come up meets two requests at a time, and all it can bear two seconds later.
const RESUME_AT: u32 = 2;
const RESUME_STEP: Duration = Duration::from_millis(250);

/// Steps after which a window is as wide as it was allowed to be: two doubled six times is the widest.
const RESUME_STEPS: u32 = 6;

/// Doubling each round trip ends at half of what was too much, but is no bother to anybody below this.
const CAREFUL_FROM: u32 = 8;

/// Deliveries that an endpoint which answers may always have in memory: a burst need not go by the ledger.
const BURST: u32 = 128;

/// What is known of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// Nothing yet.
    Untried,
    /// It answered last.
    Answering,
    /// It did not answer last.
    Silent,
}

/// A lane's window.
#[derive(Debug)]
pub(crate) struct Window {
    size: u32,
    known: Known,
    silent_in_a_row: u32,
    /// Up to here it doubles each round trip; beyond, it grows by one.
    careful_from: u32,
    /// Answers towards the next place, where growth is by one.
    credit: u32,
    /// Answers that may widen it: as many as it had places when all of them were last in use.
    full: u32,
    /// Since when the endpoint answers again, while that bounds the window.
    resumed: Option<Timestamp>,
    /// Since when the lane has been held back as dead, and until when it last was.
    dead_since: Option<Timestamp>,
    dead_until: Option<Timestamp>,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            size: START,
            known: Known::Untried,
            silent_in_a_row: 0,
            careful_from: WIDEST,
            credit: 0,
            full: 0,
            resumed: None,
            dead_since: None,
            dead_until: None,
        }
    }
}

impl Window {
    /// Attempts that may be in flight.
    pub(crate) fn size(&self) -> u32 {
        self.size
    }

    /// What is known of the endpoint.
    pub(crate) fn known(&self) -> Known {
        self.known
    }

    /// Deliveries that are worth fetching into memory: a dead endpoint's wait in the ledger.
    pub(crate) fn room(&self) -> u32 {
        match self.known {
            Known::Silent if self.size == 1 => 1,
            Known::Untried => self.size * 2,
            Known::Answering | Known::Silent => self.size * 4,
        }
    }

    /// As many, or more where they come at once and need no fetching.
    pub(crate) fn burst_room(&self) -> u32 {
        if self.known == Known::Answering { self.room().max(BURST) } else { self.room() }
    }

    /// An attempt started; with it, so many are in flight. A window that is never full does not grow:
    /// should the endpoint fall silent, no more attempts hang than it ever had at once.
    pub(crate) fn started(&mut self, in_flight: u32) {
        if in_flight >= self.size {
            self.full = self.size;
        }
    }

    /// An answer came, whatever its status.
    pub(crate) fn answered(&mut self, now: Timestamp) {
        if self.known == Known::Silent {
            self.resumed = Some(now);
        }
        self.known = Known::Answering;
        self.silent_in_a_row = 0;
        if self.dead_since.is_some() && self.dead_until.is_none() {
            self.dead_until = Some(now);
        }
        if self.full > 0 {
            self.full -= 1;
            if self.size < self.bound(now) {
                self.grow();
            }
        }
    }

    fn grow(&mut self) {
        self.credit += 1;
        if self.size < self.careful_from || self.credit >= self.size {
            self.size += 1;
            self.credit = 0;
        }
    }

    /// How wide it may be by now.
    fn bound(&mut self, now: Timestamp) -> u32 {
        let Some(since) = self.resumed else { return WIDEST };
        if now < since {
            // The clock was set back; the wait begins anew rather than last until then.
            self.resumed = Some(now);
        }
        let steps = now.since(since).as_millis() / RESUME_STEP.as_millis();
        match u32::try_from(steps) {
            Ok(steps) if steps < RESUME_STEPS => RESUME_AT << steps,
            _ => {
                self.resumed = None;
                WIDEST
            }
        }
    }

    /// No answer came.
    pub(crate) fn silent(&mut self, now: Timestamp) {
        if self.known != Known::Silent {
            self.careful_from = (self.size / 2).max(CAREFUL_FROM);
        }
        self.size = (self.size / 2).max(1);
        self.known = Known::Silent;
        (self.credit, self.full) = (0, 0);
        self.silent_in_a_row = self.silent_in_a_row.saturating_add(1);
        let dead_already = self.dead_since.is_some() && self.dead_until.is_none();
        if self.size == 1 && self.silent_in_a_row >= DEAD_AFTER && !dead_already {
            (self.dead_since, self.dead_until) = (Some(now), None);
        }
    }

    /// The ledger says that the last attempt failed, before this process knew anything of the endpoint.
    pub(crate) fn failed_before(&mut self) {
        if self.known == Known::Untried {
            (self.size, self.known, self.careful_from) = (1, Known::Silent, CAREFUL_FROM);
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
mod tests;
