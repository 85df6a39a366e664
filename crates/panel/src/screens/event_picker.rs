//! Choosing events: by family, by searching, one by one. What a search hides stays in the form as it was.

use maud::{Markup, html};

use super::webhook_draft::{Draft, Event};
use crate::components::{field_errors, invalid};

/// Longest example that is shown whole, in bytes: some screens of it. Built-in ones are far shorter.
const EXAMPLE_BYTES_MAX: usize = 8 << 10;

pub(crate) fn picker(draft: &Draft, catalogue: &[Event<'_>]) -> Markup {
    let problems = &draft.problems.events;
    let none_shown = !catalogue.iter().any(|event| event.matches(&draft.search));
    html! {
        fieldset.picker #events tabindex="-1" aria-describedby="events-hint events-problem"
            aria-invalid=[invalid(problems)] {
            legend { "Events" }
            p.hint #events-hint { "Choose what your system should hear of. Everything else is not sent to it." }
            (field_errors("events", problems))
            (search(draft))
            p.no-match #no-match role="status" {
                span hidden[!none_shown] { "No event has these words. What you have chosen stays chosen." }
            }
            div.families {
                (strangers(draft, catalogue))
                @for family in families(catalogue) { (family_of(draft, &family)) }
            }
        }
    }
}

/// How many are chosen; the script keeps it true.
pub(crate) fn count(draft: &Draft, catalogue: &[Event<'_>]) -> Markup {
    let all = catalogue.len() + draft.strangers(catalogue).len();
    html! { p.count #count role="status" { strong { (draft.chosen.len()) } " of " (all) " events chosen" } }
}

fn search(draft: &Draft) -> Markup {
    html! {
        div.event-search role="search" {
            label.visually-hidden for="search" { "Search events" }
            input #search type="search" name="search" value=(draft.search) maxlength="100" autocomplete="off"
                placeholder="Search events, such as refund" data-search;
            input type="hidden" name="searched" value=(draft.search);
            button.button.plain type="submit" name="step" value="search" data-step data-plain { "Search" }
            @if !draft.search.is_empty() {
                button.button.quiet type="submit" name="step" value="clear" data-step data-plain { "Show all" }
            }
        }
    }
}

/// The catalogue's events by family, families in the order of their first.
fn families<'a>(catalogue: &[Event<'a>]) -> Vec<Vec<Event<'a>>> {
    let mut families: Vec<Vec<Event<'a>>> = Vec::new();
    for event in catalogue {
        match families.iter_mut().find(|family| family[0].family == event.family) {
            Some(family) => family.push(*event),
            None => families.push(vec![*event]),
        }
    }
    families
}

fn family_of(draft: &Draft, events: &[Event<'_>]) -> Markup {
    let family = events.first().map_or("", |event| event.family);
    let shown = events.iter().any(|event| event.matches(&draft.search));
    html! {
        fieldset.card.family hidden[!shown] data-family {
            legend { (family) }
            @if events.len() > 1 {
                div.family-all {
                    button.link type="submit" name="step" value={ "all:" (family) } data-step data-all {
                        "Select all" span.visually-hidden { " of " (family) }
                    }
                    button.link type="submit" name="step" value={ "none:" (family) } data-step data-none {
                        "Clear" span.visually-hidden { " " (family) }
                    }
                }
            }
            @for event in events { (row(draft, event)) }
        }
    }
}

fn row(draft: &Draft, event: &Event<'_>) -> Markup {
    html! {
        div.pick hidden[!event.matches(&draft.search)] data-event {
            label.check {
                input type="checkbox" name="events" value=(event.name) checked[draft.has(event.name)];
                span { b.mono { (event.name) } (event.description) }
            }
            details {
                summary { "Example" span.visually-hidden { " of " (event.name) } }
                pre tabindex="0" { code { (example(event)) } }
            }
        }
    }
}

/// What a webhook hears of that has left the catalogue: it can only be unchosen.
fn strangers(draft: &Draft, catalogue: &[Event<'_>]) -> Markup {
    let strangers = draft.strangers(catalogue);
    html! {
        @if !strangers.is_empty() {
            fieldset.card.family {
                legend { "No longer offered" }
                @for name in strangers {
                    label.check {
                        input type="checkbox" name="events" value=(name) checked;
                        span { b.mono { (name) } "This event is not sent any more." }
                    }
                }
            }
        }
    }
}

fn example(event: &Event<'_>) -> String {
    let mut text = serde_json::to_string_pretty(event.example).unwrap_or_default();
    if text.len() > EXAMPLE_BYTES_MAX {
        let end = (0..=EXAMPLE_BYTES_MAX).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(end);
        text.push_str("\n…");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn event<'a>(name: &'a str, family: &'a str, example: &'a Value) -> Event<'a> {
        Event { name, family, description: "Something happened.", example }
    }

    #[test]
    fn what_a_search_hides_is_still_sent() {
        let example = Value::Null;
        let catalogue = [event("a.one", "A", &example), event("b.two", "B", &example)];
        let chosen = vec!["a.one".to_owned(), "b.two".to_owned()];
        let draft = Draft { search: "two".to_owned(), chosen, ..Draft::default() };
        let page = picker(&draft, &catalogue).into_string();
        assert_eq!(page.matches("type=\"checkbox\"").count(), 2);
        assert_eq!(page.matches(" checked").count(), 2);
        assert_eq!(page.matches("data-event").count(), 2);
        assert_eq!(page.matches("class=\"pick\" hidden").count(), 1);
        assert!(count(&draft, &catalogue).into_string().contains("<strong>2</strong> of 2"));
    }

    #[test]
    fn families_stand_together_wherever_their_events_are() {
        let example = Value::Null;
        let catalogue =
            [event("a.one", "A", &example), event("b.two", "B", &example), event("c.three", "A", &example)];
        let families = families(&catalogue);
        let names: Vec<Vec<&str>> =
            families.iter().map(|family| family.iter().map(|event| event.name).collect()).collect();
        assert_eq!(names, [vec!["a.one", "c.three"], vec!["b.two"]]);
    }

    #[test]
    fn whatever_text_comes_is_text() {
        let example = json!({"</code><script>": "\"'<img onerror=x>"});
        let evil = "\"><script>alert(1)</script>";
        let catalogue = [Event { name: "a.one", family: evil, description: evil, example: &example }];
        let problems =
            super::super::webhook_draft::Problems { events: vec![evil.to_owned()], ..Default::default() };
        let draft =
            Draft { search: evil.to_owned(), chosen: vec![evil.to_owned()], problems, ..Draft::default() };
        let page = picker(&draft, &catalogue).into_string();
        assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
    }

    #[test]
    fn a_long_example_is_cut_between_characters() {
        let example = json!("ş".repeat(EXAMPLE_BYTES_MAX));
        let text = super::example(&event("a.one", "A", &example));
        assert!(text.ends_with("ş\n…") && text.len() < EXAMPLE_BYTES_MAX + 8);
    }
}
