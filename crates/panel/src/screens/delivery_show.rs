//! One delivery: where it stands, what comes next and why, what was sent, what came back.

use axum::extract::State;
use axum::response::{Html, Redirect};
use maud::{Markup, html};
use sellvik_actions::DeliveryDetail;
use sellvik_domain::{Capability, Delivery, DeliveryState, Timestamp, Webhook};

use super::webhook_place::{crumbs, path};
use super::{delivery_attempts, delivery_request, delivery_words};
use crate::components::{heading, notice, post_button, status_badge};
use crate::form::Posted;
use crate::layout::{Part, page};
use crate::refusal::Refusal;
use crate::visit::Visit;
use crate::{PanelParts, time, words};

pub(crate) async fn show(State(panel): State<PanelParts>, visit: Visit) -> Result<Html<String>, Refusal> {
    let webhook = panel.actions.webhook_get(visit.admin(), visit.id("id")).await?;
    let detail = panel.actions.delivery_get(visit.admin(), visit.id("id"), visit.id("delivery")).await?;
    let headers = panel.actions.delivery_headers(visit.admin(), webhook.id, &detail).await?;
    let event = detail.delivery.event.as_str();
    let family = panel.actions.delivery_of_event(visit.admin(), webhook.id, event).await?;
    let delivery = &detail.delivery;
    let title = delivery.kind.as_str();
    let every = look_again(&webhook, delivery, visit.now);
    let content = html! {
        @if every.is_some() && delivery.state.due().is_some_and(|due| due <= visit.now) {
            noscript { meta http-equiv="refresh" content="3"; }
        }
        p.live-note.visually-hidden #live-note role="status" aria-live="polite" {}
        div #delivery data-live=[every.map(|_| path(&visit, &webhook, &format!("/deliveries/{}", delivery.id)))]
            data-live-every=[every] data-live-state={ (delivery.state.status().as_str()) "-" (delivery.attempts) } {
            (head(&visit, &webhook, delivery))
            (done(visit.parameter("done").as_deref()))
            (summary(&visit, &webhook, &detail))
            (delivery_attempts::timeline(visit.now, &detail.attempts))
            (delivery_request::request(&webhook, &detail, &headers))
            (others(&visit, &webhook, delivery, &family))
        }
    };
    Ok(page(&visit, Part::Webhooks, title, &crumbs(&visit, &webhook), &content))
}

pub(crate) async fn redeliver(State(panel): State<PanelParts>, posted: Posted) -> Result<Redirect, Refusal> {
    let visit = &posted.visit;
    let (webhook, id) = (visit.id("id"), visit.id("delivery"));
    let delivery = panel.actions.delivery_redeliver(visit.admin(), webhook, id).await?;
    let done = if delivery.id.to_string() == id { "again" } else { "anew" };
    Ok(Redirect::to(&visit.path(&format!("/webhooks/{webhook}/deliveries/{}?done={done}", delivery.id))))
}

/// Seconds until the script looks again; none where nothing more comes by itself.
fn look_again(webhook: &Webhook, delivery: &Delivery, now: Timestamp) -> Option<u32> {
    let due = delivery.state.due()?;
    let is_soon = due <= now || due.since(now).as_secs() < 60;
    Some(if is_soon && (webhook.enabled || delivery.test) { 2 } else { 15 })
}

fn head(visit: &Visit, webhook: &Webhook, delivery: &Delivery) -> Markup {
    let label = if delivery.state.due().is_some() { "Send now" } else { "Send again" };
    let to = path(visit, webhook, &format!("/deliveries/{}/redeliver", delivery.id));
    let actions = html! {
        @if visit.may(Capability::Write) {
            @if webhook.enabled { (post_button(visit, &to, label, "primary", &[])) }
            @else { span.muted { "Enable the webhook to send this again." } }
        }
    };
    heading(&html! { (delivery.kind.as_str()) @if delivery.test { " " span.tag { "test" } } }, &actions)
}

fn done(word: Option<&str>) -> Markup {
    let sentence = match word {
        Some("test") => "The test event is on its way. Its result appears here.",
        Some("again") => "This delivery is tried again now.",
        Some("anew") => "The event is sent again, as this new delivery with 24 hours of its own.",
        _ => return html! {},
    };
    notice("good", &html! { (sentence) })
}

fn summary(visit: &Visit, webhook: &Webhook, detail: &DeliveryDetail) -> Markup {
    let delivery = &detail.delivery;
    html! {
        section.card.outcome aria-label="Where it stands" {
            p.now { (status_badge(delivery.state.status())) " " span.next-words { (next_words(webhook, delivery, visit.now)) } }
            @if let Some(advice) = delivery.last.as_ref().filter(|last| !last.succeeded).and_then(delivery_words::advice) {
                p.muted { (advice) }
            }
            dl.facts {
                dt { "Event id" }
                dd { code { (delivery.event.as_str()) } }
                dt { "Delivery id" }
                dd { code { (delivery.id) } }
                dt { "Created" }
                dd { (time::moment(delivery.created_at)) }
                dt { "Attempts" }
                dd { (delivery.attempts) }
                @if let Some(of) = delivery.redelivery_of {
                    dt { "Sent again" }
                    dd { "It repeats " a href=(path(visit, webhook, &format!("/deliveries/{of}"))) { "an earlier delivery" } "." }
                }
            }
        }
    }
}

