//! The Admin API: a shop's own webhooks and deliveries (CONTRACT §3).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use sellvik_actions::Redelivery;
use sellvik_domain::Scope;

use crate::app::App;
use crate::callers::AdminCaller;
use crate::problem::{ErrorBody, Problem};
use crate::request::{Id, Ids, LateBody, Query, SMALL_BODY_BYTES_MAX};
use crate::shapes::{
    CountShape, CreatedShape, DeliveryDetailShape, DeliveryShape, EventTypeShape, JobShape, JobStartedShape,
    PageShape, RedeliverRequest, RotateRequest, RotatedShape, TestRequest, TestShape, WebhookPatchRequest,
    WebhookRequest, WebhookShape,
};

type Answer<T> = Result<Json<T>, Problem>;

/// List webhooks
///
/// The shop's webhooks, newest first. Scope: `webhooks:read`.
#[utoipa::path(get, path = "/api/v1/admin/webhooks", tag = "Webhooks", operation_id = "webhook_list",
    params(("limit" = Option<u32>, Query, description = "Items to a page.", minimum = 1, maximum = 100, example = 50),
           ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before.")),
    responses((status = 200, description = "A page.", body = PageShape<WebhookShape>)),
    security(("adminKey" = ["webhooks:read"])))]
pub(crate) async fn webhook_list(
    State(app): State<App>,
    AdminCaller(admin): AdminCaller,
    Query(query): Query,
) -> Answer<PageShape<WebhookShape>> {
    let page = app.actions.webhook_list(&admin, &query).await?;
    Ok(Json(PageShape::of(page, WebhookShape::from)))
}

/// Create a webhook
///
/// The answer carries the secret, this once. Scope: `webhooks:write`.
#[utoipa::path(post, path = "/api/v1/admin/webhooks", tag = "Webhooks", operation_id = "webhook_create",
    request_body = WebhookRequest,
    responses((status = 201, description = "Registered.", body = CreatedShape),
              (status = 409, description = "`duplicate_endpoint` · `webhook_limit_reached`", body = ErrorBody)),
    security(("adminKey" = ["webhooks:write"])))]
pub(crate) async fn webhook_create(
    State(app): State<App>,
    AdminCaller(admin): AdminCaller,
    body: LateBody,
) -> Result<Response, Problem> {
    admin.require(Scope::WebhooksWrite)?;
    let body = body.read(SMALL_BODY_BYTES_MAX).await?;
    let created = app.actions.webhook_create(&admin, &body).await?;
    Ok((StatusCode::CREATED, Json(CreatedShape::from(created))).into_response())
}

/// Get a webhook
///
/// Scope: `webhooks:read`.
#[utoipa::path(get, path = "/api/v1/admin/webhooks/{id}", tag = "Webhooks", operation_id = "webhook_get",
    params(("id" = String, Path, description = "The webhook's id.", example = "wh_019715a2f0e07c3c8d1f5b2a90c4e617")),
    responses((status = 200, description = "The webhook.", body = WebhookShape)),
    security(("adminKey" = ["webhooks:read"])))]
pub(crate) async fn webhook_get(
    State(app): State<App>,
    AdminCaller(admin): AdminCaller,
    Id(id): Id,
) -> Answer<WebhookShape> {
    Ok(Json(app.actions.webhook_get(&admin, &id).await?.into()))
}

/// Update a webhook
///
/// Any subset of the fields; the secret stays. A disabled webhook's queued deliveries wait for their 24
/// hours. Scope: `webhooks:write`.
#[utoipa::path(patch, path = "/api/v1/admin/webhooks/{id}", tag = "Webhooks", operation_id = "webhook_update",
    params(("id" = String, Path, description = "The webhook's id.", example = "wh_019715a2f0e07c3c8d1f5b2a90c4e617")),
    request_body = WebhookPatchRequest,
    responses((status = 200, description = "The webhook as it is now.", body = WebhookShape),
              (status = 409, description = "`duplicate_endpoint`", body = ErrorBody)),
    security(("adminKey" = ["webhooks:write"])))]
pub(crate) async fn webhook_update(
    State(app): State<App>,
    AdminCaller(admin): AdminCaller,
    Id(id): Id,
    body: LateBody,
) -> Answer<WebhookShape> {
    let id = app.actions.webhook_writable(&admin, &id).await?;
    let body = body.read(SMALL_BODY_BYTES_MAX).await?;
    Ok(Json(app.actions.webhook_update(&admin, id, &body).await?.into()))
}

/// Delete a webhook
///
/// Deliveries under way go on for about 5 minutes, then stop. Scope: `webhooks:write`.
#[utoipa::path(delete, path = "/api/v1/admin/webhooks/{id}", tag = "Webhooks", operation_id = "webhook_delete",
    params(("id" = String, Path, description = "The webhook's id.", example = "wh_019715a2f0e07c3c8d1f5b2a90c4e617")),
    responses((status = 204, description = "Deleted.")),
    security(("adminKey" = ["webhooks:write"])))]
