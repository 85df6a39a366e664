//! Whose turn it is: lanes in the order they asked, those that have not answered lately apart, so that
//! nobody has to look through thousands of them for one that may start.

use std::collections::BTreeMap;

use sellvik_domain::Lane;

/// A place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn(u64);

#[derive(Default)]
pub(super) struct Turns {
    trusted: BTreeMap<Turn, Lane>,
    suspect: BTreeMap<Turn, Lane>,
    next: u64,
}

impl Turns {
    /// A place behind all others.
    pub(super) fn ask(&mut self, lane: Lane, suspect: bool) -> Turn {
        let turn = Turn(self.next);
        self.next += 1;
        self.of(suspect).insert(turn, lane);
        turn
    }

    /// The lane whose turn it is gives its place up.
    pub(super) fn next(&mut self, suspects_too: bool) -> Option<Lane> {
        let first = |lanes: &BTreeMap<Turn, Lane>| lanes.first_key_value().map(|(turn, _)| *turn);
        let (trusted, suspect) = (first(&self.trusted), first(&self.suspect).filter(|_| suspects_too));
        let suspect_first = suspect.is_some_and(|suspect| trusted.is_none_or(|trusted| suspect < trusted));
        self.of(suspect_first).pop_first().map(|(_, lane)| lane)
    }

    /// A lane that waits for its turn has become suspect, or is no longer; it keeps its place.
    pub(super) fn change(&mut self, turn: Turn, suspect: bool) {
        if let Some(lane) = self.of(!suspect).remove(&turn) {
            self.of(suspect).insert(turn, lane);
        }
    }

    fn of(&mut self, suspect: bool) -> &mut BTreeMap<Turn, Lane> {
        if suspect { &mut self.suspect } else { &mut self.trusted }
    }
}
