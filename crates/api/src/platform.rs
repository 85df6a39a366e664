//! The platform API: publishing, shops and their keys (CONTRACT §4).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use sellvik_actions::EVENT_BODY_BYTES_MAX;

use crate::app::App;
use crate::callers::PlatformCaller;
use crate::problem::{ErrorBody, Problem};
use crate::request::{BATCH_BODY_BYTES_MAX, Id, Ids, LateBody, Query, SMALL_BODY_BYTES_MAX};
use crate::shapes::{
    AcceptedShape, BatchRequest, BatchResult, BatchShape, EventRequest, KeyRequest, KeyShape, NewKeyShape,
    PageShape, PanelLinkRequest, PanelLinkShape, ShopPatchRequest, ShopRequest, ShopShape,
};

type Answer<T> = Result<Json<T>, Problem>;

/// Publish an event
///
/// Answered once the event and its deliveries are on disk. The same `id` with the same type and data is
/// answered as the first time, with `duplicate: true`, and sent to nobody again.
#[utoipa::path(post, path = "/api/v1/platform/events", tag = "Publishing", operation_id = "event_publish",
    request_body = EventRequest,
    responses((status = 202, description = "Accepted.", body = AcceptedShape),
              (status = 409, description = "`event_id_conflict`", body = ErrorBody)),
    security(("platformKey" = [])))]
pub(crate) async fn event_publish(
    State(app): State<App>,
    PlatformCaller(platform): PlatformCaller,
    body: LateBody,
) -> Result<Response, Problem> {
    let body = body.read(EVENT_BODY_BYTES_MAX).await?;
    let accepted = app.actions.publish(platform, &body).await?;
    Ok((StatusCode::ACCEPTED, Json(AcceptedShape::from(accepted))).into_response())
}

/// Publish a batch of events
///
/// Up to 1000 events and 8 MiB; one result per event, in the order sent. A bad event never sinks its
/// neighbours.
#[utoipa::path(post, path = "/api/v1/platform/events/batch", tag = "Publishing",
    operation_id = "event_publish_batch",
    request_body = BatchRequest,
    responses((status = 202, description = "A result per event.", body = BatchShape,
        example = json!({"results": [
            {"id": "evt_order-1001-cancelled", "deliveries": 2},
            {"error": {"code": "invalid_body", "message": "The body is not valid; issues names each problem.",
                       "issues": [{"path": ["type"], "message": "is required"}]}}]}))),
    security(("platformKey" = [])))]
pub(crate) async fn event_publish_batch(
    State(app): State<App>,
    PlatformCaller(platform): PlatformCaller,
    body: LateBody,
) -> Result<Response, Problem> {
    let body = body.read(BATCH_BODY_BYTES_MAX).await?;
    let answers = app.actions.publish_batch(platform, &body).await?;
    let results = answers.into_iter().map(BatchResult::from).collect();
    Ok((StatusCode::ACCEPTED, Json(BatchShape { results })).into_response())
}

/// Create a shop
#[utoipa::path(post, path = "/api/v1/platform/shops", tag = "Shops", operation_id = "shop_create",
    request_body = ShopRequest,
    responses((status = 201, description = "Created.", body = ShopShape),
              (status = 409, description = "`duplicate_subdomain`", body = ErrorBody)),
    security(("platformKey" = [])))]
pub(crate) async fn shop_create(
    State(app): State<App>,
    PlatformCaller(platform): PlatformCaller,
    body: LateBody,
) -> Result<Response, Problem> {
    let body = body.read(SMALL_BODY_BYTES_MAX).await?;
    let shop = app.actions.shop_create(platform, &body).await?;
    Ok((StatusCode::CREATED, Json(ShopShape::from(shop))).into_response())
}

/// List shops
///
/// Newest first.
#[utoipa::path(get, path = "/api/v1/platform/shops", tag = "Shops", operation_id = "shop_list",
    params(("limit" = Option<u32>, Query, description = "Items to a page.", minimum = 1, maximum = 100, example = 50),
           ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before.")),
    responses((status = 200, description = "A page.", body = PageShape<ShopShape>)),
    security(("platformKey" = [])))]
pub(crate) async fn shop_list(
    State(app): State<App>,
    PlatformCaller(platform): PlatformCaller,
    Query(query): Query,
) -> Answer<PageShape<ShopShape>> {
    let page = app.actions.shop_list(platform, &query).await?;
    Ok(Json(PageShape::of(page, ShopShape::from)))
}

/// Get a shop
#[utoipa::path(get, path = "/api/v1/platform/shops/{id}", tag = "Shops", operation_id = "shop_get",
    params(("id" = String, Path, description = "The shop's id.", example = "sh_5b1f0c2e7d3a4f6b8c9d0e1f2a3b4c5d")),
    responses((status = 200, description = "The shop.", body = ShopShape)),
    security(("platformKey" = [])))]
pub(crate) async fn shop_get(
    State(app): State<App>,
    PlatformCaller(platform): PlatformCaller,
    Id(id): Id,
) -> Answer<ShopShape> {
    Ok(Json(app.actions.shop_get(platform, &id).await?.into()))
}

/// Update a shop
///
/// Its subdomain or name; `dev` never changes.
#[utoipa::path(patch, path = "/api/v1/platform/shops/{id}", tag = "Shops", operation_id = "shop_update",
    params(("id" = String, Path, description = "The shop's id.", example = "sh_5b1f0c2e7d3a4f6b8c9d0e1f2a3b4c5d")),
    request_body = ShopPatchRequest,
    responses((status = 200, description = "The shop as it is now.", body = ShopShape),
              (status = 409, description = "`duplicate_subdomain`", body = ErrorBody)),
    security(("platformKey" = [])))]
