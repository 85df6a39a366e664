//! The geometry of charts: axes that end on round numbers, hours without gaps, lines that break where
//! nothing was measured. A plot is as wide as it has hours and 100 high; the page stretches it.

use sellvik_domain::{HOUR, HourCounts, Timestamp, WebhookHour};

/// How high a plot is, in its own units.
pub(crate) const HEIGHT: u32 = 100;

/// An axis from zero that ends on a whole step of 1, 2 or 5 times a power of ten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Axis {
    max: u64,
    step: u64,
}

impl Axis {
    /// At most this many steps: enough to read a value off, few enough to stay calm.
    const STEPS_MAX: u64 = 4;

    /// The shortest axis that `largest` fits under.
    pub(crate) fn up_to(largest: u64) -> Self {
        let mut power = 1_u64;
        let step = loop {
            let steps = [1, 2, 5].map(|digit| power.saturating_mul(digit));
            if let Some(step) = steps.into_iter().find(|step| step.saturating_mul(Self::STEPS_MAX) >= largest)
            {
                break step;
            }
            power = power.saturating_mul(10);
        };
        Self { max: step.saturating_mul(largest.div_ceil(step).max(1)), step }
    }

    /// Where its lines are, from zero up.
    pub(crate) fn ticks(self) -> impl Iterator<Item = u64> {
        (0..=self.max / self.step).map(move |nth| nth * self.step)
    }

    /// How far from the top `value` lies, of [`HEIGHT`].
    pub(crate) fn y(self, value: u64) -> String {
        decimal(f64::from(HEIGHT) - self.share(value))
    }

    /// How high `value` is, of [`HEIGHT`].
    pub(crate) fn height(self, value: u64) -> String {
        decimal(self.share(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "pixels, not accounts")]
    fn share(self, value: u64) -> f64 {
        value.min(self.max) as f64 * f64::from(HEIGHT) / self.max as f64
    }
}

/// The last `many` whole hours up to the present one, oldest first; those without counts are empty.
pub(crate) fn hours(counted: &[WebhookHour], now: Timestamp, many: u32) -> Vec<WebhookHour> {
    let hour = i64::try_from(HOUR.as_millis()).unwrap_or(i64::MAX);
    let present = Timestamp::from_millis(now.as_millis() / hour * hour);
    let begins = (0..many).rev().map(|back| present.before(HOUR * back));
    begins
        .map(|begins| {
            let found = counted.iter().find(|one| one.begins == begins);
            WebhookHour { begins, counts: found.map_or_else(HourCounts::default, |one| one.counts) }
        })
        .collect()
}

/// A line through the middles of the hours, as a path; it breaks where there is no value, and a value
/// alone is a dot.
pub(crate) fn line(values: &[Option<u64>], axis: Axis) -> String {
    let value_at = |at: usize| values.get(at).copied().flatten();
    let point = |(at, value): (usize, &Option<u64>)| {
        let y = axis.y((*value)?);
        let (before, behind) = (at.checked_sub(1).and_then(value_at), value_at(at + 1));
        Some(match (before, behind) {
            (Some(_), _) => format!("L{at}.5 {y}"),
            (None, Some(_)) => format!("M{at}.5 {y}"),
            (None, None) => format!("M{at}.5 {y}h.01"),
        })
    };
    values.iter().enumerate().filter_map(point).collect()
}

/// Where hour `at` of `many` begins, in percent of the width.
pub(crate) fn percent(at: usize, many: usize) -> String {
    #[expect(clippy::cast_precision_loss, reason = "pixels, not accounts")]
    let share = at as f64 * 100.0 / many.max(1) as f64;
    format!("{}%", decimal(share))
}

fn decimal(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_on_round_numbers_just_above_the_largest() {
        let axis = |largest| {
            let axis = Axis::up_to(largest);
            (axis.step, axis.max)
        };
        for (largest, expected) in [
            (0, (1, 1)),
            (1, (1, 1)),
            (4, (1, 4)),
            (5, (2, 6)),
            (17, (5, 20)),
            (42, (20, 60)),
            (100, (50, 100)),
            (1_234, (500, 1_500)),
            (10_000, (5_000, 10_000)),
        ] {
            assert_eq!(axis(largest), expected, "{largest}");
        }
        assert!(Axis::up_to(u64::MAX).ticks().count() <= 6);
    }

    #[test]
    fn every_value_lies_within_the_plot() {
        let axis = Axis::up_to(42);
        assert_eq!((axis.y(0), axis.y(60), axis.height(30)), ("100".into(), "0".into(), "50".into()));
        assert_eq!(axis.ticks().collect::<Vec<_>>(), [0, 20, 40, 60]);
        assert_eq!(axis.y(u64::MAX), "0");
    }

    #[test]
    fn hours_that_counted_nothing_are_there_and_empty() {
        let at = |hour: i64| Timestamp::from_millis(1_779_886_800_000 + hour * 3_600_000);
        let counts = HourCounts { succeeded: 3, ..HourCounts::default() };
        let counted = [WebhookHour { begins: at(-2), counts }, WebhookHour { begins: at(-30), counts }];
        let now = Timestamp::from_millis(at(0).as_millis() + 1_234_567);
        let day = hours(&counted, now, 24);
        assert_eq!(day.len(), 24);
        assert_eq!((day[0].begins, day[23].begins), (at(-23), at(0)));
        assert_eq!(day.iter().map(|hour| hour.counts.succeeded).sum::<u32>(), 3);
        assert_eq!(day[21].counts, counts);
    }

    #[test]
    fn lines_break_at_empty_hours_and_lone_values_are_dots() {
        let axis = Axis::up_to(100);
        let line = |values: &[Option<u64>]| line(values, axis);
        assert_eq!(line(&[]), "");
        assert_eq!(line(&[None, None]), "");
        assert_eq!(line(&[Some(100), Some(50)]), "M0.5 0L1.5 50");
        assert_eq!(line(&[Some(0), None, Some(50), Some(50)]), "M0.5 100h.01M2.5 50L3.5 50");
    }

    #[test]
    fn places_along_the_axis_are_percentages() {
        assert_eq!(
            (percent(0, 24), percent(6, 24), percent(1, 168)),
            ("0%".into(), "25%".into(), "0.6%".into())
        );
    }
}
