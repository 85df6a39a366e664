//! What a merchant reads when something is not to be: what happened, and what to do next.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::html;
use sellvik_actions::ActionError;

use crate::document;

/// A page that could not be made.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    title: &'static str,
    sentence: String,
}

impl Refusal {
    fn new(status: StatusCode, title: &'static str, sentence: impl Into<String>) -> Self {
        Self { status, title, sentence: sentence.into() }
    }

    pub(crate) fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "There is nothing here",
            "It may have been deleted since, or the address is not complete.",
        )
    }

    pub(crate) fn session_ended() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Your session has ended",
            "Open Settings → Webhooks again from your shop's admin to go on.",
        )
    }

    /// A link that was used before, is older than five minutes, or never was one.
    pub(crate) fn link_used_up() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "This link no longer works",
            "A link opens the panel once, within five minutes. Open Settings → Webhooks again from your \
             shop's admin to get a new one.",
        )
    }

    /// A form that another site, or another session, made.
    pub(crate) fn not_ours() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "This form is out of date",
            "It was made before your present session began. Nothing was changed: go back, reload the page \
             and try again.",
        )
    }

    pub(crate) fn too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "That was too much at once",
            "The form could not be read. Nothing was changed: go back and try again.",
        )
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong on our side",
            "It was noted. Try again in a moment.",
        )
    }

    /// A missing session is one that has ended, to who stands before the door.
    pub(crate) fn at_the_door(error: ActionError) -> Self {
        match error {
            ActionError::InvalidKey => Self::session_ended(),
            other => other.into(),
        }
    }
}

impl From<ActionError> for Refusal {
    fn from(error: ActionError) -> Self {
        match error {
            ActionError::NotFound => Self::not_found(),
            ActionError::InvalidKey => Self::session_ended(),
            ActionError::InsufficientScope(_) => Self::new(
                StatusCode::FORBIDDEN,
                "You may not do this",
                "Your access to these settings does not include it. Ask whoever manages your shop's staff.",
            ),
            ActionError::Unavailable(_) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "We cannot save anything right now",
                "Nothing was changed. Try again in a minute.",
            ),
            ActionError::OutcomeUnknown { .. } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "We cannot tell whether this was saved",
                "Look at the list to see whether it was, and try again if not.",
            ),
            ActionError::InvalidQuery(_) => Self::new(
                StatusCode::BAD_REQUEST,
                "This address does not make sense any more",
                "Go back to the list and start from there.",
            ),
            ActionError::WebhookDisabled => Self::new(
                StatusCode::CONFLICT,
                "This webhook is disabled",
                "Enable it first; then deliveries can be sent again.",
            ),
            ActionError::RedeliveryRunning => Self::new(
                StatusCode::CONFLICT,
                "Deliveries are being sent again already",
                "Wait until that has finished, then start anew.",
            ),
            ActionError::InvalidBody(issues) => Self::new(
                StatusCode::BAD_REQUEST,
                "That does not work",
                issues.into_iter().map(|issue| issue.message).collect::<Vec<_>>().join("; "),
            ),
            ActionError::RateLimited { .. } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "Too much at once", format!("{error}."))
            }
            ActionError::HttpUrlRejected
            | ActionError::DuplicateEndpoint
            | ActionError::WebhookLimit { .. }
            | ActionError::DuplicateSubdomain
            | ActionError::EventIdConflict
            | ActionError::PayloadTooLarge => {
                Self::new(StatusCode::CONFLICT, "That does not work", format!("{error}."))
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let page = document::whole(
            self.title,
            &html! {
                main.plain {
                    h1 { (self.title) }
                    p { (self.sentence) }
                }
            },
        );
        (self.status, page).into_response()
    }
}
