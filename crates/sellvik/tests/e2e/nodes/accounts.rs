//! What was accepted against what is on record and what arrived.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::cluster::{Cluster, PATHS};
use super::traffic::Answers;
use crate::harness::eventually_within;

/// How long work may take to end: a lease that nobody prolongs runs out in the middle of it.
const PATIENCE: Duration = Duration::from_secs(45);

/// What a trial came to.
#[derive(Debug)]
pub(super) struct Sums {
    pub(super) accepted: usize,
    /// Requests at the receivers.
    pub(super) received: usize,
    /// Of those, the ones that repeat another.
    pub(super) duplicates: usize,
}

impl Cluster {
    /// Waits until nothing is left to be done, and holds everything against everything else: nothing is lost, and
    /// each event made one delivery per webhook.
    pub(super) async fn sums(&self, answers: &Answers) -> Sums {
        eventually_within(PATIENCE, "the end of all work", async || {
            match self.count("SELECT count(*) FROM queue") {
                0 => Ok(()),
                left => Err(json!(left)),
            }
        })
        .await;
        let accepted: BTreeSet<&str> = answers.accepted.iter().map(String::as_str).collect();
        assert_eq!(accepted.len(), answers.accepted.len());
        assert_eq!(self.count("SELECT count(*) FROM event_ids"), accepted.len(), "each id once");
        let wanted = accepted.len() * PATHS.len();
        let decided = "SELECT count(*) FROM history WHERE status = 1";
        assert_eq!(self.count(decided), wanted, "every delivery succeeded, and there is one to an event");
        assert_eq!(self.count("SELECT count(*) FROM history"), wanted);
        let arrived = self.sink.events();
        for path in PATHS {
            let events: BTreeSet<&str> =
                arrived.keys().filter(|(at, _)| at == path).map(|(_, event)| event.as_str()).collect();
            let lost: Vec<_> = accepted.difference(&events).collect();
            assert!(lost.is_empty(), "accepted, and never sent to {path}: {lost:?}");
            assert_eq!(events.len(), accepted.len(), "and nothing else at {path}");
        }
        let received = arrived.values().sum::<usize>();
        let sums = Sums { accepted: accepted.len(), received, duplicates: received - wanted };
        println!("{sums:?}; {} refused, {} unanswered", answers.refused, answers.unanswered);
        sums
    }

    pub(super) fn count(&self, sql: &str) -> usize {
        self.server.ask(&self.address, sql).parse().unwrap()
    }
}
