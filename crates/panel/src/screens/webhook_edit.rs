//! Changing a webhook's address, name and events; and the way to a new secret.

use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use maud::html;
use sellvik_domain::Webhook;

use super::webhook_draft::{Draft, Event, Problems, Step};
use super::webhook_form::{Use, webhook_form};
use super::webhook_list::title;
use super::webhook_rotate;
use crate::PanelParts;
use crate::components::heading;
use crate::form::Posted;
use crate::layout::{Crumb, Part, page};
use crate::refusal::Refusal;
use crate::visit::Visit;

pub(crate) async fn show(State(panel): State<PanelParts>, visit: Visit) -> Result<Html<String>, Refusal> {
    panel.actions.webhook_writable(visit.admin(), visit.id("id")).await?;
    let webhook = panel.actions.webhook_get(visit.admin(), visit.id("id")).await?;
    let catalogue: Vec<Event<'_>> = panel.actions.catalogue().map(Event::from).collect();
    Ok(filled(&visit, &webhook, &Draft::of(&webhook), &catalogue))
}

pub(crate) async fn save(
    State(panel): State<PanelParts>,
    Posted { visit, fields }: Posted,
) -> Result<Response, Refusal> {
    let id = panel.actions.webhook_writable(visit.admin(), visit.id("id")).await?;
    let webhook = panel.actions.webhook_get(visit.admin(), visit.id("id")).await?;
    let catalogue: Vec<Event<'_>> = panel.actions.catalogue().map(Event::from).collect();
    let (mut draft, step) = Draft::sent(&fields, &catalogue);
    if step == Step::Again {
        return Ok(filled(&visit, &webhook, &draft, &catalogue).into_response());
    }
    match panel.actions.webhook_update(visit.admin(), id, &draft.to_update(&webhook)).await {
        Ok(saved) => {
            Ok(Redirect::to(&visit.path(&format!("/webhooks/{}?done=saved", saved.id))).into_response())
        }
        Err(error) => {
            let (status, problems) = Problems::of(error)?;
            draft.problems = problems;
            Ok((status, filled(&visit, &webhook, &draft, &catalogue)).into_response())
        }
    }
}

fn filled(visit: &Visit, webhook: &Webhook, draft: &Draft, catalogue: &[Event<'_>]) -> Html<String> {
    let own = visit.path(&format!("/webhooks/{}", webhook.id));
    let used = Use { action: &format!("{own}/edit"), submit: "Save changes", back: &own };
    let content = html! {
        (heading(&html! { "Edit webhook" }, &html! {}))
        (webhook_form(visit, &used, draft, catalogue))
        (webhook_rotate::section(visit, webhook))
    };
    let crumbs = [Crumb::new("Webhooks", visit.path("")), Crumb::new(title(webhook), own.clone())];
    page(visit, Part::Webhooks, "Edit", &crumbs, &content)
}
