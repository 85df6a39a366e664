//! Replacing a webhook's secret.

use axum::extract::State;
use axum::response::Html;
use maud::{Markup, html};
use sellvik_domain::{Capability, Webhook};
use serde_json::{Value, json};

use super::webhook_list::title;
use super::webhook_secret;
use crate::PanelParts;
use crate::components::form;
use crate::form::Posted;
use crate::refusal::Refusal;
use crate::visit::Visit;

/// When the new secret takes over, in seconds, and what that means.
const CHOICES: [(u64, &str, &str); 3] = [
    (
        86_400,
        "In 24 hours",
        "The old secret goes on signing until then, so there is a day to put the new one in place.",
    ),
    (3_600, "In 1 hour", "The old secret goes on signing until then."),
    (
        0,
        "At once",
        "For a secret that others may have learned. Until your system has the new one it turns messages away; \
         one that it has turned away twice is given up, and you can send it again from the webhook's page.",
    ),
];

pub(crate) fn section(visit: &Visit, webhook: &Webhook) -> Markup {
    let fields = html! {
        fieldset aria-describedby="rotate-hint" {
            legend { "When should the new one take over?" }
            @for (index, (seconds, label, sentence)) in CHOICES.iter().enumerate() {
                label.check {
                    input type="radio" name="activateIn" value=(seconds) checked[index == 0];
                    span { b { (label) } (sentence) }
                }
            }
        }
        button.button.plain type="submit" { "Replace the secret" }
    };
    html! {
        section.card.rotate #secret aria-labelledby="rotate" {
            h2 #rotate { "Replace the secret" }
            p #rotate-hint {
                "You get a new secret, shown once, to put where your system keeps the present one. "
                "Systems that read the header " code { "webhook-signature" } " can take either: it carries the "
                "signatures of both until a day after the new one has taken over."
            }
            (form(visit, &visit.path(&format!("/webhooks/{}/rotate", webhook.id)), "rotate-form", &fields))
        }
    }
}

pub(crate) async fn rotate(
    State(panel): State<PanelParts>,
    Posted { visit, fields }: Posted,
) -> Result<Html<String>, Refusal> {
    let id = panel.actions.webhook_writable(visit.admin(), visit.id("id")).await?;
    // Before the secret is made: after that nothing may come between it and the page that shows it.
    let name = if visit.may(Capability::Read) {
        title(&panel.actions.webhook_get(visit.admin(), visit.id("id")).await?).to_owned()
    } else {
        String::new()
    };
    let body = json!({"activateIn": seconds(fields.one("activateIn"))}).to_string();
    let rotated = panel.actions.webhook_rotate(visit.admin(), id, body.as_bytes()).await?;
    Ok(webhook_secret::of_rotated(&visit, id, &name, &rotated))
}

/// The number, or else the text for the action to refuse.
fn seconds(text: &str) -> Value {
    text.parse::<u64>().map_or_else(|_| json!(text), |seconds| json!(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_a_number_and_anything_else_is_for_the_action_to_refuse() {
        assert_eq!(seconds("3600"), json!(3600));
        for text in ["", "-1", "soon", "1e3"] {
            assert_eq!(seconds(text), json!(text));
        }
    }
}
