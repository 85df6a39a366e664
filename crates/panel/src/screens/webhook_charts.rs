//! How a webhook did, hour by hour: what came of its attempts, and how long answers took.

use maud::{Markup, html};
use sellvik_domain::{HourCounts, WebhookHour};

use super::webhook_numbers;
use crate::chart::{Axis, HEIGHT, line, percent};
use crate::time::{span, strftime};

/// How far back the charts look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Range {
    Day,
    Week,
}

impl Range {
    /// The range of this word; a day unless it says otherwise.
    pub(crate) fn of(word: Option<&str>) -> Self {
        if word == Some("7d") { Self::Week } else { Self::Day }
    }

    pub(crate) fn hours(self) -> u32 {
        match self {
            Self::Day => 24,
            Self::Week => 168,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Day => "24 hours",
            Self::Week => "7 days",
        }
    }
}

/// Both charts and their numbers. `other` is this page's address with the other range.
pub(crate) fn charts(hours: &[WebhookHour], range: Range, other: &str) -> Markup {
    let sum = hours.iter().fold(HourCounts::default(), |sum, hour| sum.plus(&hour.counts));
    let is_empty = sum.attempts() == 0 && sum.dropped == 0;
    html! {
        section.card.history aria-labelledby="history-title" {
            div.section-head {
                h2 #history-title { "The last " (range.words()) }
                nav.switch aria-label="Time shown" {
                    @for one in [Range::Day, Range::Week] {
                        @if one == range { span aria-current="true" { (one.words()) } }
                        @else { a href=(other) { (one.words()) } }
                    }
                }
            }
            @if is_empty {
                p.muted { "Nothing was sent in this time. Once events are sent, you see here how it went." }
            } @else {
                div.columns {
                    (outcomes(hours, &sum, range))
                    (response_times(hours, &sum, range))
                }
                (webhook_numbers::table(hours))
            }
        }
    }
}

fn outcomes(hours: &[WebhookHour], sum: &HourCounts, range: Range) -> Markup {
    let all = |counts: &HourCounts| counts.attempts() + u64::from(counts.dropped);
    let axis = Axis::up_to(hours.iter().map(|hour| all(&hour.counts)).max().unwrap_or(0));
    let summary = outcome_words(sum);
    let plot = html! {
        @for (at, hour) in hours.iter().enumerate() {
            (hour_group(at, hour, &outcome_words(&hour.counts), &stack(at, &hour.counts, axis)))
        }
    };
    figure(
        "outcomes",
        "Attempts",
        &summary,
        &[("ok", "Succeeded"), ("failed", "Failed attempts"), ("dropped", "Deliveries given up")],
        &frame(
            hours,
            axis,
            range,
            &|value| value.to_string(),
            &plot,
            "outcomes",
            "Attempts per hour",
            &summary,
        ),
    )
}

fn stack(at: usize, counts: &HourCounts, axis: Axis) -> Markup {
    let (ok, failed, dropped) =
        (u64::from(counts.succeeded), u64::from(counts.failed), u64::from(counts.dropped));
    html! {
        @for (class, many, below) in [("ok", ok, 0), ("failed", failed, ok), ("dropped", dropped, ok + failed)] {
            @if many > 0 {
                rect class=(class) x=(format!("{at}.12")) width="0.76" y=(axis.y(below + many)) height=(axis.height(many)) {}
            }
        }
    }
}

fn response_times(hours: &[WebhookHour], sum: &HourCounts, range: Range) -> Markup {
    let at = |percent: u64| -> Vec<Option<u64>> {
        hours.iter().map(|hour| hour.counts.response_ms(percent)).collect()
    };
    let (half, most) = (at(50), at(95));
    let axis = Axis::up_to(most.iter().chain(&half).flatten().copied().max().unwrap_or(0));
    let summary = response_words(sum);
    let plot = html! {
        path.line.most d=(line(&most, axis)) vector-effect="non-scaling-stroke" {}
        path.line.half d=(line(&half, axis)) vector-effect="non-scaling-stroke" {}
        @for (at, hour) in hours.iter().enumerate() {
            (hour_group(at, hour, &response_words(&hour.counts), &html! {}))
        }
    };
    figure(
        "responses",
        "Response time",
        &summary,
        &[("half", "Half of the answers within"), ("most", "95 % within")],
        &frame(hours, axis, range, &span, &plot, "responses", "Response time per hour", &summary),
    )
}

/// One hour's part of a plot; its words come up where the pointer rests.
fn hour_group(at: usize, hour: &WebhookHour, words: &str, marks: &Markup) -> Markup {
    html! {
        g.hour data-hour=(hour.begins) data-words=(words) {
            title { (strftime(hour.begins, "%-d %b, %H:%M UTC")) ": " (words) }
            rect.hit x=(at) y="0" width="1" height=(HEIGHT) {}
            (marks)
        }
    }
}