pub(crate) async fn shop_update(
    State(app): State<App>,
    PlatformCaller(platform): PlatformCaller,
    Id(id): Id,
    body: LateBody,
) -> Answer<ShopShape> {
    let id = app.actions.shop_get(platform, &id).await?.id;
    let body = body.read(SMALL_BODY_BYTES_MAX).await?;
    Ok(Json(app.actions.shop_update(platform, id, &body).await?.into()))
}

/// Mint an admin key
///
/// The answer carries the key, this once. Scopes are fixed at creation; write does not imply read.
#[utoipa::path(post, path = "/api/v1/platform/shops/{id}/keys", tag = "Shops", operation_id = "key_create",
    params(("id" = String, Path, description = "The shop's id.", example = "sh_5b1f0c2e7d3a4f6b8c9d0e1f2a3b4c5d")),
    request_body = KeyRequest,
    responses((status = 201, description = "Minted.", body = NewKeyShape)),
    security(("platformKey" = [])))]
pub(crate) async fn key_create(
    State(app): State<App>,
    PlatformCaller(platform): PlatformCaller,
    Id(id): Id,
    body: LateBody,
) -> Result<Response, Problem> {
    let keyring = app.actions.keyring(platform, &id).await?;
    let body = body.read(SMALL_BODY_BYTES_MAX).await?;
    let key = app.actions.key_create(keyring, &body).await?;
    Ok((StatusCode::CREATED, Json(NewKeyShape::from(key))).into_response())
}

/// List a shop's admin keys
///
/// Living ones, newest first; never the keys themselves.
#[utoipa::path(get, path = "/api/v1/platform/shops/{id}/keys", tag = "Shops", operation_id = "key_list",
    params(("id" = String, Path, description = "The shop's id.", example = "sh_5b1f0c2e7d3a4f6b8c9d0e1f2a3b4c5d"),
           ("limit" = Option<u32>, Query, description = "Items to a page.", minimum = 1, maximum = 100, example = 50),
           ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before.")),
    responses((status = 200, description = "A page.", body = PageShape<KeyShape>)),
    security(("platformKey" = [])))]
pub(crate) async fn key_list(
    State(app): State<App>,
    PlatformCaller(platform): PlatformCaller,
    Id(id): Id,
    Query(query): Query,
) -> Answer<PageShape<KeyShape>> {
    let keyring = app.actions.keyring(platform, &id).await?;
    let page = app.actions.key_list(keyring, &query).await?;
    Ok(Json(PageShape::of(page, KeyShape::from)))
}

/// Revoke an admin key
///
/// It stops at once.
#[utoipa::path(delete, path = "/api/v1/platform/shops/{id}/keys/{keyId}", tag = "Shops",
    operation_id = "key_revoke",
    params(("id" = String, Path, description = "The shop's id.", example = "sh_5b1f0c2e7d3a4f6b8c9d0e1f2a3b4c5d"),
           ("keyId" = String, Path, description = "The key's id.", example = "key_019715a2f0e07f77c1d2e3f405060718")),
    responses((status = 204, description = "Revoked.")),
    security(("platformKey" = [])))]
pub(crate) async fn key_revoke(
    State(app): State<App>,
    PlatformCaller(platform): PlatformCaller,
    Ids(shop, key): Ids,
) -> Result<StatusCode, Problem> {
    let keyring = app.actions.keyring(platform, &shop).await?;
    app.actions.key_revoke(keyring, &key).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a link into a shop's panel
///
/// Send the merchant's browser there, or embed it: the link opens Settings → Webhooks once, within five
/// minutes, with the capabilities named. Only `keys` shows or mints admin keys.
#[utoipa::path(post, path = "/api/v1/platform/shops/{id}/panel-links", tag = "Shops",
    operation_id = "panel_link_create",
    params(("id" = String, Path, description = "The shop's id.", example = "sh_5b1f0c2e7d3a4f6b8c9d0e1f2a3b4c5d")),
    request_body = PanelLinkRequest,
    responses((status = 201, description = "Made.", body = PanelLinkShape)),
    security(("platformKey" = [])))]
pub(crate) async fn panel_link_create(
    State(app): State<App>,
    PlatformCaller(platform): PlatformCaller,
    Id(id): Id,
    body: LateBody,
) -> Result<Response, Problem> {
    let keyring = app.actions.keyring(platform, &id).await?;
    let body = body.read(SMALL_BODY_BYTES_MAX).await?;
    let link = app.actions.panel_link_create(keyring, &body).await?;
    Ok((StatusCode::CREATED, Json(PanelLinkShape::of(&app.public_url, &link))).into_response())
}

/// End a shop's panel sessions
///
/// All of them, and all links that were not used yet: when a merchant signs out of the platform, or loses
/// access to the shop.
#[utoipa::path(delete, path = "/api/v1/platform/shops/{id}/panel-links", tag = "Shops",
    operation_id = "panel_sessions_end",
    params(("id" = String, Path, description = "The shop's id.", example = "sh_5b1f0c2e7d3a4f6b8c9d0e1f2a3b4c5d")),
    responses((status = 204, description = "Ended.")),
    security(("platformKey" = [])))]
pub(crate) async fn panel_sessions_end(
    State(app): State<App>,
    PlatformCaller(platform): PlatformCaller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    app.actions.panel_sessions_end(platform, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
