//! Every page's address.

use axum::Router;
use axum::extract::Request;
use axum::middleware;
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use tower::ServiceExt as _;
use tower_http::catch_panic::CatchPanicLayer;

use crate::refusal::Refusal;
use crate::{PanelParts, assets, entrance, layout, screens};

/// The panel, and behind it `others` for every address that is not below `/panel`.
pub fn router(parts: PanelParts, others: Router) -> Router {
    let pages = pages(parts);
    let either = move |request: Request| {
        let inside = request.uri().path().starts_with("/panel/");
        let router = if inside { pages.clone() } else { others.clone() };
        router.oneshot(request)
    };
    Router::new().merge(assets::routes()).fallback(either)
}

fn pages(parts: PanelParts) -> Router {
    let front = parts.front.clone();
    Router::new()
        .route("/panel/{shop}/enter/{token}", get(entrance::enter))
        .route("/panel/{shop}/leave", post(entrance::leave))
        .route("/panel/{shop}", get(screens::webhook_list::show))
        .fallback(|| async { Refusal::not_found() })
        .method_not_allowed_fallback(|| async { Refusal::not_found() })
        .layer(middleware::map_response_with_state(front, layout::guard))
        .layer(CatchPanicLayer::custom(|_| Refusal::internal().into_response()))
        .with_state(parts)
}
