//! All routes, and the document made from the same list.

use axum::Router;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Uri, header};
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use bytes::Bytes;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{ApiParts, App};
use crate::problem::Problem;
use crate::{admin, describe, docs, health, platform};

/// The whole API: routes, document, human-readable docs, and the contract's answers to everything else.
pub fn router(parts: ApiParts) -> Router {
    let app = App {
        actions: parts.actions,
        public_url: parts.public_url.into(),
        dispatch_is_alive: parts.dispatch_is_alive,
    };
    let (routes, document) = described().split_for_parts();
    let document = describe::complete(document);
    // Shared by all answers: anybody may ask, and take their time to read.
    let page = Bytes::from(docs::page(&document));
    let json = Bytes::from(serde_json::to_string(&document).unwrap_or_default());
    routes
        .route("/api/v1/openapi.json", get(|| async move { document_response(json.clone()) }))
        .route("/docs", get(|| async move { docs::response(page.clone()) }))
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .fallback(|| async { Problem::route_not_found() })
        .layer(middleware::map_response(no_store))
        .layer(CatchPanicLayer::custom(|_| Problem::internal().into_response()))
        .with_state(app)
}

/// The document alone, as `GET /api/v1/openapi.json` answers it.
pub fn openapi() -> OpenApi {
    describe::complete(described().into_openapi())
}

fn described() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(describe::front_matter())
        .routes(routes!(admin::webhook_list, admin::webhook_create))
        .routes(routes!(admin::webhook_get, admin::webhook_update, admin::webhook_delete))
        .routes(routes!(admin::webhook_rotate_secret))
        .routes(routes!(admin::webhook_test))
        .routes(routes!(admin::delivery_list))
        .routes(routes!(admin::delivery_get))
        .routes(routes!(admin::delivery_redeliver))
        .routes(routes!(admin::webhook_redeliver))
        .routes(routes!(admin::redelivery_get))
        .routes(routes!(admin::event_type_list))
        .routes(routes!(platform::event_publish))
        .routes(routes!(platform::event_publish_batch))
        .routes(routes!(platform::shop_list, platform::shop_create))
        .routes(routes!(platform::shop_get, platform::shop_update))
        .routes(routes!(platform::key_list, platform::key_create))
        .routes(routes!(platform::key_revoke))
        .routes(routes!(platform::panel_link_create, platform::panel_sessions_end))
        .routes(routes!(health::health))
}

fn document_response(json: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], json).into_response()
}

/// Nothing here is for caches: answers carry secrets and the state of a moment.
async fn no_store(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The docs also write `/v1/admin/…` (CONTRACT §2): the same routes by a shorter name. To be said before the
/// router is asked, which matches paths first of all.
pub fn lengthen(uri: &mut Uri) {
    let path = uri.path_and_query().map(PathAndQuery::as_str);
    if let Some(long) = path.filter(|path| path.starts_with("/v1/admin/")).map(|path| format!("/api{path}"))
        && let Ok(long) = Uri::try_from(long)
    {
        *uri = long;
    }
}
