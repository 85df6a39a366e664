//! The form of a webhook, the same for a new one and for one that is there already.

use maud::{Markup, html};

use super::event_picker;
use super::webhook_draft::{Draft, Event, Problems};
use crate::components::{field_errors, form, invalid, link_button, sentence};
use crate::visit::Visit;

/// What tells one use of the form from the other.
pub(crate) struct Use<'a> {
    /// Where it goes, and the page without it.
    pub(crate) action: &'a str,
    /// What its button says.
    pub(crate) submit: &'a str,
    /// Where it leads if nothing is to be done.
    pub(crate) back: &'a str,
}

pub(crate) fn webhook_form(visit: &Visit, used: &Use<'_>, draft: &Draft, catalogue: &[Event<'_>]) -> Markup {
    let content = html! {
        // The Enter key presses the first button of a form.
        button.visually-hidden type="submit" name="step" value="enter" tabindex="-1" aria-hidden="true" data-step { "Go on" }
        section.card {
            (url(visit, draft))
            (name(draft))
        }
        (event_picker::picker(draft, catalogue))
        div.save-bar {
            (event_picker::count(draft, catalogue))
            div.actions {
                (link_button(used.back, "Cancel", "quiet"))
                button.button.primary type="submit" name="step" value="save" { (used.submit) }
            }
        }
    };
    html! {
        (summary(&draft.problems))
        (form(visit, used.action, "webhook-form", &content))
    }
}

/// Every problem in one place, each a link to its field; takes the focus where there is a script.
fn summary(problems: &Problems) -> Markup {
    let all = problems.all();
    html! {
        @if !all.is_empty() {
            div.notice.bad.summary role="alert" tabindex="-1" data-focus {
                p { strong { "Nothing was saved yet." } " Please look at this again:" }
                ul {
                    @for (field, label, problem) in all {
                        li {
                            @if field.is_empty() { (sentence(problem)) }
                            @else { a href={ "#" (field) } { (label) ": " (problem) } }
                        }
                    }
                }
            }
        }
    }
}

fn url(visit: &Visit, draft: &Draft) -> Markup {
    let problems = &draft.problems.url;
    html! {
        div.field {
            label for="url" { "Address" }
            p.hint #url-hint {
                "The " code { "https://" } " address of your system that takes the messages by POST, such as "
                code { "https://erp.example.com/sellvik-webhook" } "."
                @if visit.shop().dev { " This is a dev shop, so " code { "http://" } " works as well." }
            }
            input #url type="url" name="url" value=(draft.url) required autocomplete="off" autocapitalize="none"
                spellcheck="false" aria-describedby="url-hint url-problem" aria-invalid=[invalid(problems)]
                data-check=(visit.path("/check-url"));
            (field_errors("url", problems))
        }
    }
}

fn name(draft: &Draft) -> Markup {
    let problems = &draft.problems.name;
    html! {
        div.field {
            label for="name" { "Name " span.optional { "(optional)" } }
            p.hint #name-hint { "What you call it, so that you can tell your webhooks apart." }
            input #name type="text" name="name" value=(draft.name) maxlength="200" autocomplete="off"
                aria-describedby="name-hint name-problem" aria-invalid=[invalid(problems)];
            (field_errors("name", problems))
        }
    }
}
