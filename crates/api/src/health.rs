//! Whether the service is up: the ledger takes writes and the dispatcher goes round.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use sellvik_domain::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;

/// The service's state.
#[derive(Serialize, ToSchema)]
pub(crate) struct HealthBody {
    /// `ok`, or `unavailable` when the ledger is down or the dispatcher stalls.
    #[schema(example = "ok")]
    status: &'static str,
    /// Now.
    #[schema(value_type = String, format = DateTime, example = "2026-05-27T13:45:00.000Z")]
    timestamp: Timestamp,
}

/// Whether the service is up
///
/// 503 when the ledger cannot be read or written, or the dispatcher stalls.
#[utoipa::path(
    get,
    path = "/api/health",
    tag = "Service",
    operation_id = "health",
    responses(
        (status = 200, description = "Up.", body = HealthBody),
        (status = 503, description = "Down.", body = HealthBody,
            example = json!({"status": "unavailable", "timestamp": "2026-05-27T13:45:00.000Z"})),
    ),
    security(()),
)]
pub(crate) async fn health(State(app): State<App>) -> Response {
    let up = app.actions.ledger_is_up().await && (app.dispatch_is_alive)();
    let timestamp = app.actions.now();
    let (code, status) =
        if up { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "unavailable") };
    (code, Json(HealthBody { status, timestamp })).into_response()
}
