//! When the next attempt is made, or why there is none (CONTRACT §5).

use std::time::Duration;

use crate::{Class, DropReason, Timestamp};

/// Most entries a schedule may have: a day of retries needs nine.
const ENTRIES_MAX: usize = 32;

/// Jitter, as a share of the gap to the previous entry.
const JITTER: f64 = 0.1;

/// When attempts are made, counted from the delivery's creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule(Vec<Duration>);

impl Default for Schedule {
    fn default() -> Self {
        Self([0, 30, 120, 600, 1800, 7200, 21_600, 64_800, 86_400].map(Duration::from_secs).to_vec())
    }
}

impl Schedule {
    /// Takes offsets that start at zero and rise: at least two, at most 32.
    pub fn new(entries: Vec<Duration>) -> Result<Self, &'static str> {
        if !(2..=ENTRIES_MAX).contains(&entries.len()) {
            return Err("a retry schedule has 2 to 32 entries");
        }
        if entries[0] != Duration::ZERO {
            return Err("a retry schedule starts with 0s");
        }
        if entries.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err("a retry schedule's entries must rise");
        }
        if entries[entries.len() - 1] > Duration::from_hours(24 * 30) {
            return Err("a retry schedule ends within 30 days");
        }
        Ok(Self(entries))
    }

    /// The last moment at which an attempt of a delivery made at `origin` may start.
    pub fn ends(&self, origin: Timestamp) -> Timestamp {
        origin.after(self.0[self.0.len() - 1])
    }

    /// The gap in front of entry `index`, by which its jitter is measured.
    fn gap(&self, index: usize) -> Duration {
        self.0[index].saturating_sub(self.0[index - 1])
    }

    /// The first entry behind `used` that is still in the future, with its jitter applied.
    fn next(&self, chain: &Chain, now: Timestamp, chance: f64) -> Option<(Timestamp, u8)> {
        let used = usize::from(chain.entry);
        let (index, offset) = self
            .0
            .iter()
            .enumerate()
            .skip(used + 1)
            .find(|(_, offset)| chain.origin.after(**offset) > now)?;
        let last = index == self.0.len() - 1;
        let at = jittered(chain.origin.after(*offset), self.gap(index), chance, last);
        Some((at.max(now), u8::try_from(index).unwrap_or(u8::MAX)))
    }
}

/// `at` moved by up to ±10 % of `gap`; earlier only, if it is the last chance.
fn jittered(at: Timestamp, gap: Duration, chance: f64, earlier_only: bool) -> Timestamp {
    let share = if earlier_only { chance - 1.0 } else { chance * 2.0 - 1.0 };
    let shift = gap.mul_f64((share * JITTER).abs());
    if share < 0.0 { at.before(shift) } else { at.after(shift) }
}

/// How far a delivery has come along its schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    /// What the schedule counts from.
    pub origin: Timestamp,
    /// The schedule's entry that the attempt was made for.
    pub entry: u8,
    /// Whether an earlier attempt was answered by a 4xx that grants one more try.
    pub client_error: bool,
    /// Whether it carries a test event: one attempt, no retry.
    pub test: bool,
}

/// What becomes of a delivery after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Delivered.
    Succeeded,
    /// Another attempt.
    RetryAt {
        /// When.
        at: Timestamp,
        /// The schedule's entry it is made for.
        entry: u8,
        /// Whether the one more try of the 4xx rule is now used.
        client_error: bool,
    },
    /// Given up.
    Dropped(DropReason),
}