pub(crate) async fn webhook_delete(
    State(app): State<App>,
    AdminCaller(admin): AdminCaller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    app.actions.webhook_delete(&admin, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Rotate a webhook's secret
///
/// `X-Sellvik-Signature` is made with the old secret until `activeFrom`, with the new one after;
/// `webhook-signature` carries both until 24 hours later. Scope: `webhooks:write`.
#[utoipa::path(post, path = "/api/v1/admin/webhooks/{id}/rotate-secret", tag = "Webhooks",
    operation_id = "webhook_rotate_secret",
    params(("id" = String, Path, description = "The webhook's id.", example = "wh_019715a2f0e07c3c8d1f5b2a90c4e617")),
    request_body = Option<RotateRequest>,
    responses((status = 200, description = "The new secret, this once.", body = RotatedShape)),
    security(("adminKey" = ["webhooks:write"])))]
pub(crate) async fn webhook_rotate_secret(
    State(app): State<App>,
    AdminCaller(admin): AdminCaller,
    Id(id): Id,
    body: LateBody,
) -> Answer<RotatedShape> {
    let id = app.actions.webhook_writable(&admin, &id).await?;
    let body = body.read(SMALL_BODY_BYTES_MAX).await?;
    Ok(Json(app.actions.webhook_rotate(&admin, id, &body).await?.into()))
}

/// Send a test event
///
/// The catalogue's example of the event type, marked `"test": true`, in one attempt; also to a disabled
/// webhook. Scope: `webhooks:write`.
#[utoipa::path(post, path = "/api/v1/admin/webhooks/{id}/test", tag = "Webhooks", operation_id = "webhook_test",
    params(("id" = String, Path, description = "The webhook's id.", example = "wh_019715a2f0e07c3c8d1f5b2a90c4e617")),
    request_body = TestRequest,
    responses((status = 202, description = "On its way.", body = TestShape)),
    security(("adminKey" = ["webhooks:write"])))]
pub(crate) async fn webhook_test(
    State(app): State<App>,
    AdminCaller(admin): AdminCaller,
    Id(id): Id,
    body: LateBody,
) -> Result<Response, Problem> {
    let id = app.actions.webhook_writable(&admin, &id).await?;
    let body = body.read(SMALL_BODY_BYTES_MAX).await?;
    let test = app.actions.webhook_test(&admin, id, &body).await?;
    Ok((StatusCode::ACCEPTED, Json(TestShape::from(test))).into_response())
}

/// List a webhook's deliveries
///
/// Newest first; kept for 30 days. Scope: `webhooks:read`.
#[utoipa::path(get, path = "/api/v1/admin/webhooks/{id}/deliveries", tag = "Deliveries",
    operation_id = "delivery_list",
    params(("id" = String, Path, description = "The webhook's id.", example = "wh_019715a2f0e07c3c8d1f5b2a90c4e617"),
           ("limit" = Option<u32>, Query, description = "Items to a page.", minimum = 1, maximum = 100, example = 50),
           ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before."),
           ("status" = Option<String>, Query, description = "`pending`, `succeeded`, `failed` or `dropped`.",
            pattern = "^(pending|succeeded|failed|dropped)$", example = "failed")),
    responses((status = 200, description = "A page.", body = PageShape<DeliveryShape>)),
    security(("adminKey" = ["webhooks:read"])))]
pub(crate) async fn delivery_list(
    State(app): State<App>,
    AdminCaller(admin): AdminCaller,
    Id(id): Id,
    Query(query): Query,
) -> Answer<PageShape<DeliveryShape>> {
    let page = app.actions.delivery_list(&admin, &id, &query).await?;
    Ok(Json(PageShape::of(page, DeliveryShape::from)))
}

/// Get a delivery
///
/// With the body that was sent and every attempt. Scope: `webhooks:read`.
#[utoipa::path(get, path = "/api/v1/admin/webhooks/{id}/deliveries/{deliveryId}", tag = "Deliveries",
    operation_id = "delivery_get",
    params(("id" = String, Path, description = "The webhook's id.", example = "wh_019715a2f0e07c3c8d1f5b2a90c4e617"),
           ("deliveryId" = String, Path, description = "The delivery's id.",
            example = "del_019715a2f0e17a41b0c2d3e4f5061728")),
    responses((status = 200, description = "The delivery.", body = DeliveryDetailShape)),
    security(("adminKey" = ["webhooks:read"])))]
pub(crate) async fn delivery_get(
    State(app): State<App>,
    AdminCaller(admin): AdminCaller,
    Ids(webhook, id): Ids,
) -> Answer<DeliveryDetailShape> {
    Ok(Json(app.actions.delivery_get(&admin, &webhook, &id).await?.into()))
}

