//! All of a shop's webhooks: what each is for, and how it is doing.

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::State;
use axum::response::Html;
use maud::{Markup, html};
use sellvik_actions::Page;
use sellvik_domain::{Capability, HourCounts, Name, Webhook, WebhookId};

use crate::components::{enabled_badge, heading, health_bar, link_button, next_page, notice};
use crate::layout::{Part, page};
use crate::refusal::Refusal;
use crate::visit::Visit;
use crate::{PanelParts, time, words};

/// How far back health is told.
const DAY: Duration = Duration::from_hours(24);

/// Failed attempts in a row that are worth a banner: more than a hiccup.
const FAILING_FROM: u32 = 3;

pub(crate) async fn show(State(panel): State<PanelParts>, visit: Visit) -> Result<Html<String>, Refusal> {
    let cursor = visit.parameter("cursor").map(|cursor| format!("cursor={cursor}"));
    let webhooks = panel.actions.webhook_list(visit.admin(), &cursor.unwrap_or_default()).await?;
    let ids: Vec<WebhookId> = webhooks.items.iter().map(|webhook| webhook.id).collect();
    let hours = panel.actions.webhook_hours(visit.admin(), &ids, visit.now.before(DAY)).await?;
    let day: HashMap<WebhookId, HourCounts> = hours
        .into_iter()
        .map(|(id, hours)| (id, hours.iter().fold(HourCounts::default(), |sum, hour| sum.plus(&hour.counts))))
        .collect();
    let may_write = visit.may(Capability::Write);
    let new =
        html! { @if may_write { (link_button(&visit.path("/webhooks/new"), "New webhook", "primary")) } };
    let content = html! {
        (heading(&html! { "Webhooks" }, &new))
        @match visit.parameter("done").as_deref() {
            Some("deleted") => (notice("good", &html! { "The webhook was deleted. What was on its way is tried for five more minutes." })),
            _ => {}
        }
        @if webhooks.items.is_empty() { (empty(&visit, may_write)) } @else {
            (troubles(&visit, &webhooks.items, &day))
            (table(&visit, &webhooks, &day))
        }
    };
    Ok(page(&visit, Part::Webhooks, "Webhooks", &[], &content))
}

fn empty(visit: &Visit, may_write: bool) -> Markup {
    html! {
        section.empty {
            h2 { "Tell your other systems what happens in your shop" }
            p {
                "A webhook sends a signed message to an address of yours the moment something happens: an order \
                 is placed, stock runs low, a customer signs up. Your ERP, your warehouse or a script of your own \
                 receives it within milliseconds."
            }
            @if may_write {
                ol {
                    li { "Enter the address that should receive the messages." }
                    li { "Choose the events it wants to hear of." }
                    li { "Copy the secret it verifies them with, and send a test." }
                }
                (link_button(&visit.path("/webhooks/new"), "Create your first webhook", "primary"))
            }
        }
    }
}

/// What a merchant should see first: webhooks that keep failing, and what was lost to them.
fn troubles(visit: &Visit, webhooks: &[Webhook], day: &HashMap<WebhookId, HourCounts>) -> Markup {
    let dropped = |webhook: &Webhook| day.get(&webhook.id).map_or(0, |day| day.dropped);
    let failing =
        webhooks.iter().filter(|one| dropped(one) > 0 || (one.enabled && one.failure_count >= FAILING_FROM));
    html! {
        @for webhook in failing {
            (notice("bad", &html! {
                strong { (title(webhook)) }
                @if webhook.enabled && webhook.failure_count >= FAILING_FROM {
                    " has failed " (webhook.failure_count) " times in a row."
                }
                @if dropped(webhook) > 0 {
                    " " (words::count(u64::from(dropped(webhook)), "delivery").replace("deliverys", "deliveries"))
                    " given up in the last 24 hours."
                }
                " " a href=(visit.path(&format!("/webhooks/{}", webhook.id))) { "See what went wrong" }
            }))
        }
    }
}

fn table(visit: &Visit, webhooks: &Page<Webhook>, day: &HashMap<WebhookId, HourCounts>) -> Markup {
    html! {
        table.list {
            caption.visually-hidden { "Your webhooks" }
            thead { tr {
                th scope="col" { "Endpoint" }
                th scope="col" { "Events" }
                th scope="col" { "Last 24 hours" }
                th scope="col" { "Last delivery" }
                th scope="col" { "Status" }
            } }
            tbody {
                @for webhook in &webhooks.items { (row(visit, webhook, day.get(&webhook.id).copied().unwrap_or_default())) }
            }
        }
        (next_page(webhooks, &visit.path(""), ""))
    }
}

fn row(visit: &Visit, webhook: &Webhook, day: HourCounts) -> Markup {
    html! {
        tr {
            th scope="row" data-label="Endpoint" {
                a.main-link href=(visit.path(&format!("/webhooks/{}", webhook.id))) { (title(webhook)) }
                span.sub { (webhook.url.as_sent()) }
            }
            td data-label="Events" { (events(webhook)) }
            td data-label="Last 24 hours" {
                (health_bar(&day))
                @if webhook.failure_count > 0 {
                    span.sub.warn { (words::count(u64::from(webhook.failure_count), "failure")) " in a row" }
                }
            }
            td data-label="Last delivery" {
                @match webhook.last_delivery_at {
                    Some(at) => (time::ago(at, visit.now)),
                    None => span.muted { "never" },
                }
            }
            td data-label="Status" { (enabled_badge(webhook.enabled)) }
        }
    }
}

fn events(webhook: &Webhook) -> Markup {
    const SHOWN_MAX: usize = 2;
    let more = webhook.events.len().saturating_sub(SHOWN_MAX);
    html! {
        @for event in webhook.events.iter().take(SHOWN_MAX) { code.event { (event.as_str()) } " " }
        @if more > 0 { span.muted { "+" (more) " more" } }
    }
}

/// Its name, or where it goes.
pub(crate) fn title(webhook: &Webhook) -> &str {
    webhook
        .name
        .as_ref()
        .map(Name::as_str)
        .filter(|name| !name.trim().is_empty())
        .unwrap_or(webhook.url.host_text())
}
