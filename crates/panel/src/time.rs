//! Moments as people read them: how long ago, and exactly when on hover. The script rewrites the exact
//! time into the reader's zone; without it, it says UTC.

use jiff::tz::TimeZone;
use maud::{Markup, html};
use sellvik_domain::Timestamp;

/// "3 min ago", the exact moment on hover.
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(at) title=(exact(at)) data-ago { (distance(at, now)) } }
}

/// The exact moment, in words.
pub(crate) fn moment(at: Timestamp) -> Markup {
    html! { time datetime=(at) data-exact { (exact(at)) } }
}

/// "27 May 2026, 13:45:00 UTC".
pub(crate) fn exact(at: Timestamp) -> String {
    strftime(at, "%-d %b %Y, %H:%M:%S UTC")
}

/// As an `<input type="datetime-local">` holds it, in UTC.
pub(crate) fn input_value(at: Timestamp) -> String {
    strftime(at, "%Y-%m-%dT%H:%M")
}

/// What such an input sent, taken as UTC unless it says otherwise.
pub(crate) fn from_input(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let seconds = if text.matches(':').count() == 1 { ":00" } else { "" };
    Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}{seconds}Z")))
}

pub(crate) fn strftime(at: Timestamp, format: &str) -> String {
    let moment = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    moment.to_zoned(TimeZone::UTC).strftime(format).to_string()
}

/// How far a moment lies from now: "just now", "3 min ago", "in 2 h".
pub(crate) fn distance(at: Timestamp, now: Timestamp) -> String {
    let ms = now.as_millis() - at.as_millis();
    match words(ms.unsigned_abs()) {
        None => "just now".to_owned(),
        Some(words) if ms > 0 => format!("{words} ago"),
        Some(words) => format!("in {words}"),
    }
}

/// A span in its largest unit; none if it is shorter than anyone would name.
fn words(ms: u64) -> Option<String> {
    match ms / 1000 {
        0..5 => None,
        s @ 5..60 => Some(format!("{s} s")),
        s @ 60..3600 => Some(format!("{} min", s / 60)),
        s @ 3600..86_400 => Some(format!("{} h", s / 3600)),
        s => Some(match s / 86_400 {
            1 => "1 day".to_owned(),
            days => format!("{days} days"),
        }),
    }
}

/// How long an attempt took: "87 ms", "2.4 s".
pub(crate) fn duration(ms: u32) -> String {
    if ms < 1000 { format!("{ms} ms") } else { format!("{}.{} s", ms / 1000, ms % 1000 / 100) }
}

/// The same as short as it goes, for charts: "0", "87 ms", "2 s".
pub(crate) fn span(ms: u64) -> String {
    match ms {
        0 => "0".to_owned(),
        whole if whole % 1000 == 0 => format!("{} s", whole / 1000),
        ms => duration(u32::try_from(ms).unwrap_or(u32::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_779_889_500_000 + ms)
    }

    #[test]
    fn distances_are_in_their_largest_unit() {
        for (ms, words) in [
            (0, "just now"),
            (4_999, "just now"),
            (59_000, "59 s ago"),
            (180_000, "3 min ago"),
            (7_200_000, "2 h ago"),
            (90_000_000, "1 day ago"),
            (864_000_000, "10 days ago"),
            (-120_000, "in 2 min"),
        ] {
            assert_eq!(distance(at(0), at(ms)), words);
        }
    }

    #[test]
    fn moments_say_their_zone() {
        assert_eq!(exact(at(0)), "27 May 2026, 13:45:00 UTC");
        assert_eq!(duration(999), "999 ms");
        assert_eq!(duration(10_049), "10.0 s");
    }

    #[test]
    fn what_an_input_sends_is_read_back() {
        assert_eq!(input_value(at(0)), "2026-05-27T13:45");
        for text in ["2026-05-27T13:45", "2026-05-27T13:45:00", "2026-05-27T15:45:00+02:00"] {
            assert_eq!(from_input(text), Some(at(0)), "{text}");
        }
        for text in ["", "yesterday", "2026-13-01T00:00"] {
            assert_eq!(from_input(text), None, "{text}");
        }
    }
}
