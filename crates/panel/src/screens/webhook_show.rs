//! One webhook: what it is, how it does, what it was sent.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::Html;
use maud::{Markup, html};
use sellvik_actions::CatalogEntry;
use sellvik_domain::{Capability, EventType, HOUR, HourCounts, Webhook, WebhookHour};

use super::delivery_filter::{self, Filter};
use super::delivery_list::{self, Listing};
use super::webhook_charts::{self, Range};
use super::webhook_list::title;
use super::webhook_place::path;
use super::{test_event, webhook_change};
use crate::components::{enabled_badge, heading, link_button, notice};
use crate::layout::{Crumb, Part, page};
use crate::refusal::Refusal;
use crate::visit::Visit;
use crate::{PanelParts, chart, time};

/// Failed attempts in a row that are worth a banner: more than a hiccup.
const FAILING_FROM: u32 = 3;

pub(crate) async fn show(State(panel): State<PanelParts>, visit: Visit) -> Result<Html<String>, Refusal> {
    let webhook = panel.actions.webhook_get(visit.admin(), visit.id("id")).await?;
    let range = Range::of(visit.parameter("range").as_deref());
    let since = visit.now.before(HOUR * (Range::Week.hours() - 1));
    let counted = panel.actions.webhook_hours(visit.admin(), &[webhook.id], since).await?;
    let counted =
        counted.into_iter().find(|(id, _)| *id == webhook.id).map_or_else(Vec::new, |(_, hours)| hours);
    let filter = Filter::read(|name| visit.parameter(name));
    let listing = delivery_list::load(&panel, &visit, &webhook, filter.clone()).await?;
    let known: BTreeSet<&str> = panel.actions.catalogue().map(CatalogEntry::name).collect();
    let hours = chart::hours(&counted, visit.now, range.hours());
    let other = other_range(&visit, &webhook, range, &filter);
    let content = html! {
        (head(&visit, &webhook))
        (done(visit.parameter("done").as_deref()))
        (troubles(&visit, &webhook, &counted))
        div.columns.uneven {
            (facts(&visit, &webhook))
            @if visit.may(Capability::Write) { (test_event::card(&visit, &webhook, &known)) }
        }
        (webhook_charts::charts(&hours, range, &other))
        (deliveries(&visit, &webhook, range, &filter, &listing, &known))
        @if visit.may(Capability::Write) { (webhook_change::card(&visit, &webhook)) }
    };
    let crumbs = [Crumb::new("Webhooks", visit.path(""))];
    Ok(page(&visit, Part::Webhooks, title(&webhook), &crumbs, &content))
}

fn head(visit: &Visit, webhook: &Webhook) -> Markup {
    let actions = html! {
        @if visit.may(Capability::Write) {
            (link_button(&path(visit, webhook, "/redeliver"), "Send again…", "plain"))
            (link_button(&path(visit, webhook, "/edit"), "Edit", "primary"))
        }
    };
    heading(&html! { (title(webhook)) " " (enabled_badge(webhook.enabled)) }, &actions)
}

fn done(word: Option<&str>) -> Markup {
    let sentence = match word {
        Some("created") => "The webhook was created.",
        Some("saved") => "The changes were saved. They hold for every attempt from now on.",
        Some("enabled") => "The webhook is enabled. Deliveries that waited go on now.",
        Some("disabled") => "The webhook is disabled. Nothing is sent until you enable it again.",
        _ => return html! {},
    };
    notice("good", &html! { (sentence) })
}

/// What a merchant should see first.
fn troubles(visit: &Visit, webhook: &Webhook, counted: &[WebhookHour]) -> Markup {
    let day = chart::hours(counted, visit.now, Range::Day.hours());
    let dropped = day.iter().fold(HourCounts::default(), |sum, hour| sum.plus(&hour.counts)).dropped;
    html! {
        @if !webhook.enabled {
            (notice("note", &html! {
                p {
                    strong { "This webhook is disabled." }
                    " Events that happen now are not sent to it, also not later. Deliveries that were already waiting "
                    "go on when you enable it, as long as their 24 hours last; after that they are given up."
                }
            }))
        }
        @if webhook.enabled && webhook.failure_count >= FAILING_FROM {
            (notice("bad", &html! {
                p {
                    strong { "This endpoint keeps failing." }
                    " The last " (webhook.failure_count) " attempts failed. Each delivery is tried for "
                    "24 hours before it is given up. "
                    a href={ (path(visit, webhook, "?status=failed")) "#deliveries" } { "See what it answered" }
                }
            }))
        }
        @if dropped > 0 {
            (notice("bad", &html! {
                p {
                    strong {
                        (dropped) @if dropped == 1 { " delivery was" } @else { " deliveries were" }
                        " given up in the last 24 hours."
                    }
                    " "
                    a href={ (path(visit, webhook, "?status=dropped")) "#deliveries" } { "See which" }
                    @if visit.may(Capability::Write) {
                        ", or " a href=(path(visit, webhook, "/redeliver")) { "send them again" } " once the endpoint works"
                    }
                    "."
                }
            }))
        }
    }
}

fn facts(visit: &Visit, webhook: &Webhook) -> Markup {
    html! {
        section.card aria-label="About this webhook" {
            dl.facts {
                dt { "Sends to" }
                dd { code { (webhook.url.as_sent()) } }
                dt { "Events" }
                dd { @for event in &webhook.events { code.event { (event.as_str()) } " " } }
                dt { "Created" }
                dd { (time::moment(webhook.created_at)) }
                dt { "Last delivery" }
                dd {
                    @match webhook.last_delivery_at {
                        Some(at) => (time::ago(at, visit.now)),
                        None => span.muted { "never" },
                    }
                }
                dt { "Failures in a row" }
                dd { (webhook.failure_count) }
                dt { "Webhook id" }
                dd { code { (webhook.id) } }
            }
        }
    }
}

fn deliveries(
    visit: &Visit,
    webhook: &Webhook,
    range: Range,
    filter: &Filter,
    listing: &Listing,
    known: &BTreeSet<&str>,
) -> Markup {
    let here = path(visit, webhook, "");
    let kinds = known.iter().copied().chain(webhook.events.iter().map(EventType::as_str)).collect();
    html! {
        section #deliveries aria-labelledby="deliveries-title" tabindex="-1" {
            div.section-head {
                h2 #deliveries-title { "Deliveries" }
                p.live-note #live-note role="status" aria-live="polite" {}
                a.button.quiet.small data-live-refresh href={ (here) "?" (filter.query()) "#deliveries" } { "Refresh" }
            }
            (delivery_filter::form(visit, &here, range.word(), filter, &kinds))
            (delivery_list::region(visit, webhook, listing))
        }
    }
}

fn other_range(visit: &Visit, webhook: &Webhook, range: Range, filter: &Filter) -> String {
    let other = if range == Range::Day { Range::Week } else { Range::Day };
    let query = filter.query();
    let and = if query.is_empty() { "" } else { "&" };
    path(visit, webhook, &format!("?range={}{and}{query}", other.word()))
}
