//! Sending again whatever failed since some time: first how many that would be, then sending them.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use sellvik_actions::{ActionError, Redelivery};
use sellvik_domain::{DeliveryStatus, Timestamp, Webhook, WebhookId};
use serde_json::json;

use super::span::{SPANS, Span};
use super::webhook_place::{crumbs, path};
use crate::components::{field_errors, heading, link_button, notice, post_button};
use crate::form::Posted;
use crate::layout::{Part, page};
use crate::refusal::Refusal;
use crate::visit::Visit;
use crate::{PanelParts, time};

/// What a job takes at most.
const JOB_DELIVERIES_MAX: u32 = 100_000;

/// What the form asks for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    since: Option<Timestamp>,
    span: Option<Span>,
    status: DeliveryStatus,
    /// There was a time that is none, or lies ahead.
    problem: Option<&'static str>,
}

impl Wanted {
    fn read(parameter: impl Fn(&str) -> Option<String>, now: Timestamp) -> Self {
        let status = parameter("status").and_then(|word| DeliveryStatus::parse(&word));
        let span = parameter("within").and_then(|word| Span::of(&word));
        let since = parameter("since").map(|text| time::from_input(&text));
        let problem = match since {
            Some(None) => Some("This is not a time"),
            Some(Some(since)) if since > now => Some("This time has not come yet"),
            _ => None,
        };
        let since = since.flatten();
        Self {
            span: span.filter(|_| since.is_none()),
            since,
            status: status.unwrap_or(DeliveryStatus::Dropped),
            problem,
        }
    }

    /// From when on, if that was said.
    fn begins(&self, now: Timestamp) -> Option<Timestamp> {
        let begins = self.since.or(self.span.map(|span| now.before(span.length)));
        begins.filter(|_| self.problem.is_none())
    }
}

pub(crate) async fn ask(State(panel): State<PanelParts>, visit: Visit) -> Result<Html<String>, Refusal> {
    let webhook = panel.actions.webhook_get(visit.admin(), visit.id("id")).await?;
    let id = panel.actions.webhook_writable(visit.admin(), visit.id("id")).await?;
    let wanted = Wanted::read(|name| visit.parameter(name), visit.now);
    let counted = if let Some(since) = wanted.begins(visit.now) {
        count(&panel, &visit, id, since, &wanted).await?
    } else {
        html! {}
    };
    Ok(whole(&visit, &webhook, &html! { (counted) (form(&visit, &webhook, &wanted)) }))
}

pub(crate) async fn start(
    State(panel): State<PanelParts>,
    Posted { visit, fields }: Posted,
) -> Result<Response, Refusal> {
    let id = panel.actions.webhook_writable(visit.admin(), visit.id("id")).await?;
    let body =
        json!({"since": fields.one("since"), "until": fields.one("until"), "status": fields.one("status")});
    match panel.actions.webhook_redeliver(visit.admin(), id, "", body.to_string().as_bytes()).await {
        Ok(Redelivery::Started(job)) => {
            Ok(Redirect::to(&visit.path(&format!("/webhooks/{id}/redeliver/{}", job.id))).into_response())
        }
        Ok(Redelivery::Counted(_)) => Err(Refusal::internal()),
        Err(ActionError::RedeliveryRunning) => {
            let webhook = panel.actions.webhook_get(visit.admin(), visit.id("id")).await?;
            let content = html! {
                (notice("note", &html! {
                    p {
                        strong { "Deliveries of this webhook are being sent again already." }
                        " That goes on; nothing new was started. Wait until it has finished, then ask again."
                    }
                }))
                (link_button(&path(&visit, &webhook, ""), "Back to the webhook", "plain"))
            };
            Ok((StatusCode::CONFLICT, whole(&visit, &webhook, &content)).into_response())
        }
        Err(other) => Err(other.into()),
    }
}

fn whole(visit: &Visit, webhook: &Webhook, content: &Markup) -> Html<String> {
    let content = html! {
        (heading(&html! { "Send deliveries again" }, &html! {}))
        (content)
    };
    page(visit, Part::Webhooks, "Send again", &crumbs(visit, webhook), &content)
}

