//! What settlements do to their webhooks' counters, folded so that a commit writes each of them once.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use sellvik_domain::{HourCounts, Lane, RESPONSE_BUCKETS_MS, Timestamp};

#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) counters: HashMap<Lane, Counters, RandomState>,
    /// By lane and hour since the epoch.
    pub(crate) hours: HashMap<(Lane, i64), HourCounts, RandomState>,
}

/// What a commit's settlements do to a webhook, folded into one update.
#[derive(Default, Clone, Copy)]
pub(crate) struct Counters {
    /// Whether a success cleared what stood before.
    pub(crate) cleared: bool,
    pub(crate) failures: i64,
    pub(crate) last_delivery_at: i64,
}

impl Tally {
    /// Counts an attempt that ended. Tests leave `failureCount` alone (CONTRACT §3).
    pub(crate) fn attempt(&mut self, lane: Lane, at: Timestamp, succeeded: bool, ms: u32, test: bool) {
        let counters = self.counters.entry(lane).or_default();
        counters.last_delivery_at = counters.last_delivery_at.max(at.as_millis());
        match (test, succeeded) {
            (true, _) => {}
            (false, true) => (counters.cleared, counters.failures) = (true, 0),
            (false, false) => counters.failures += 1,
        }
        let hour = self.hour(lane, at);
        if succeeded {
            hour.succeeded += 1;
        } else {
            hour.failed += 1;
        }
        let bucket = RESPONSE_BUCKETS_MS.iter().position(|bound| ms <= *bound);
        let bucket = bucket.unwrap_or(RESPONSE_BUCKETS_MS.len());
        hour.buckets[bucket] += 1;
    }

    pub(crate) fn dropped(&mut self, lane: Lane, at: Timestamp, many: u32) {
        self.hour(lane, at).dropped += many;
    }

    fn hour(&mut self, lane: Lane, at: Timestamp) -> &mut HourCounts {
        self.hours.entry((lane, at.as_millis() / 3_600_000)).or_default()
    }
}
