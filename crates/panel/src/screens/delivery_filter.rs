//! Which of a webhook's deliveries are wanted: read from the page's address, and put back into it.

use std::collections::BTreeSet;

use maud::{Markup, html};
use sellvik_actions::DeliverySearch;
use sellvik_domain::{DeliveryStatus, EventType, Timestamp};
use url::form_urlencoded::Serializer;

use super::span::{SPANS, Span};
use crate::components::field_errors;
use crate::visit::Visit;
use crate::{time, words};

/// What an address asks for. What it does not understand it leaves out, and says so for times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) status: Option<DeliveryStatus>,
    pub(crate) kind: Option<EventType>,
    pub(crate) within: Option<Span>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    /// An event's id: then nothing else counts.
    pub(crate) event: Option<String>,
    since_problem: bool,
    until_problem: bool,
}

impl Filter {
    pub(crate) fn read(parameter: impl Fn(&str) -> Option<String>) -> Self {
        let moment = |name| parameter(name).map(|text| time::from_input(&text));
        let (since, until) = (moment("since"), moment("until"));
        let within = parameter("within").and_then(|word| Span::of(&word));
        Self {
            status: parameter("status").and_then(|word| DeliveryStatus::parse(&word)),
            kind: parameter("type").and_then(|name| EventType::parse(&name)),
            // An exact time says more than a preset.
            within: within.filter(|_| since.is_none()),
            since: since.flatten(),
            until: until.flatten(),
            event: parameter("event").map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()),
            since_problem: since == Some(None),
            until_problem: until == Some(None),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The same filter with the preset made a moment, so that a walk over pages keeps to one window.
    pub(crate) fn fixed(&self, now: Timestamp) -> Self {
        let since = self.within.map(|span| now.before(span.length)).or(self.since);
        Self { since, within: None, ..self.clone() }
    }

    pub(crate) fn search(&self, now: Timestamp) -> DeliverySearch {
        let Self { status, kind, since, until, .. } = self.fixed(now);
        DeliverySearch { status, kind, since, until }
    }

    /// As a query string, each part only if it says something.
    pub(crate) fn query(&self) -> String {
        let mut query = Serializer::new(String::new());
        let mut put = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        };
        put("status", self.status.map(DeliveryStatus::as_str));
        put("type", self.kind.as_ref().map(EventType::as_str));
        put("within", self.within.map(|span| span.word));
        put("since", self.since.map(|at| at.to_string()).as_deref());
        put("until", self.until.map(|at| at.to_string()).as_deref());
        put("event", self.event.as_deref());
        query.finish()
    }
}

/// The form that filters. `path` is the page; `kinds` are the event types to choose from.
pub(crate) fn form(
    visit: &Visit,
    path: &str,
    range: &str,
    filter: &Filter,
    kinds: &BTreeSet<&str>,
) -> Markup {
    let custom = filter.since.is_some() || filter.until.is_some() || filter.event.is_some();
    let custom = custom || filter.since_problem || filter.until_problem;
    let (since, until) = (filter.since.map(time::input_value), filter.until.map(time::input_value));
    let chosen = filter.kind.as_ref().map(EventType::as_str);
    html! {
        form.filter-form method="get" action={ (path) "#deliveries" } role="search" aria-label="Filter deliveries" {
            input type="hidden" name="range" value=(range);
            div.filters {
                div {
                    label for="filter-status" { "Status" }
                    select #filter-status name="status" {
                        option value="" { "Any" }
                        @for status in DeliveryStatus::ALL {
                            option value=(status.as_str()) selected[filter.status == Some(status)] { (words::status(status)) }
                        }
                    }
                }
                div {
                    label for="filter-type" { "Event" }
                    select #filter-type name="type" {
                        option value="" { "Any" }
                        @for kind in kinds { option value=(kind) selected[chosen == Some(*kind)] { (kind) } }
                        @if let Some(other) = chosen.filter(|kind| !kinds.contains(kind)) {
                            option value=(other) selected { (other) }
                        }
                    }
                }
                div {
                    label for="filter-within" { "Time" }
                    select #filter-within name="within" {
                        option value="" { "All 30 days" }
                        @for span in SPANS {
                            option value=(span.word) selected[filter.within == Some(span)] { (span.label.replacen("the l", "L", 1)) }
                        }
                    }
                }
                div.actions {
                    button.button.plain type="submit" { "Filter" }
                    @if !filter.is_empty() { a.button.quiet href={ (path) "?range=" (range) "#deliveries" } { "Clear" } }
                }
            }
            details.more-filters open[custom] {
                summary { "Exact times, or one event" }
                div.filters {
                    (moment("since", "From (UTC)", since.as_deref(), filter.since_problem))
                    (moment("until", "Before (UTC)", until.as_deref(), filter.until_problem))
                    div.wide {
                        label for="filter-event" { "Event id" }
                        input #filter-event type="search" name="event" value=[filter.event.as_deref()] placeholder="evt_…"
                            autocomplete="off" spellcheck="false" maxlength="80" aria-describedby="filter-event-hint";
                    }
                }
                p.hint #filter-event-hint {
                    "An exact time goes before the choice above. With an event id, only its deliveries are shown. "
                    "It is now " (time::exact(visit.now)) "."
                }
            }
        }
    }
}

fn moment(name: &str, label: &str, value: Option<&str>, problem: bool) -> Markup {
    let id = format!("filter-{name}");
    let problems =
        if problem { vec!["This is not a time, so it was left out".to_owned()] } else { Vec::new() };
    html! {
        div {
            label for=(id) { (label) }
            input id=(id) type="datetime-local" name=(name) value=[value]
                aria-invalid=[problem.then_some("true")] aria-describedby={ (id) "-problem" };
            (field_errors(&id, &problems))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Filter {
        Filter::read(|name| {
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            pairs.find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.into_owned())
        })
    }

    #[test]
    fn what_is_read_is_written_back() {
        for query in [
            "",
            "status=dropped",
            "status=failed&type=order.created&within=24h",
            "since=2026-05-27T13%3A45%3A00.000Z&until=2026-05-27T14%3A00%3A00.000Z",
            "event=evt_1%2B2",
        ] {
            assert_eq!(read(query).query(), query);
        }
    }

    #[test]
    fn what_makes_no_sense_is_left_out() {
        assert!(read("status=lost&type=Order&within=9y&cursor=x").is_empty());
        let odd = read("since=yesterday&until=2026-05-27T14:00");
        assert!(odd.since.is_none() && odd.since_problem && odd.until.is_some() && !odd.until_problem);
    }

    #[test]
    fn an_exact_time_goes_before_a_preset_and_a_walk_keeps_its_window() {
        let now = Timestamp::from_millis(1_779_889_500_000);
        assert_eq!(read("within=1h&since=2026-05-27T13:00").within, None);
        let fixed = read("within=1h").fixed(now);
        assert_eq!(fixed.since, Some(now.before(Duration::from_hours(1))));
        assert_eq!(read(&fixed.query()).search(now.after(Duration::from_hours(5))), fixed.search(now));
    }

    use std::time::Duration;
}
