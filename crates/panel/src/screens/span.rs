//! Stretches of time that end now, to choose from.

use std::time::Duration;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// Its word in addresses.
    pub(crate) word: &'static str,
    /// Its words on the page.
    pub(crate) label: &'static str,
    pub(crate) length: Duration,
}

/// All there are, shortest first.
pub(crate) const SPANS: [Span; 4] = [
    Span { word: "1h", label: "the last hour", length: Duration::from_hours(1) },
    Span { word: "6h", label: "the last 6 hours", length: Duration::from_hours(6) },
    Span { word: "24h", label: "the last 24 hours", length: Duration::from_hours(24) },
    Span { word: "7d", label: "the last 7 days", length: Duration::from_hours(168) },
];

impl Span {
    pub(crate) fn of(word: &str) -> Option<Self> {
        SPANS.into_iter().find(|span| span.word == word)
    }
}
