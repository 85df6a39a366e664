//! What comes in, for the document. Bodies are read by the actions, which report all problems at once;
//! these shapes only describe them.
#![expect(dead_code, reason = "described in OpenAPI, never constructed")]

use utoipa::ToSchema;

/// A webhook to register.
#[derive(ToSchema)]
pub(crate) struct WebhookRequest {
    /// What people call it; at most 200 characters, no control characters.
    #[schema(
        max_length = 200,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$",
        example = "Shipping integration",
        required = false
    )]
    name: Option<String>,
    /// Where events go: https, public, at most 2048 characters. `http://` only on dev shops.
    #[schema(max_length = 2048, example = "https://erp.example.com/sellvik-events")]
    url: String,
    /// Event types of the catalogue.
    #[schema(min_items = 1, example = json!(["order.created", "order.fulfilled", "order.cancelled"]))]
    events: Vec<String>,
}

/// Any subset of a webhook's fields.
#[derive(ToSchema)]
pub(crate) struct WebhookPatchRequest {
    /// On or off.
    #[schema(example = false, nullable = false)]
    enabled: Option<bool>,
    /// A new address, for every attempt that starts from now on.
    #[schema(max_length = 2048, example = "https://new.example.com/sellvik-events", nullable = false)]
    url: Option<String>,
    /// A new subscription; deliveries already made go on.
    #[schema(min_items = 1, example = json!(["order.created"]), nullable = false)]
    events: Option<Vec<String>>,
    /// A new name; null clears it.
    #[schema(
        max_length = 200,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$",
        example = "Shipping integration (paused)"
    )]
    name: Option<String>,
}

/// A secret rotation.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct RotateRequest {
    /// Seconds until the new secret signs; 0 if absent.
    #[schema(minimum = 0, maximum = 86400, example = 3600, nullable = false)]
    activate_in: Option<u32>,
}

/// A test event.
#[derive(ToSchema)]
pub(crate) struct TestRequest {
    /// The event type whose example is sent.
    #[schema(example = "order.created")]
    event: String,
}

/// A window of deliveries.
#[derive(ToSchema)]
pub(crate) struct RedeliverRequest {
    /// Deliveries made from this moment on.
    #[schema(format = DateTime, example = "2026-05-27T00:00:00.000Z")]
    since: String,
    /// Deliveries made before this moment; now if absent.
    #[schema(format = DateTime, example = "2026-05-27T13:00:00.000Z", nullable = false)]
    until: Option<String>,
    /// Deliveries in this status: `pending`, `succeeded`, `failed` or `dropped` (the default).
    #[schema(pattern = "^(pending|succeeded|failed|dropped)$", example = "dropped", nullable = false)]
    status: Option<String>,
}

/// A shop to create.
#[derive(ToSchema)]
pub(crate) struct ShopRequest {
    /// Its part of the platform's host name.
    #[schema(pattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", example = "acme")]
    subdomain: String,
    /// What people call it.
    #[schema(
        max_length = 200,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$",
        example = "Acme Ltd",
        required = false
    )]
    name: Option<String>,
    /// Whether `http://` endpoints are allowed; never changes.
    #[schema(example = false, nullable = false)]
    dev: Option<bool>,
}

/// What changes of a shop.
#[derive(ToSchema)]
pub(crate) struct ShopPatchRequest {
    /// A new subdomain; envelopes of events accepted before keep the old one.
    #[schema(pattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", example = "acme-store", nullable = false)]
    subdomain: Option<String>,
    /// A new name; null clears it.
    #[schema(max_length = 200, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$", example = "Acme Store")]
    name: Option<String>,
}

/// An admin key to mint.
#[derive(ToSchema)]
pub(crate) struct KeyRequest {
    /// What people call it.
    #[schema(
        max_length = 200,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$",
        example = "ERP",
        required = false
    )]
    name: Option<String>,
    /// `webhooks:read`, `webhooks:write` or both.
    #[schema(min_items = 1, example = json!(["webhooks:read", "webhooks:write"]))]
    #[schema(value_type = Vec<ScopeName>)]
    scopes: Vec<String>,
}

/// What a key may do.
#[derive(ToSchema)]
#[schema(pattern = "^webhooks:(read|write)$", example = "webhooks:read")]
pub(crate) struct ScopeName(String);

/// A way into the panel to make.
#[derive(ToSchema)]
pub(crate) struct PanelLinkRequest {
    /// What the session may do: `read`, `write`, `keys`, or several; none implies another.
    #[schema(value_type = Vec<CapabilityName>, min_items = 1, example = json!(["read", "write"]))]
    capabilities: Vec<String>,
}

/// What a panel session may do.
#[derive(ToSchema)]
#[schema(pattern = "^(read|write|keys)$", example = "read")]
pub(crate) struct CapabilityName(String);

/// An event to publish.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", example = json!({
    "shop": "sh_5b1f0c2e7d3a4f6b8c9d0e1f2a3b4c5d",
    "type": "order.cancelled",
    "data": {"order": {"id": "ord_1001", "orderNumber": "1001"}},
    "id": "evt_order-1001-cancelled",
    "createdAt": "2026-05-27T13:45:00.000Z"}))]
pub(crate) struct EventRequest {
    /// The shop it happened in.
    #[schema(example = "sh_5b1f0c2e7d3a4f6b8c9d0e1f2a3b4c5d")]
    shop: String,
    /// An event type of the catalogue.
    #[schema(rename = "type", example = "order.cancelled")]
    kind: String,
    /// What happened: an object by the type's schema, at most 262,144 bytes.
    #[schema(value_type = Object)]
    data: serde_json::Value,
    /// Your own id, unique per shop: publishing it again with the same type and data sends nothing twice.
    #[schema(pattern = "^evt_[A-Za-z0-9_-]{1,64}$", example = "evt_order-1001-cancelled", nullable = false)]
    id: Option<String>,
    /// When it happened; now if absent.
    #[schema(format = DateTime, example = "2026-05-27T13:45:00.000Z", nullable = false)]
    created_at: Option<String>,
}

/// Events to publish.
#[derive(ToSchema)]
pub(crate) struct BatchRequest {
    /// Up to 1000 events.
    #[schema(max_items = 1000)]
    events: Vec<EventRequest>,
}
