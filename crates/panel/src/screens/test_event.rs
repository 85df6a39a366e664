//! Sending an example, to see that the endpoint takes it.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::Redirect;
use maud::{Markup, html};
use sellvik_domain::{EventType, Webhook};
use serde_json::json;

use super::webhook_place::path;
use crate::PanelParts;
use crate::components::form;
use crate::form::Posted;
use crate::refusal::Refusal;
use crate::visit::Visit;

/// The form: the types it subscribes to first, then `known` ones.
pub(crate) fn card(visit: &Visit, webhook: &Webhook, known: &BTreeSet<&str>) -> Markup {
    let subscribed: Vec<&str> = webhook.events.iter().map(EventType::as_str).collect();
    let others: Vec<&str> = known.iter().copied().filter(|name| !subscribed.contains(name)).collect();
    let fields = html! {
        div.field {
            label for="test-type" { "Event" }
            select #test-type name="event" aria-describedby="test-words" {
                optgroup label="Sent to this webhook" { @for name in &subscribed { option value=(name) { (name) } } }
                @if !others.is_empty() {
                    optgroup label="Other events" { @for name in &others { option value=(name) { (name) } } }
                }
            }
        }
        button.button.plain type="submit" { "Send test" }
    };
    html! {
        section.card aria-labelledby="test-title" {
            h2 #test-title { "Send a test" }
            p.hint #test-words {
                "Sends an example, signed like any other and marked as a test. It is tried once"
                @if !webhook.enabled { ", also while the webhook is disabled" }
                "."
            }
            (form(visit, &path(visit, webhook, "/test"), "test-form", &fields))
        }
    }
}

pub(crate) async fn send(
    State(panel): State<PanelParts>,
    Posted { visit, fields }: Posted,
) -> Result<Redirect, Refusal> {
    let id = panel.actions.webhook_writable(visit.admin(), visit.id("id")).await?;
    let body = json!({"event": fields.one("event")}).to_string();
    let test = panel.actions.webhook_test(visit.admin(), id, body.as_bytes()).await?;
    Ok(Redirect::to(&visit.path(&format!("/webhooks/{id}/deliveries/{}?done=test", test.delivery.id))))
}
