//! A webhook's deliveries: what is on its way, what arrived and what did not. On the first page the
//! script asks for the table again every few seconds.

use axum::extract::State;
use axum::response::Html;
use maud::{Markup, html};
use sellvik_actions::{ActionError, Page};
use sellvik_domain::{Attempt, Delivery, DeliveryState, Timestamp, Webhook};

use super::delivery_filter::Filter;
use super::delivery_words;
use crate::components::status_badge;
use crate::refusal::Refusal;
use crate::visit::Visit;
use crate::{PanelParts, time};

/// Deliveries to a page.
const PAGE: &str = "25";

/// Seconds between two looks of the script.
const LIVE_EVERY: &str = "2";

/// One page of deliveries.
pub(crate) struct Listing {
    filter: Filter,
    page: Page<Delivery>,
    /// Looking stopped here, short of a full page.
    back_to: Option<Timestamp>,
    is_first: bool,
}

/// The list alone, for the script.
pub(crate) async fn fragment(State(panel): State<PanelParts>, visit: Visit) -> Result<Html<String>, Refusal> {
    let webhook = panel.actions.webhook_get(visit.admin(), visit.id("id")).await?;
    let listing = load(&panel, &visit, &webhook, Filter::read(|name| visit.parameter(name))).await?;
    Ok(Html(region(&visit, &webhook, &listing).into_string()))
}

pub(crate) async fn load(
    panel: &PanelParts,
    visit: &Visit,
    webhook: &Webhook,
    filter: Filter,
) -> Result<Listing, ActionError> {
    let cursor = visit.parameter("cursor");
    let is_first = cursor.is_none();
    if let Some(event) = &filter.event {
        let items = panel.actions.delivery_of_event(visit.admin(), webhook.id, event).await?;
        return Ok(Listing { filter, page: Page { items, next_cursor: None }, back_to: None, is_first });
    }
    let query = format!("limit={PAGE}&cursor={}", cursor.unwrap_or_default());
    let found =
        panel.actions.delivery_search(visit.admin(), webhook.id, filter.search(visit.now), &query).await?;
    Ok(Listing { filter, page: found.page, back_to: found.back_to, is_first })
}

/// What the script replaces.
pub(crate) fn region(visit: &Visit, webhook: &Webhook, listing: &Listing) -> Markup {
    let path = visit.path(&format!("/webhooks/{}", webhook.id));
    let live = listing.is_first.then(|| format!("{path}/deliveries?{}", listing.filter.query()));
    html! {
        div #delivery-list data-live=[live] data-live-every=(LIVE_EVERY) data-live-noun="delivery|deliveries" {
            @if listing.page.items.is_empty() {
                p.nothing { (nothing(listing)) }
            } @else {
                (table(&path, visit.now, &listing.page.items))
            }
            (further(visit, &path, listing))
        }
    }
}

fn nothing(listing: &Listing) -> &'static str {
    if listing.back_to.is_some() {
        "None found so far."
    } else if listing.filter.event.is_some() {
        "This webhook had no delivery of that event in the last 30 days."
    } else if !listing.filter.is_empty() {
        "No delivery meets these conditions."
    } else if listing.is_first {
        "Nothing was sent yet. The first delivery appears here as soon as one of its events happens, or when you send a test."
    } else {
        "There are no older deliveries."
    }
}

fn further(visit: &Visit, path: &str, listing: &Listing) -> Markup {
    let query = listing.filter.fixed(visit.now).query();
    let to = |cursor: &str| {
        let and = if query.is_empty() { "" } else { "&" };
        format!("{path}?{query}{and}cursor={cursor}#deliveries")
    };
    html! {
        nav.more aria-label="Pages of deliveries" {
            @if !listing.is_first {
                a.button.plain href={ (path) "?" (listing.filter.query()) "#deliveries" } { "Newest" }
            }
            @match (&listing.page.next_cursor, listing.back_to) {
                (Some(cursor), Some(back_to)) => {
                    span.muted { "Searched back to " (time::moment(back_to)) "." }
                    a.button.plain href=(to(cursor)) { "Look further back" }
                }
                (Some(cursor), None) => a.button.plain href=(to(cursor)) { "Older" },
                (None, _) => {}
            }
        }
    }
}

fn table(path: &str, now: Timestamp, deliveries: &[Delivery]) -> Markup {
    html! {
        table.list.deliveries {
            caption.visually-hidden { "Deliveries, newest first" }
            thead { tr {
                th scope="col" { "Status" }
                th scope="col" { "Event" }
                th scope="col" { "Created" }
                th scope="col" { "Attempts" }
                th scope="col" { "Last answer" }
                th scope="col" { "Next attempt" }
            } }
            tbody { @for delivery in deliveries { (row(path, now, delivery)) } }
        }
    }
}

fn row(path: &str, now: Timestamp, delivery: &Delivery) -> Markup {
    html! {
        tr data-key=(delivery.id) data-state=(version(delivery)) {
            td data-label="Status" { (status_badge(delivery.state.status())) }
            th scope="row" data-label="Event" {
                a.main-link href={ (path) "/deliveries/" (delivery.id) } { (delivery.kind.as_str()) }
                @if delivery.test { " " span.tag { "test" } }
                @if delivery.redelivery_of.is_some() { " " span.tag { "sent again" } }
                span.sub.mono { (delivery.event.as_str()) }
            }
            td data-label="Created" { (time::ago(delivery.created_at, now)) }
            td data-label="Attempts" { (delivery.attempts) }
            td data-label="Last answer" { (last_answer(delivery.last.as_ref())) }
            td data-label="Next attempt" { (next(&delivery.state, now)) }
        }
    }
}

/// What a row says besides the time that passes.
fn version(delivery: &Delivery) -> String {
    let due = delivery.state.due().map_or(0, Timestamp::as_millis);
    format!("{}-{}-{due}", delivery.state.status().as_str(), delivery.attempts)
}

fn last_answer(last: Option<&Attempt>) -> Markup {
    html! {
        @match last {
            Some(attempt) => {
                (delivery_words::short(attempt))
                span.sub { (time::duration(attempt.duration_ms)) }
            }
            None => span.muted { "none yet" },
        }
    }
}

fn next(state: &DeliveryState, now: Timestamp) -> Markup {
    html! {
        @match state.due() {
            Some(due) if due > now => (time::ago(due, now)),
            Some(_) => "now",
            None => span.muted { "–" span.visually-hidden { "none" } },
        }
    }
}