/// What happens next, or what was the end of it.
fn next_words(webhook: &Webhook, delivery: &Delivery, now: Timestamp) -> String {
    let next = delivery.attempts + 1;
    let because = delivery.last.as_ref().map(|last| format!(", because {}", delivery_words::clause(last)));
    let because = because.unwrap_or_default();
    match delivery.state {
        DeliveryState::Succeeded { .. } => {
            let last = delivery.last.as_ref();
            let how = last.map_or_else(String::new, |last| {
                format!(": {} after {}", delivery_words::clause(last), time::duration(last.duration_ms))
            });
            format!("It was delivered{how}.")
        }
        DeliveryState::Dropped { reason } => {
            let last = delivery.last.as_ref().map(|last| format!(" Last, {}.", delivery_words::clause(last)));
            format!("It was given up. {}{}", words::drop_reason(reason), last.unwrap_or_default())
        }
        DeliveryState::Pending { .. } | DeliveryState::Failed { .. }
            if !webhook.enabled && !delivery.test =>
        {
            "It waits until the webhook is enabled. If that does not happen within 24 hours of its creation, \
             it is given up."
                .to_owned()
        }
        DeliveryState::Pending { due } if due <= now => "The first attempt is being made.".to_owned(),
        DeliveryState::Pending { due } => format!("The first attempt comes {}.", time::distance(due, now)),
        DeliveryState::Failed { due } if due <= now => format!("Attempt {next} is being made{because}."),
        DeliveryState::Failed { due } => {
            format!("Attempt {next} comes {}{because}.", time::distance(due, now))
        }
    }
}

/// The same event's other deliveries to this webhook.
fn others(visit: &Visit, webhook: &Webhook, delivery: &Delivery, family: &[Delivery]) -> Markup {
    let others: Vec<&Delivery> = family.iter().filter(|other| other.id != delivery.id).collect();
    html! {
        @if !others.is_empty() {
            section.card aria-labelledby="others-title" {
                h2 #others-title { "Other deliveries of this event" }
                ul.others {
                    @for other in others {
                        li {
                            (status_badge(other.state.status())) " "
                            a href=(path(visit, webhook, &format!("/deliveries/{}", other.id))) { (time::moment(other.created_at)) }
                            @if other.redelivery_of.is_none() { span.muted { " the first" } }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use sellvik_domain::{
        Attempt, DeliveryId, DropReason, EndpointUrl, EventId, EventType, ShopId, WebhookId,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_779_889_500_000 + seconds * 1000)
    }

    fn webhook(enabled: bool) -> Webhook {
        Webhook {
            id: WebhookId::new(at(0), [0; 10]),
            shop: ShopId::new([0; 16]),
            name: None,
            url: EndpointUrl::parse("https://example.com/hook").unwrap(),
            events: Vec::new(),
            enabled,
            failure_count: 0,
            last_delivery_at: None,
            created_at: at(0),
        }
    }

    fn delivery(state: DeliveryState, answer: Option<u16>) -> Delivery {
        let last = answer.map(|status| Attempt {
            started_at: at(0),
            ended_at: at(0),
            duration_ms: 87,
            status: Some(status),
            error: (status >= 300).then(|| format!("the endpoint answered {status}")),
            final_host: String::new(),
            body: None,
            succeeded: status < 300,
        });
        Delivery {
            id: DeliveryId::new(at(0), [0; 10]),
            event: EventId::parse("evt_1").unwrap(),
            kind: EventType::parse("order.created").unwrap(),
            created_at: at(0),
            state,
            attempts: u32::from(last.is_some()),
            last,
            test: false,
            redelivery_of: None,
        }
    }

    #[test]
    fn what_comes_next_is_told_with_its_reason() {
        let words = |enabled, state, answer| next_words(&webhook(enabled), &delivery(state, answer), at(0));
        assert_eq!(
            words(true, DeliveryState::Failed { due: at(480) }, Some(500)),
            "Attempt 2 comes in 8 min, because the endpoint answered 500 (Internal Server Error)."
        );
        assert_eq!(
            words(true, DeliveryState::Succeeded { at: at(0) }, Some(200)),
            "It was delivered: the endpoint answered 200 (OK) after 87 ms."
        );
        assert_eq!(
            words(true, DeliveryState::Dropped { reason: DropReason::TestFailed }, Some(404)),
            "It was given up. A test is sent once and not repeated. Last, the endpoint answered 404 (Not Found)."
        );
        let waiting = DeliveryState::Pending { due: at(0) };
        assert_eq!(words(true, waiting, None), "The first attempt is being made.");
        assert!(words(false, waiting, None).starts_with("It waits until the webhook is enabled."));
    }

    #[test]
    fn the_script_looks_until_it_is_decided_and_often_only_when_something_is_near() {
        let every = |enabled, state| look_again(&webhook(enabled), &delivery(state, None), at(0));
        assert_eq!(every(true, DeliveryState::Pending { due: at(0) }), Some(2));
        assert_eq!(every(false, DeliveryState::Pending { due: at(0) }), Some(15));
        assert_eq!(every(true, DeliveryState::Failed { due: at(600) }), Some(15));
        assert_eq!(every(true, DeliveryState::Succeeded { at: at(0) }), None);
    }
}
