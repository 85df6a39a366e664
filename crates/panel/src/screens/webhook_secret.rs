//! The one page on which a webhook's secret stands: where to put it, and how to verify with it.

use axum::response::Html;
use maud::{Markup, html};
use sellvik_actions::{Created, Rotated};
use sellvik_domain::{Capability, WebhookId, WebhookSecret};

use super::webhook_list;
use crate::components::{code_block, copyable, heading, link_button, notice};
use crate::layout::{Crumb, Part, page};
use crate::visit::Visit;
use crate::{snippets, time};

/// What a receiver calls the secret; so do the snippets.
const VARIABLE: &str = "SELLVIK_WEBHOOK_SECRET";

/// Of a webhook just registered.
pub(crate) fn of_new(visit: &Visit, created: &Created) -> Html<String> {
    let own = own(visit, created.webhook.id);
    let content = html! {
        (heading(&html! { "Your webhook is ready" }, &html! {}))
        (secret(&created.secret, &html! {}))
        (verifying())
        section.card aria-labelledby="next" {
            h2 #next { "What to do next" }
            ol.steps {
                li { "Put the secret where your system can read it, and the code in front of what it does." }
                li { "Send a test event from the webhook's page. It is signed like any other." }
                li { "See there what was sent and what your system answered, for every delivery." }
            }
            (onward(visit, &own))
        }
    };
    page(
        visit,
        Part::Webhooks,
        "Your webhook is ready",
        &crumbs(visit, &own, webhook_list::title(&created.webhook)),
        &content,
    )
}

/// Of a webhook whose secret was replaced. `name` is what the webhook is called, if the session may read that.
pub(crate) fn of_rotated(visit: &Visit, id: WebhookId, name: &str, rotated: &Rotated) -> Html<String> {
    let own = own(visit, id);
    let when = html! {
        @if rotated.active_from <= visit.now {
            p {
                strong { "It signs from now on." }
                " What your system turns away before it has the new secret, you can send again from the webhook's page."
            }
        } @else {
            p { strong { "It signs from " (time::moment(rotated.active_from)) "." } " Until then the old one goes on." }
        }
        p {
            "The header " code { "webhook-signature" } " carries the signatures of both until a day after that."
        }
    };
    let content = html! {
        (heading(&html! { "Your new secret" }, &html! {}))
        (secret(&rotated.secret, &when))
        (verifying())
        div.actions { (onward(visit, &own)) }
    };
    page(visit, Part::Webhooks, "Your new secret", &crumbs(visit, &own, name), &content)
}

fn secret(secret: &WebhookSecret, when: &Markup) -> Markup {
    html! {
        (notice("note", &html! {
            strong { "Copy the secret now." }
            " It is shown this once. If it gets lost, you can replace it, but nobody can show it again."
        }))
        section.card {
            (copyable("secret", "Secret", secret.reveal()))
            (when)
            p {
                "Your system needs it to tell our messages from anyone else's. Keep it in an environment variable, "
                "for example " code { (VARIABLE) } ", or where it keeps its passwords; never in its code."
            }
        }
    }
}

fn verifying() -> Markup {
    html! {
        section.card aria-labelledby="verify" {
            h2 #verify { "Verify what comes" }
            p {
                "Every message carries a signature in the header " code { "X-Sellvik-Signature" }
                ". These are complete receivers that check it before they do anything:"
            }
            @for (index, snippet) in snippets::ALL.iter().enumerate() {
                details.snippet name="snippet" open[index == 0] {
                    summary { (snippet.label) " " code.muted { (snippet.file) } }
                    (code_block(&format!("code-{}", snippet.id), snippet.code))
                }
            }
        }
    }
}

fn onward(visit: &Visit, own: &str) -> Markup {
    html! {
        @if visit.may(Capability::Read) { (link_button(own, "I have copied it", "primary")) }
        @else { (link_button(&visit.path(""), "I have copied it", "primary")) }
    }
}

fn own(visit: &Visit, id: WebhookId) -> String {
    visit.path(&format!("/webhooks/{id}"))
}

fn crumbs(visit: &Visit, own: &str, name: &str) -> Vec<Crumb> {
    let mut crumbs = vec![Crumb::new("Webhooks", visit.path(""))];
    if visit.may(Capability::Read) {
        crumbs.push(Crumb::new(name, own.to_owned()));
    }
    crumbs
}