/// Judges an attempt that ended at `now`; `chance` in [0, 1) is the jitter's draw.
pub fn judge(schedule: &Schedule, chain: Chain, class: Class, now: Timestamp, chance: f64) -> Verdict {
    if class == Class::Success {
        return Verdict::Succeeded;
    }
    if chain.test {
        return Verdict::Dropped(DropReason::TestFailed);
    }
    let ends = schedule.ends(chain.origin);
    match class {
        Class::ClientError if chain.client_error => Verdict::Dropped(DropReason::ClientError),
        Class::ClientError => {
            let gap = schedule.gap(1);
            let at = jittered(now.after(gap), gap, chance, false);
            if at > ends {
                return Verdict::Dropped(DropReason::AttemptsExhausted);
            }
            // The one more try stands for the second entry, so that a later 5xx goes on behind it.
            Verdict::RetryAt { at, entry: chain.entry.max(1), client_error: true }
        }
        Class::Success | Class::Busy(_) | Class::Failed => {
            let not_before = match class {
                Class::Busy(Some(retry_after)) => retry_after.moment(now),
                _ => now,
            };
            match schedule.next(&chain, now, chance) {
                None => Verdict::Dropped(DropReason::AttemptsExhausted),
                Some(_) if not_before > ends => Verdict::Dropped(DropReason::RetryAfterTooLate),
                Some((at, entry)) => {
                    Verdict::RetryAt { at: at.max(not_before), entry, client_error: chain.client_error }
                }
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::RetryAfter;
    use proptest::prelude::*;

    const MIDDLE: f64 = 0.5;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::EPOCH.after(Duration::from_secs(seconds))
    }

    fn chain(entry: u8) -> Chain {
        Chain { origin: at(0), entry, client_error: false, test: false }
    }

    fn wait(seconds: u64) -> Class {
        Class::Busy(Some(RetryAfter::Delay(Duration::from_secs(seconds))))
    }

    fn retry(at: Timestamp, entry: u8) -> Verdict {
        Verdict::RetryAt { at, entry, client_error: false }
    }

    #[test]
    fn the_whole_chain_follows_the_schedule() {
        let schedule = Schedule::default();
        let seconds = [0, 30, 120, 600, 1800, 7200, 21_600, 64_800];
        for (entry, now) in seconds.into_iter().enumerate() {
            let verdict =
                judge(&schedule, chain(u8::try_from(entry).unwrap()), Class::Failed, at(now), MIDDLE);
            let Verdict::RetryAt { at: next, entry: e, .. } = verdict else { panic!("{verdict:?}") };
            assert_eq!(usize::from(e), entry + 1);
            let expected = seconds.get(entry + 1).map_or(86_400 - 1080, |s| *s);
            assert_eq!(next, at(expected));
        }
        let spent = judge(&schedule, chain(8), Class::Failed, at(86_400), MIDDLE);
        assert_eq!(spent, Verdict::Dropped(DropReason::AttemptsExhausted));
    }

    #[test]
    fn entries_that_passed_are_skipped() {
        let schedule = Schedule::default();
        assert_eq!(judge(&schedule, chain(0), Class::Failed, at(700), MIDDLE), retry(at(1800), 4));
        // An entry that came early by jitter is not made a second time.
        assert_eq!(judge(&schedule, chain(1), Class::Failed, at(28), MIDDLE), retry(at(120), 2));
        // Made late, because we were down: judged, and nothing is left.
        let late = judge(&schedule, chain(3), Class::Failed, at(90_000), MIDDLE);
        assert_eq!(late, Verdict::Dropped(DropReason::AttemptsExhausted));
    }

    #[test]
    fn a_4xx_is_granted_one_more_try() {
        let schedule = Schedule::default();
        let first = judge(&schedule, chain(0), Class::ClientError, at(5), MIDDLE);
        assert_eq!(first, Verdict::RetryAt { at: at(35), entry: 1, client_error: true });
        let granted = Chain { client_error: true, entry: 1, ..chain(0) };
        let second = judge(&schedule, granted, Class::ClientError, at(35), MIDDLE);
        assert_eq!(second, Verdict::Dropped(DropReason::ClientError));
        let server = judge(&schedule, granted, Class::Failed, at(35), MIDDLE);
        assert_eq!(server, Verdict::RetryAt { at: at(120), entry: 2, client_error: true });
        let too_late = judge(&schedule, chain(8), Class::ClientError, at(86_390), MIDDLE);
        assert_eq!(too_late, Verdict::Dropped(DropReason::AttemptsExhausted));
    }

    #[test]
    fn retry_after_only_delays() {
        let schedule = Schedule::default();
        assert_eq!(judge(&schedule, chain(0), wait(5), at(0), MIDDLE), retry(at(30), 1));
        assert_eq!(judge(&schedule, chain(0), wait(45), at(0), MIDDLE), retry(at(45), 1));
        let too_late = judge(&schedule, chain(0), wait(86_401), at(0), MIDDLE);
        assert_eq!(too_late, Verdict::Dropped(DropReason::RetryAfterTooLate));
    }

    #[test]
    fn a_test_has_one_attempt() {
        let test = Chain { test: true, ..chain(0) };
        let verdict = judge(&Schedule::default(), test, Class::Failed, at(0), MIDDLE);
        assert_eq!(verdict, Verdict::Dropped(DropReason::TestFailed));
        assert_eq!(judge(&Schedule::default(), test, Class::Success, at(0), MIDDLE), Verdict::Succeeded);
    }

    #[test]
    fn schedules_are_checked() {
        let of = |seconds: &[u64]| Schedule::new(seconds.iter().map(|s| Duration::from_secs(*s)).collect());
        assert!(of(&[0, 1]).is_ok());
        for bad in [&[][..], &[0], &[1, 2], &[0, 2, 2], &[0, 3, 2], &[0, 31 * 86_400]] {
            assert!(of(bad).is_err(), "{bad:?}");
        }
    }

    fn class() -> impl Strategy<Value = Class> {
        prop_oneof![
            Just(Class::Failed),
            Just(Class::ClientError),
            Just(Class::Busy(None)),
            (0..200_000_u64).prop_map(wait),
        ]
    }

    proptest! {
        #[test]
        fn every_chain_ends_within_its_day(
            steps in prop::collection::vec((class(), 0.0..1.0_f64, 0..9000_u64), 1..40)
        ) {
            let schedule = Schedule::default();
            let (mut state, mut now, mut client_errors) = (chain(0), at(0), 0);
            for (class, chance, took_ms) in steps {
                now = now.after(Duration::from_millis(took_ms));
                client_errors += u32::from(class == Class::ClientError);
                match judge(&schedule, state, class, now, chance) {
                    Verdict::RetryAt { at, entry, client_error } => {
                        prop_assert!(at >= now && at <= schedule.ends(state.origin));
                        prop_assert!(entry > state.entry || class == Class::ClientError);
                        prop_assert!(client_errors <= 1);
                        if let Class::Busy(Some(retry_after)) = class {
                            prop_assert!(at >= retry_after.moment(now));
                        }
                        state = Chain { entry, client_error, ..state };
                        now = at;
                    }
                    Verdict::Dropped(reason) => {
                        prop_assert_eq!(reason == DropReason::ClientError, client_errors == 2);
                        return Ok(());
                    }
                    Verdict::Succeeded => prop_assert!(false, "no step succeeds"),
                }
            }
        }

        #[test]
        fn jitter_stays_within_a_tenth_of_the_gap(entry in 0..8_u8, chance in 0.0..1.0_f64) {
            let schedule = Schedule::default();
            let index = usize::from(entry) + 1;
            let now = at(0).after(schedule.0[usize::from(entry)]);
            let Verdict::RetryAt { at: next, .. } =
                judge(&schedule, chain(entry), Class::Failed, now, chance) else { panic!("no retry") };
            let (nominal, tenth) = (at(0).after(schedule.0[index]), schedule.gap(index) / 10);
            let latest = if index == 8 { nominal } else { nominal.after(tenth) };
            prop_assert!(next >= nominal.before(tenth) && next <= latest);
        }
    }
}
