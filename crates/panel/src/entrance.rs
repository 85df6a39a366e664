//! Coming in by a one-time link, and going out.

use axum::extract::{Path, State};
use axum::http::header::{LOCATION, REFERRER_POLICY, SET_COOKIE};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use maud::html;
use sellvik_actions::ActionError;
use sellvik_domain::{Capabilities, Capability};

use crate::form::Posted;
use crate::refusal::Refusal;
use crate::{PanelParts, document, visit};

/// Uses up a link. A `HEAD`, as some mail and chat programs send to every address they see, does not.
pub(crate) async fn enter(
    State(panel): State<PanelParts>,
    method: Method,
    Path((shop, token)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    if method == Method::HEAD {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let new = panel.actions.panel_enter(&shop, &token).await.map_err(|error| match error {
        ActionError::InvalidKey => Refusal::link_used_up(),
        other => other.into(),
    })?;
    let cookie = visit::session_cookie(&panel.front, &new);
    let to = format!("/panel/{}{}", new.session.shop.id, first_page(new.session.capabilities));
    // The token is in this address: nobody is to be told of it, not even ourselves.
    let headers = [(SET_COOKIE, cookie), (LOCATION, to), (REFERRER_POLICY, "no-referrer".to_owned())];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

/// Where a session begins: a page that it may see.
fn first_page(capabilities: Capabilities) -> &'static str {
    let may = |capability| capabilities.contains(capability);
    match (may(Capability::Read), may(Capability::Keys)) {
        (true, _) => "",
        (false, true) => "/keys",
        (false, false) => "/webhooks/new",
    }
}

/// Ends the session.
pub(crate) async fn leave(State(panel): State<PanelParts>, posted: Posted) -> Result<Response, Refusal> {
    panel.actions.panel_leave(&posted.visit.merchant).await?;
    let cookie = visit::no_cookie(&panel.front, posted.visit.shop());
    let page = document::whole(
        "Signed out",
        &html! {
            main.plain {
                h1 { "You have left the webhook settings" }
                p { "Open Settings → Webhooks again from your shop's admin to come back." }
            }
        },
    );
    Ok(([(SET_COOKIE, cookie)], page).into_response())
}
