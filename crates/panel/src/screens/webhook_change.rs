//! Turning a webhook off and on, and taking it away.

use axum::extract::State;
use axum::response::{Html, Redirect};
use maud::{Markup, html};
use sellvik_domain::Webhook;
use serde_json::json;

use super::webhook_list::title;
use super::webhook_place::{crumbs, path};
use crate::PanelParts;
use crate::components::{heading, link_button, post_button};
use crate::form::Posted;
use crate::layout::{Part, page};
use crate::refusal::Refusal;
use crate::visit::Visit;

/// What may be done to a webhook, each with what it means.
pub(crate) fn card(visit: &Visit, webhook: &Webhook) -> Markup {
    html! {
        section.card.changes aria-labelledby="changes-title" {
            h2 #changes-title { "Pause or delete" }
            div.change {
                @if webhook.enabled {
                    p {
                        "Disabling stops all sending at once. Events that happen meanwhile are not sent later; deliveries "
                        "already waiting go on when you enable it again, while their 24 hours last."
                    }
                    (post_button(visit, &path(visit, webhook, "/disable"), "Disable", "plain", &[]))
                } @else {
                    p { "Enabling sends new events again, and goes on with what is still waiting." }
                    (post_button(visit, &path(visit, webhook, "/enable"), "Enable", "primary", &[]))
                }
            }
            div.change {
                p { "Deleting ends this webhook for good. You are asked once more." }
                (link_button(&path(visit, webhook, "/delete"), "Delete…", "danger"))
            }
        }
    }
}

pub(crate) async fn enable(State(panel): State<PanelParts>, posted: Posted) -> Result<Redirect, Refusal> {
    switch(&panel, &posted.visit, true).await
}

pub(crate) async fn disable(State(panel): State<PanelParts>, posted: Posted) -> Result<Redirect, Refusal> {
    switch(&panel, &posted.visit, false).await
}

async fn switch(panel: &PanelParts, visit: &Visit, enabled: bool) -> Result<Redirect, Refusal> {
    let id = panel.actions.webhook_writable(visit.admin(), visit.id("id")).await?;
    let body = json!({"enabled": enabled}).to_string();
    let webhook = panel.actions.webhook_update(visit.admin(), id, body.as_bytes()).await?;
    let done = if enabled { "?done=enabled" } else { "?done=disabled" };
    Ok(Redirect::to(&path(visit, &webhook, done)))
}

pub(crate) async fn confirm_delete(
    State(panel): State<PanelParts>,
    visit: Visit,
) -> Result<Html<String>, Refusal> {
    let webhook = panel.actions.webhook_get(visit.admin(), visit.id("id")).await?;
    panel.actions.webhook_writable(visit.admin(), visit.id("id")).await?;
    let content = html! {
        (heading(&html! { "Delete this webhook?" }, &html! {}))
        section.card {
            dl.facts {
                dt { "Webhook" }
                dd { (title(&webhook)) }
                dt { "Sends to" }
                dd { code { (webhook.url.as_sent()) } }
            }
        }
        ul.plain-words {
            li { "No new events are sent to it from now on." }
            @if webhook.enabled {
                li { "Deliveries on their way are tried for five more minutes, then given up." }
            } @else {
                li { "It is disabled, so deliveries that wait are not tried any more, and given up in five minutes." }
            }
            li { "Its history can no longer be seen here." }
            li { "The address can be registered again at once, and gets a new secret then." }
            li { strong { "This cannot be undone." } @if webhook.enabled { " To pause it, disable it instead." } }
        }
        div.actions {
            (post_button(&visit, &path(&visit, &webhook, "/delete"), "Delete webhook", "danger", &[]))
            (link_button(&path(&visit, &webhook, ""), "Keep it", "plain"))
        }
    };
    Ok(page(&visit, Part::Webhooks, "Delete", &crumbs(&visit, &webhook), &content))
}

pub(crate) async fn delete(State(panel): State<PanelParts>, posted: Posted) -> Result<Redirect, Refusal> {
    let visit = &posted.visit;
    panel.actions.webhook_delete(visit.admin(), visit.id("id")).await?;
    Ok(Redirect::to(&visit.path("?done=deleted")))
}
