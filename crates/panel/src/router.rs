//! Every page's address.

use axum::Router;
use axum::middleware;
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;

use crate::refusal::Refusal;
use crate::{PanelParts, assets, document, entrance, screens};

/// Whether the panel answers at this path.
pub fn serves(path: &str) -> bool {
    path.starts_with("/panel/") || path == assets::style_path() || path == assets::script_path()
}

/// The panel: pages below `/panel/`, and what they are shown with.
pub fn router(parts: PanelParts) -> Router {
    pages(parts).merge(assets::routes())
}

fn pages(parts: PanelParts) -> Router {
    let front = parts.front.clone();
    Router::new()
        .route("/panel/{shop}/enter/{token}", get(entrance::enter))
        .route("/panel/{shop}/leave", post(entrance::leave))
        .route("/panel/{shop}", get(screens::webhook_list::show))
        .route("/panel/{shop}/keys", get(screens::keys::show).post(screens::keys::create))
        .route(
            "/panel/{shop}/keys/{key}/revoke",
            get(screens::keys::confirm_revoke).post(screens::keys::revoke),
        )
        .route(
            "/panel/{shop}/webhooks/new",
            get(screens::webhook_new::show).post(screens::webhook_new::create),
        )
        .route(
            "/panel/{shop}/webhooks/{id}/edit",
            get(screens::webhook_edit::show).post(screens::webhook_edit::save),
        )
        .route("/panel/{shop}/webhooks/{id}/rotate", post(screens::webhook_rotate::rotate))
        .route("/panel/{shop}/check-url", post(screens::url_check::check))
        .route("/panel/{shop}/webhooks/{id}", get(screens::webhook_show::show))
        .route("/panel/{shop}/webhooks/{id}/enable", post(screens::webhook_change::enable))
        .route("/panel/{shop}/webhooks/{id}/disable", post(screens::webhook_change::disable))
        .route(
            "/panel/{shop}/webhooks/{id}/delete",
            get(screens::webhook_change::confirm_delete).post(screens::webhook_change::delete),
        )
        .route("/panel/{shop}/webhooks/{id}/test", post(screens::test_event::send))
        .route("/panel/{shop}/webhooks/{id}/deliveries", get(screens::delivery_list::fragment))
        .route("/panel/{shop}/webhooks/{id}/deliveries/{delivery}", get(screens::delivery_show::show))
        .route(
            "/panel/{shop}/webhooks/{id}/deliveries/{delivery}/redeliver",
            post(screens::delivery_show::redeliver),
        )
        .route(
            "/panel/{shop}/webhooks/{id}/redeliver",
            get(screens::redeliver::ask).post(screens::redeliver::start),
        )
        .route("/panel/{shop}/webhooks/{id}/redeliver/{job}", get(screens::redeliver_job::show))
        .fallback(|| async { Refusal::not_found() })
        .method_not_allowed_fallback(|| async { Refusal::not_found() })
        .layer(CatchPanicLayer::custom(|_| Refusal::internal().into_response()))
        .layer(middleware::map_response_with_state(front, document::guard))
        .with_state(parts)
}