/// Redeliver one
///
/// A pending or failed delivery becomes due now; a succeeded or dropped one is sent again as a new
/// delivery with its own schedule. Scope: `webhooks:write`.
#[utoipa::path(post, path = "/api/v1/admin/webhooks/{id}/deliveries/{deliveryId}/redeliver", tag = "Deliveries",
    operation_id = "delivery_redeliver",
    params(("id" = String, Path, description = "The webhook's id.", example = "wh_019715a2f0e07c3c8d1f5b2a90c4e617"),
           ("deliveryId" = String, Path, description = "The delivery's id.",
            example = "del_019715a2f0e17a41b0c2d3e4f5061728")),
    responses((status = 202, description = "The delivery that is due now.", body = DeliveryShape),
              (status = 409, description = "`webhook_disabled`", body = ErrorBody)),
    security(("adminKey" = ["webhooks:write"])))]
pub(crate) async fn delivery_redeliver(
    State(app): State<App>,
    AdminCaller(admin): AdminCaller,
    Ids(webhook, id): Ids,
) -> Result<Response, Problem> {
    let delivery = app.actions.delivery_redeliver(&admin, &webhook, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(DeliveryShape::from(delivery))).into_response())
}

/// Redeliver a window
///
/// A durable job over at most 100,000 deliveries, oldest first; one at a time per webhook. Scope:
/// `webhooks:write`.
#[utoipa::path(post, path = "/api/v1/admin/webhooks/{id}/redeliver", tag = "Deliveries",
    operation_id = "webhook_redeliver",
    params(("id" = String, Path, description = "The webhook's id.", example = "wh_019715a2f0e07c3c8d1f5b2a90c4e617"),
           ("dryRun" = Option<bool>, Query, description = "Only count what would be sent again.", example = true)),
    request_body = RedeliverRequest,
    responses((status = 200, description = "With `dryRun=true`: the count.", body = CountShape),
              (status = 202, description = "The job was made.", body = JobStartedShape),
              (status = 409, description = "`webhook_disabled` · `redelivery_running`", body = ErrorBody)),
    security(("adminKey" = ["webhooks:write"])))]
pub(crate) async fn webhook_redeliver(
    State(app): State<App>,
    AdminCaller(admin): AdminCaller,
    Id(id): Id,
    Query(query): Query,
    body: LateBody,
) -> Result<Response, Problem> {
    let id = app.actions.webhook_writable(&admin, &id).await?;
    let body = body.read(SMALL_BODY_BYTES_MAX).await?;
    Ok(match app.actions.webhook_redeliver(&admin, id, &query, &body).await? {
        Redelivery::Counted(matched) => Json(CountShape { matched, dry_run: true }).into_response(),
        Redelivery::Started(job) => {
            let started = JobStartedShape { id: job.id, matched: job.matched };
            (StatusCode::ACCEPTED, Json(started)).into_response()
        }
    })
}

/// Get a redelivery
///
/// How far the job has come. Scope: `webhooks:read`.
#[utoipa::path(get, path = "/api/v1/admin/webhooks/{id}/redeliver/{jobId}", tag = "Deliveries",
    operation_id = "redelivery_get",
    params(("id" = String, Path, description = "The webhook's id.", example = "wh_019715a2f0e07c3c8d1f5b2a90c4e617"),
           ("jobId" = String, Path, description = "The job's id.", example = "job_019715a2f0e07e66b1c2d3e4f5060718")),
    responses((status = 200, description = "The job.", body = JobShape)),
    security(("adminKey" = ["webhooks:read"])))]
pub(crate) async fn redelivery_get(
    State(app): State<App>,
    AdminCaller(admin): AdminCaller,
    Ids(webhook, id): Ids,
) -> Answer<JobShape> {
    Ok(Json(app.actions.job_get(&admin, &webhook, &id).await?.into()))
}

/// List event types
///
/// The catalogue, by name: what each event tells, the schema of its data and an example. Scope:
/// `webhooks:read`.
#[utoipa::path(get, path = "/api/v1/admin/event-types", tag = "Event types", operation_id = "event_type_list",
    params(("limit" = Option<u32>, Query, description = "Items to a page.", minimum = 1, maximum = 100, example = 50),
           ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before.")),
    responses((status = 200, description = "A page.", body = PageShape<EventTypeShape>)),
    security(("adminKey" = ["webhooks:read"])))]
pub(crate) async fn event_type_list(
    State(app): State<App>,
    AdminCaller(admin): AdminCaller,
    Query(query): Query,
) -> Answer<PageShape<EventTypeShape>> {
    let page = app.actions.event_types(&admin, &query)?;
    Ok(Json(PageShape::of(page, EventTypeShape::from)))
}