fn figure(id: &str, title: &str, summary: &str, legend: &[(&str, &str)], frame: &Markup) -> Markup {
    html! {
        figure.chart id={ "chart-" (id) } {
            figcaption {
                h3 { (title) }
                p.sub { (summary) }
            }
            (frame)
            ul.legend {
                @for (class, words) in legend { li { span class={ "key " (class) } {} (words) } }
            }
        }
    }
}

/// The axes around a plot. Their labels are parts of their own, so that they keep their size where the
/// plot is stretched.
#[expect(clippy::too_many_arguments, reason = "one call each for two charts")]
fn frame(
    hours: &[WebhookHour],
    axis: Axis,
    range: Range,
    label: &dyn Fn(u64) -> String,
    plot: &Markup,
    id: &str,
    title: &str,
    summary: &str,
) -> Markup {
    let many = hours.len();
    html! {
        div.plot-grid {
            svg.y-axis aria-hidden="true" {
                @for tick in axis.ticks() {
                    text x="100%" y={ (axis.y(tick)) "%" } dy=".32em" text-anchor="end" { (label(tick)) }
                }
            }
            svg.plot viewBox={ "0 0 " (many) " " (HEIGHT) } preserveAspectRatio="none" role="img"
                aria-labelledby={ (id) "-title " (id) "-desc" } {
                title id={ (id) "-title" } { (title) ", the last " (range.words()) }
                desc id={ (id) "-desc" } { (summary) ". The numbers stand in the table below." }
                @for tick in axis.ticks() {
                    path.grid d={ "M0 " (axis.y(tick)) "H" (many) } vector-effect="non-scaling-stroke" {}
                }
                (plot)
            }
            svg.x-axis aria-hidden="true" {
                @for (at, words) in labels(hours, range) {
                    text x=(percent(at, many)) y="1.1em" text-anchor="middle"
                        data-hour-label=[(range == Range::Day).then_some(hours[at].begins)] { (words) }
                }
            }
            p.zone data-zone=[(range == Range::Day).then_some("")] { "UTC" }
        }
    }
}

/// Every sixth hour of a day, every second day of a week.
fn labels(hours: &[WebhookHour], range: Range) -> Vec<(usize, String)> {
    let hour_of = |hour: &WebhookHour| hour.begins.as_secs() / 3600;
    let begins = |every: i64, format: &str| {
        let found = hours.iter().enumerate().filter(|(_, hour)| hour_of(hour) % every == 0);
        found.map(|(at, hour)| (at, strftime(hour.begins, format))).collect()
    };
    match range {
        Range::Day => begins(6, "%H:%M"),
        Range::Week => begins(48, "%-d %b"),
    }
}

fn outcome_words(counts: &HourCounts) -> String {
    let HourCounts { succeeded, failed, dropped, .. } = counts;
    if (*succeeded, *failed, *dropped) == (0, 0, 0) {
        return "nothing was sent".to_owned();
    }
    format!("{succeeded} succeeded, {failed} failed, {dropped} given up")
}

fn response_words(counts: &HourCounts) -> String {
    match counts.response_ms(50).zip(counts.response_ms(95)) {
        Some((half, most)) => format!("Half within {}, 95 % within {}", span(half), span(most)),
        None => "nothing was sent".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart;
    use sellvik_domain::Timestamp;

    fn hours(range: Range) -> Vec<WebhookHour> {
        chart::hours(&[], Timestamp::from_millis(1_779_889_500_000), range.hours())
    }

    #[test]
    fn labels_stand_at_round_hours_and_at_days() {
        let texts =
            |range| labels(&hours(range), range).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(texts(Range::Day), ["18:00", "00:00", "06:00", "12:00"]);
        assert!((3..=4).contains(&texts(Range::Week).len()));
    }

    #[test]
    fn only_known_words_are_ranges() {
        assert_eq!(Range::of(Some("7d")), Range::Week);
        assert_eq!([Range::of(None), Range::of(Some("9y"))], [Range::Day, Range::Day]);
    }

    #[test]
    fn every_mark_has_its_words_and_empty_charts_say_so() {
        let mut hours = hours(Range::Day);
        assert!(charts(&hours, Range::Day, "?").into_string().contains("Nothing was sent"));
        hours[3].counts =
            HourCounts { succeeded: 4, failed: 2, dropped: 1, buckets: [0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0] };
        let page = charts(&hours, Range::Day, "?range=7d").into_string();
        assert!(page.contains("4 succeeded, 2 failed, 1 given up"));
        assert_eq!(page.matches("class=\"dropped\"").count(), 1);
        assert!(!page.contains("style="));
    }
}
