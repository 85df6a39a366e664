//! The pieces that pages are made of.

use maud::{Markup, html};
use sellvik_actions::Page;
use sellvik_domain::{DeliveryStatus, HourCounts};

use crate::visit::{CSRF_FIELD, Visit};
use crate::words;

/// A form that belongs to this session. `action` is a path of this panel.
pub(crate) fn form(visit: &Visit, action: &str, class: &str, content: &Markup) -> Markup {
    html! {
        form method="post" action=(action) class=(class) novalidate {
            input type="hidden" name=(CSRF_FIELD) value=(visit.csrf());
            (content)
        }
    }
}

/// A button that changes something, as a form of its own; `fields` go with it. `kind` is `primary`,
/// `plain`, `quiet` or `danger`.
pub(crate) fn post_button(
    visit: &Visit,
    action: &str,
    label: &str,
    kind: &str,
    fields: &[(&str, &str)],
) -> Markup {
    form(
        visit,
        action,
        "one-button",
        &html! {
            @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
            button type="submit" class={ "button " (kind) } { (label) }
        },
    )
}

/// A link that looks like a button.
pub(crate) fn link_button(to: &str, label: &str, kind: &str) -> Markup {
    html! { a class={ "button " (kind) } href=(to) { (label) } }
}

/// A page's heading, with what can be done there.
pub(crate) fn heading(title: &Markup, actions: &Markup) -> Markup {
    html! {
        div.heading {
            h1 { (title) }
            div.actions { (actions) }
        }
    }
}

/// What just happened, or what needs a look. `kind` is `good`, `bad` or `note`.
pub(crate) fn notice(kind: &str, content: &Markup) -> Markup {
    let role = if kind == "bad" { "alert" } else { "status" };
    html! { div class={ "notice " (kind) } role=(role) { (content) } }
}

/// A delivery's status, told by its word and its shape as well as by its colour.
pub(crate) fn status_badge(status: DeliveryStatus) -> Markup {
    html! { span class={ "badge " (status.as_str()) } { (words::status(status)) } }
}

/// Whether a webhook is on.
pub(crate) fn enabled_badge(enabled: bool) -> Markup {
    html! {
        @if enabled { span.badge.on { "Enabled" } } @else { span.badge.off { "Disabled" } }
    }
}

/// Attempts of a day as one bar: what succeeded, and what failed.
pub(crate) fn health_bar(day: &HourCounts) -> Markup {
    let (succeeded, failed) = (u64::from(day.succeeded), u64::from(day.failed));
    let all = succeeded + failed;
    if all == 0 {
        return html! { span.health-none { "No deliveries in 24 h" } };
    }
    // A single failure among many is still seen.
    let failed_width = (failed * 100).div_ceil(all);
    html! {
        span.health {
            svg viewBox="0 0 100 6" preserveAspectRatio="none" role="img"
                aria-label={ (succeeded) " succeeded, " (failed) " failed in 24 h" } {
                rect.ok x="0" y="0" width=(100 - failed_width) height="6" {}
                rect.bad x=(100 - failed_width) y="0" width=(failed_width) height="6" {}
            }
            span.health-words aria-hidden="true" {
                (succeeded) " ok"
                @if failed > 0 { ", " strong { (failed) " failed" } }
            }
        }
    }
}

/// The problems of one field, tied to it by `id`.
pub(crate) fn field_errors(id: &str, problems: &[String]) -> Markup {
    html! {
        p.problem id={ (id) "-problem" } aria-live="polite" {
            @for problem in problems { span { (sentence(problem)) } }
        }
    }
}

/// What `aria-invalid` says.
pub(crate) fn invalid(problems: &[String]) -> Option<&'static str> {
    (!problems.is_empty()).then_some("true")
}

/// The API's words as a sentence of their own.
pub(crate) fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first: String = letters.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    let end = if words.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

/// The way to the next page of a list; `query` is what filters it.
pub(crate) fn next_page<T>(page: &Page<T>, path: &str, query: &str) -> Markup {
    html! {
        @if let Some(cursor) = &page.next_cursor {
            nav.more aria-label="Pages" {
                a.button.plain href={ (path) "?" (query) @if !query.is_empty() { "&" } "cursor=" (cursor) } { "Older" }
            }
        }
    }
}

/// Text to copy: a field that selects itself, and a button where there is a script.
pub(crate) fn copyable(id: &str, label: &str, text: &str) -> Markup {
    html! {
        div.copyable {
            label for=(id) { (label) }
            div.copy-row {
                input #(id) type="text" readonly value=(text) spellcheck="false" autocomplete="off";
                button.button.plain type="button" data-copy=(id) hidden { "Copy" }
            }
        }
    }
}

/// A block of code with a button to copy it where there is a script.
pub(crate) fn code_block(id: &str, code: &str) -> Markup {
    html! {
        div.code {
            button.button.plain type="button" data-copy=(id) hidden { "Copy" }
            pre tabindex="0" { code #(id) { (code) } }
        }
    }
}
