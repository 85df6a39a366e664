//! What settling counts of a webhook, hour by hour: charts and health read this and never the deliveries.

use std::time::Duration;

use crate::Timestamp;

/// The upper bounds of the response time buckets, in milliseconds; the last bucket is what took longer.
pub const RESPONSE_BUCKETS_MS: [u32; 10] = [10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];

/// How long an hour is.
pub const HOUR: Duration = Duration::from_hours(1);

/// What ended within one hour of a webhook's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HourCounts {
    /// Attempts that succeeded; each ended its delivery.
    pub succeeded: u32,
    /// Attempts that failed.
    pub failed: u32,
    /// Deliveries that were given up.
    pub dropped: u32,
    /// Attempts by response time.
    pub buckets: [u32; RESPONSE_BUCKETS_MS.len() + 1],
}

/// One hour of one webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookHour {
    /// When the hour began.
    pub begins: Timestamp,
    /// What ended in it.
    pub counts: HourCounts,
}

impl HourCounts {
    /// Both together.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        self.succeeded = self.succeeded.saturating_add(other.succeeded);
        self.failed = self.failed.saturating_add(other.failed);
        self.dropped = self.dropped.saturating_add(other.dropped);
        for (mine, theirs) in self.buckets.iter_mut().zip(other.buckets) {
            *mine = mine.saturating_add(theirs);
        }
        self
    }

    /// Attempts that ended.
    pub fn attempts(&self) -> u64 {
        u64::from(self.succeeded) + u64::from(self.failed)
    }

    /// The response time in milliseconds that `percent` of the attempts did not exceed, as far as the
    /// buckets tell: spread evenly within one. What took longer than the last bound counts as that bound.
    pub fn response_ms(&self, percent: u64) -> Option<u64> {
        let all: u64 = self.buckets.iter().copied().map(u64::from).sum();
        let rank = (all * percent).div_ceil(100).max(1);
        let (mut below, mut lower) = (0, 0);
        for (bound, within) in RESPONSE_BUCKETS_MS.into_iter().zip(self.buckets) {
            let (bound, within) = (u64::from(bound), u64::from(within));
            if below + within >= rank {
                return (all > 0).then(|| lower + (bound - lower) * (rank - below) / within.max(1));
            }
            (below, lower) = (below + within, bound);
        }
        (all > 0).then_some(lower)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(buckets: &[(usize, u32)]) -> HourCounts {
        let mut counts = HourCounts::default();
        for (at, many) in buckets {
            counts.buckets[*at] = *many;
        }
        counts
    }

    #[test]
    fn response_times_are_read_off_the_buckets() {
        assert_eq!(HourCounts::default().response_ms(50), None);
        assert_eq!(of(&[(0, 10)]).response_ms(50), Some(5));
        assert_eq!(of(&[(0, 10)]).response_ms(100), Some(10));
        assert_eq!(of(&[(0, 95), (6, 5)]).response_ms(95), Some(10));
        assert_eq!(of(&[(0, 94), (6, 6)]).response_ms(95), Some(500 + 500 / 6));
        assert_eq!(of(&[(10, 1)]).response_ms(50), Some(10_000));
    }

    #[test]
    fn counts_add_up() {
        let mut one = of(&[(3, 2)]);
        one.failed = 2;
        let sum = one.plus(&one).plus(&HourCounts { succeeded: 1, ..HourCounts::default() });
        assert_eq!((sum.attempts(), sum.buckets[3]), (5, 4));
    }
}
