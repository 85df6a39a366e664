//! Errors on the wire: the one map from an action's refusal to a response (CONTRACT §2).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sellvik_actions::ActionError;
use sellvik_domain::{Issue, Scope};
use serde::Serialize;
use utoipa::ToSchema;

/// An error response.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    body: Box<ErrorDetail>,
}

/// `{"error": …}`
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// What went wrong.
    error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorDetail {
    /// A stable word for programs.
    #[schema(example = "invalid_body")]
    code: &'static str,
    /// A sentence for people: what to do next.
    message: String,
    /// What is wrong with the body or query, one row a problem.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    issues: Vec<IssueRow>,
    /// The scope the key lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "webhooks:write", nullable = false)]
    required: Option<&'static str>,
    /// Seconds after which the next request will be taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    retry_after: Option<u64>,
    /// The bound that was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    limit: Option<u32>,
    /// The event whose fate is not known: publish it again with this id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    id: Option<String>,
}

/// One problem of a body or query.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IssueRow {
    /// From the root to the offending value: member names and array indices.
    #[schema(value_type = Vec<serde_json::Value>, example = json!(["events", 0]))]
    path: Vec<sellvik_domain::PathPart>,
    /// What is wrong with it.
    #[schema(example = "\"order.creatd\" is not an event type; see the event catalogue")]
    message: String,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let body = ErrorDetail {
            code,
            message: message.into(),
            issues: Vec::new(),
            required: None,
            retry_after: None,
            limit: None,
            id: None,
        };
        Self { status, body: Box::new(body) }
    }

    fn with_issues(mut self, issues: Vec<Issue>) -> Self {
        let rows = issues.into_iter().map(|Issue { path, message }| IssueRow { path, message });
        self.body.issues = rows.collect();
        self
    }

    pub(crate) fn route_not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "There is no such route; see /docs for those there are.",
        )
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "This route does not take this method; the Allow header names those it takes.",
        )
    }

    pub(crate) fn missing_authorization() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "missing_or_malformed_authorization",
            "Send the key as: Authorization: Bearer sk_…",
        )
    }

    fn rate_limited(limit: u32, retry_after_secs: u64) -> Self {
        let message = format!("More than {limit} requests in a minute; wait {retry_after_secs} s.");
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message);
        problem.body.retry_after = Some(retry_after_secs);
        problem.body.limit = Some(limit);
        problem
    }

    pub(crate) fn unsupported_media_type() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "Send the body as Content-Type: application/json.",
        )
    }

    pub(crate) fn payload_too_large(bytes_max: usize) -> Self {
        let message = format!("The body may have at most {bytes_max} bytes.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", message)
    }

    /// Something of ours broke; what, is in the log only.
    pub(crate) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong on our side.")
    }

    pub(crate) fn unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "The service cannot take writes at the moment; nothing was taken. Try again shortly.",
        )
    }

    /// The error as a batch's result carries it.
    pub(crate) fn into_body(self) -> ErrorBody {
        ErrorBody { error: *self.body }
    }
}

impl From<ActionError> for Problem {
    fn from(error: ActionError) -> Self {
        use StatusCode as S;
        match error {
            ActionError::InvalidBody(issues) => {
                Self::new(S::BAD_REQUEST, "invalid_body", "The body is not valid; issues names each problem.")
                    .with_issues(issues)
            }
            ActionError::InvalidQuery(issues) => Self::new(
                S::BAD_REQUEST,
                "invalid_query",
                "The query is not valid; issues names each problem.",
            )
            .with_issues(issues),
            ActionError::HttpUrlRejected => Self::new(
                S::BAD_REQUEST,
                "http_url_rejected",
                "The URL must use https; http:// is only for dev shops.",
            ),
            ActionError::InvalidKey => Self::new(
                S::UNAUTHORIZED,
                "invalid_key",
                "The key is unknown, revoked, or not of the kind this route takes.",
            ),
            ActionError::InsufficientScope(scope) => insufficient_scope(scope),
            ActionError::NotFound => {
                Self::new(S::NOT_FOUND, "not_found", "There is no such object in this shop.")
            }
            ActionError::DuplicateEndpoint => Self::new(
                S::CONFLICT,
                "duplicate_endpoint",
                "This URL is already subscribed in this shop; change that webhook's events instead.",
            ),
            ActionError::WebhookLimit { limit } => {
                let message = format!("The shop has its {limit} webhooks; delete one first.");
                let mut problem = Self::new(S::CONFLICT, "webhook_limit_reached", message);
                problem.body.limit = Some(limit);
                problem
            }
            ActionError::RateLimited { limit, retry_after_secs } => {
                Self::rate_limited(limit, retry_after_secs)
            }
            ActionError::WebhookDisabled => {
                Self::new(S::CONFLICT, "webhook_disabled", "The webhook is disabled; enable it first.")
            }
            ActionError::RedeliveryRunning => Self::new(
                S::CONFLICT,
                "redelivery_running",
                "A redelivery of this webhook is still running; wait until it has finished.",
            ),
            ActionError::DuplicateSubdomain => {
                Self::new(S::CONFLICT, "duplicate_subdomain", "Another shop has this subdomain.")
            }
            ActionError::EventIdConflict => Self::new(
                S::CONFLICT,
                "event_id_conflict",
                "This shop has an event of this id with another type or other data.",
            ),
            ActionError::PayloadTooLarge => Self::new(
                S::PAYLOAD_TOO_LARGE,
                "payload_too_large",
                "An event may have at most 524288 bytes, of which data at most 262144.",
            ),
            ActionError::OutcomeUnknown { id } => {
                tracing::error!(
                    event_id = id.as_ref().map(tracing::field::display),
                    "answered 503: outcome unknown"
                );
                let message = "The connection to the ledger broke while this was written; whether it was is not \
                               known. Send it again; an event with this id.";
                let mut problem = Self::new(S::SERVICE_UNAVAILABLE, "outcome_unknown", message);
                problem.body.id = id.map(|id| id.to_string());
                problem
            }
            ActionError::Unavailable(cause) => {
                tracing::error!(error = %cause, "answered 503");
                Self::unavailable()
            }
        }
    }
}

fn insufficient_scope(scope: Scope) -> Problem {
    let message = format!("The key lacks the scope {}; mint one that has it.", scope.as_str());
    let mut problem = Problem::new(StatusCode::FORBIDDEN, "insufficient_scope", message);
    problem.body.required = Some(scope.as_str());
    problem
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let retry_after = self.body.retry_after;
        let mut response = (self.status, Json(self.into_body())).into_response();
        if let Some(value) = retry_after.and_then(|secs| HeaderValue::try_from(secs.to_string()).ok()) {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response
    }
}