/// How many that would be, with the button that sends exactly those.
async fn count(
    panel: &PanelParts,
    visit: &Visit,
    id: WebhookId,
    since: Timestamp,
    wanted: &Wanted,
) -> Result<Markup, Refusal> {
    let (since, until) = (since.to_string(), visit.now.to_string());
    let status = wanted.status.as_str();
    let body = json!({"since": since, "until": until, "status": status}).to_string();
    let answer = panel.actions.webhook_redeliver(visit.admin(), id, "dryRun=true", body.as_bytes()).await;
    let many = match answer {
        Ok(Redelivery::Counted(many)) => many,
        Ok(Redelivery::Started(_)) => return Err(Refusal::internal()),
        Err(ActionError::WebhookDisabled) => {
            return Ok(notice(
                "note",
                &html! { "This webhook is disabled. Enable it first; then deliveries can be sent again." },
            ));
        }
        Err(other) => return Err(other.into()),
    };
    let to = visit.path(&format!("/webhooks/{id}/redeliver"));
    let fields = [("since", since.as_str()), ("until", until.as_str()), ("status", status)];
    Ok(html! {
        section.card.count aria-live="polite" {
            h2 { (match_words(many)) }
            @if many == 0 {
                p.muted { "Choose a longer time or another status." }
            } @else {
                p {
                    "Nothing has been sent yet. "
                    @if many >= JOB_DELIVERIES_MAX { "These are the oldest ones: so many are sent at once at most, the rest after them. " }
                    "Sending goes one after the other, as fast as your endpoint answers. It may get events a second time."
                }
                @let label = if many == 1 { "Send it again".to_owned() } else { format!("Send all {many} again") };
                div.actions { (post_button(visit, &to, &label, "primary", &fields)) }
            }
        }
    })
}

fn match_words(many: u32) -> String {
    match many {
        0 => "No delivery matches".to_owned(),
        1 => "1 delivery matches".to_owned(),
        many => format!("{many} deliveries match"),
    }
}

fn form(visit: &Visit, webhook: &Webhook, wanted: &Wanted) -> Markup {
    let exact = wanted.since.map(time::input_value);
    let problems: Vec<String> = wanted.problem.iter().map(|&words| words.to_owned()).collect();
    html! {
        form.card method="get" action=(path(visit, webhook, "/redeliver")) {
            p { "When an endpoint was down, you can send it again what it missed. First you are told how many deliveries that is." }
            fieldset {
                legend { "Which deliveries" }
                @for (status, words, more) in CHOICES {
                    label.check {
                        input type="radio" name="status" value=(status.as_str()) checked[wanted.status == status];
                        span { b { (words) } span.sub { (more) } }
                    }
                }
            }
            div.filters {
                div {
                    label for="within" { "Created within" }
                    select #within name="within" {
                        @for span in SPANS {
                            option value=(span.word) selected[wanted.span.map_or(span.word == "24h", |one| one == span)] { (span.label) }
                        }
                    }
                }
                div {
                    label for="since" { "or since (UTC)" }
                    input #since type="datetime-local" name="since" value=[exact] aria-describedby="since-problem since-hint"
                        aria-invalid=[wanted.problem.map(|_| "true")];
                }
                button.button.plain type="submit" { "Count them" }
            }
            (field_errors("since", &problems))
            p.hint #since-hint { "An exact time goes before the choice beside it. It is now " (time::exact(visit.now)) "." }
        }
    }
}

const CHOICES: [(DeliveryStatus, &str, &str); 3] = [
    (DeliveryStatus::Dropped, "Given up", "What was tried in vain, and would not be tried any more."),
    (
        DeliveryStatus::Failed,
        "Retrying",
        "What failed and waits for its next attempt; it is tried at once instead.",
    ),
    (DeliveryStatus::Succeeded, "Succeeded", "What your endpoint took, but lost afterwards."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn read(query: &str) -> Wanted {
        Wanted::read(
            |name| {
                let mut pairs = url::form_urlencoded::parse(query.as_bytes());
                pairs
                    .find(|(key, value)| key == name && !value.is_empty())
                    .map(|(_, value)| value.into_owned())
            },
            now(),
        )
    }

    fn now() -> Timestamp {
        Timestamp::from_millis(1_779_889_500_000)
    }

    #[test]
    fn nothing_is_counted_before_a_time_was_chosen() {
        assert_eq!(read("").begins(now()), None);
        assert_eq!(read("").status, DeliveryStatus::Dropped);
        assert_eq!(read("within=6h").begins(now()), Some(now().before(Duration::from_hours(6))));
    }

    #[test]
    fn an_exact_time_goes_before_a_preset_and_has_to_be_one() {
        let exact = read("within=6h&since=2026-05-27T13:00&status=failed");
        assert_eq!(exact.begins(now()), Timestamp::parse("2026-05-27T13:00:00Z"));
        assert_eq!(exact.status, DeliveryStatus::Failed);
        for bad in ["within=6h&since=soon", "since=2026-05-28T13:00"] {
            assert!(read(bad).begins(now()).is_none() && read(bad).problem.is_some(), "{bad}");
        }
    }
}
