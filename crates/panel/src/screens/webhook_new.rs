//! Registering a webhook.

use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Response};
use maud::html;
use sellvik_domain::Scope;

use super::webhook_draft::{Draft, Event, Problems, Step};
use super::webhook_form::{Use, webhook_form};
use super::webhook_secret;
use crate::PanelParts;
use crate::components::heading;
use crate::form::Posted;
use crate::layout::{Crumb, Part, page};
use crate::refusal::Refusal;
use crate::visit::Visit;

pub(crate) async fn show(State(panel): State<PanelParts>, visit: Visit) -> Result<Html<String>, Refusal> {
    visit.admin().require(Scope::WebhooksWrite)?;
    let catalogue: Vec<Event<'_>> = panel.actions.catalogue().map(Event::from).collect();
    Ok(filled(&visit, &Draft::default(), &catalogue))
}

pub(crate) async fn create(
    State(panel): State<PanelParts>,
    Posted { visit, fields }: Posted,
) -> Result<Response, Refusal> {
    visit.admin().require(Scope::WebhooksWrite)?;
    let catalogue: Vec<Event<'_>> = panel.actions.catalogue().map(Event::from).collect();
    let (mut draft, step) = Draft::sent(&fields, &catalogue);
    if step == Step::Again {
        return Ok(filled(&visit, &draft, &catalogue).into_response());
    }
    match panel.actions.webhook_create(visit.admin(), &draft.to_create()).await {
        Ok(created) => Ok(webhook_secret::of_new(&visit, &created).into_response()),
        Err(error) => {
            let (status, problems) = Problems::of(error)?;
            draft.problems = problems;
            Ok((status, filled(&visit, &draft, &catalogue)).into_response())
        }
    }
}

fn filled(visit: &Visit, draft: &Draft, catalogue: &[Event<'_>]) -> Html<String> {
    let used = Use { action: &visit.path("/webhooks/new"), submit: "Create webhook", back: &visit.path("") };
    let content = html! {
        (heading(&html! { "New webhook" }, &html! {}))
        (webhook_form(visit, &used, draft, catalogue))
    };
    let crumbs = [Crumb::new("Webhooks", visit.path(""))];
    page(visit, Part::Webhooks, "New webhook", &crumbs, &content)
}
