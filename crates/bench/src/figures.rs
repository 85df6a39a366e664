//! Percentiles, medians, and casts whose loss does not matter here.

use std::time::Duration;

/// How long deliveries took, sorted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latencies(Vec<u64>);

impl Latencies {
    /// Of nanoseconds.
    pub(crate) fn new(mut nanoseconds: Vec<u64>) -> Self {
        nanoseconds.sort_unstable();
        Self(nanoseconds)
    }

    /// Milliseconds that this share of deliveries took at most.
    pub(crate) fn at(&self, share: f64) -> f64 {
        if self.0.is_empty() {
            return 0.0;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index into a list")]
        let index = (float(self.0.len() - 1) * share) as usize;
        Duration::from_nanos(self.0[index]).as_secs_f64() * 1000.0
    }
}

/// A count.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
pub(crate) fn float(count: usize) -> f64 {
    count as f64
}

/// Seconds of processor time per 1000.
pub(crate) fn per_1000(cpu: Duration, many: usize) -> f64 {
    cpu.as_secs_f64() * 1000.0 / float(many)
}

/// The one in the middle by `key`, the lower of two.
pub(crate) fn median<T>(mut all: Vec<T>, key: impl Fn(&T) -> f64) -> Option<T> {
    all.sort_by(|one, other| key(one).total_cmp(&key(other)));
    let middle = all.len().checked_sub(1)? / 2;
    Some(all.swap_remove(middle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_and_medians_are_members_of_what_was_measured() {
        let latencies = Latencies::new((1..=100).rev().map(|ms| ms * 1_000_000).collect());
        let at = |share| latencies.at(share).round();
        assert_eq!([at(0.0), at(0.5), at(0.99), at(1.0)].map(|ms| format!("{ms}")), ["1", "50", "99", "100"]);
        assert_eq!(median(vec![3, 1, 2], |n| f64::from(*n)), Some(2));
        assert_eq!(median(Vec::<i32>::new(), |n| f64::from(*n)), None);
    }
}
