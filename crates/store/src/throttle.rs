//! 1000 requests a minute per admin key (CONTRACT §2): an exact sliding window, kept in memory where one process
//! has the ledger to itself.

use std::collections::{HashMap, VecDeque};

use parking_lot::Mutex;
use sellvik_domain::{KeyId, Timestamp};

/// Requests taken per admin key and window.
pub const REQUESTS_MAX: u32 = 1000;

/// The window's length in milliseconds.
pub(crate) const WINDOW_MS: i64 = 60_000;

/// Keys remembered before those that fell silent are forgotten; each takes 8 KiB at most.
const KEYS_MAX: usize = 4096;

/// Remembers when each key's requests of the last minute were taken.
#[derive(Default)]
pub(crate) struct Throttle(Mutex<HashMap<KeyId, VecDeque<i64>>>);

impl Throttle {
    /// Takes a request, or says from when on one will be taken.
    pub(crate) fn take(&self, key: KeyId, now: Timestamp) -> Result<(), Timestamp> {
        let now = now.as_millis();
        let mut keys = self.0.lock();
        if keys.len() >= KEYS_MAX {
            keys.retain(|_, taken| taken.back().is_some_and(|last| now - last < WINDOW_MS));
        }
        let taken = keys.entry(key).or_default();
        if taken.back().is_some_and(|last| *last > now) {
            // The clock was set back: what it said before says nothing about this minute.
            taken.clear();
        }
        while taken.front().is_some_and(|first| now - first >= WINDOW_MS) {
            taken.pop_front();
        }
        if taken.len() < REQUESTS_MAX as usize {
            taken.push_back(now);
            return Ok(());
        }
        Err(Timestamp::from_millis(taken.front().map_or(now, |first| first + WINDOW_MS)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn key(n: u8) -> KeyId {
        KeyId::new(at(0), [n; 10])
    }

    proptest! {
        #[test]
        fn never_refuses_early_and_waiting_suffices(gaps in prop::collection::vec(0..200_i64, 1500)) {
            let throttle = Throttle::default();
            let (mut now, mut taken) = (0, Vec::new());
            for gap in gaps {
                now += gap;
                let in_window = taken.iter().filter(|t| now - **t < WINDOW_MS).count();
                match throttle.take(key(1), at(now)) {
                    Ok(()) => {
                        prop_assert!(in_window < 1000);
                        taken.push(now);
                    }
                    Err(free) => {
                        prop_assert!(in_window >= 1000 && at(now) < free && free <= at(now + WINDOW_MS));
                        now = free.as_millis();
                        prop_assert_eq!(throttle.take(key(1), free), Ok(()));
                        taken.push(now);
                    }
                }
            }
        }
    }
}
