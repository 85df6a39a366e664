//! Webhooks and event types on the wire.

use sellvik_actions::{CatalogEntry, Created, Rotated};
use sellvik_domain::{EventType, Name, Timestamp, Webhook, WebhookId};
use serde::Serialize;
use utoipa::ToSchema;

/// A webhook. The secret is never part of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(title = "Webhook")]
pub(crate) struct WebhookShape {
    /// Its id.
    #[schema(value_type = String, example = "wh_019715a2f0e07c3c8d1f5b2a90c4e617")]
    id: WebhookId,
    /// What people call it.
    #[schema(value_type = Option<String>, example = "Shipping integration", required = true)]
    name: Option<Name>,
    /// Where events go, as it was sent.
    #[schema(example = "https://erp.example.com/sellvik-events")]
    url: String,
    /// The event types it subscribes to.
    #[schema(value_type = Vec<String>, example = json!(["order.created", "order.fulfilled"]))]
    events: Vec<EventType>,
    /// Whether attempts are made.
    enabled: bool,
    /// Failed attempts since the last success; cleared by a success or by re-enabling.
    #[schema(example = 0)]
    failure_count: u32,
    /// When the last attempt ended; null before the first.
    #[schema(value_type = Option<String>, format = DateTime, required = true,
        example = "2026-05-27T13:45:00.000Z")]
    last_delivery_at: Option<Timestamp>,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime, example = "2026-05-20T10:00:00.000Z")]
    created_at: Timestamp,
}

impl From<Webhook> for WebhookShape {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id,
            name: webhook.name,
            url: webhook.url.as_sent().to_owned(),
            events: webhook.events,
            enabled: webhook.enabled,
            failure_count: webhook.failure_count,
            last_delivery_at: webhook.last_delivery_at,
            created_at: webhook.created_at,
        }
    }
}

/// A webhook just made, with the secret that is shown this once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(title = "WebhookCreated")]
pub(crate) struct CreatedShape {
    /// Its id.
    #[schema(value_type = String, example = "wh_019715a2f0e07c3c8d1f5b2a90c4e617")]
    id: WebhookId,
    /// What people call it.
    #[schema(value_type = Option<String>, example = "Shipping integration", required = true)]
    name: Option<Name>,
    /// Where events go, as it was sent.
    #[schema(example = "https://erp.example.com/sellvik-events")]
    url: String,
    /// The event types it subscribes to.
    #[schema(value_type = Vec<String>, example = json!(["order.created", "order.fulfilled"]))]
    events: Vec<EventType>,
    /// Whether attempts are made.
    enabled: bool,
    /// What deliveries are signed with. Store it now: no other response carries it.
    #[schema(example = "whsec_ZXhhbXBsZSBvbmx5LCBub3QgYSByZWFsIHNlY3JldCE=")]
    secret: String,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime, example = "2026-05-27T14:00:00.000Z")]
    created_at: Timestamp,
}

impl From<Created> for CreatedShape {
    fn from(Created { webhook, secret }: Created) -> Self {
        Self {
            id: webhook.id,
            name: webhook.name,
            url: webhook.url.as_sent().to_owned(),
            events: webhook.events,
            enabled: webhook.enabled,
            secret: secret.reveal().to_owned(),
            created_at: webhook.created_at,
        }
    }
}

/// A new secret, shown this once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(title = "SecretRotated")]
pub(crate) struct RotatedShape {
    /// The new secret.
    #[schema(example = "whsec_ZXhhbXBsZSBvbmx5LCBub3QgYSByZWFsIHNlY3JldCE=")]
    secret: String,
    /// From when on `X-Sellvik-Signature` is made with it. `webhook-signature` carries both until 24 h later.
    #[schema(value_type = String, format = DateTime, example = "2026-05-27T14:00:00.000Z")]
    active_from: Timestamp,
}

impl From<Rotated> for RotatedShape {
    fn from(rotated: Rotated) -> Self {
        Self { secret: rotated.secret.reveal().to_owned(), active_from: rotated.active_from }
    }
}

/// An event type of the catalogue.
#[derive(Serialize, ToSchema)]
#[schema(title = "EventType", example = json!({
    "name": "order.cancelled",
    "description": "An order was cancelled by the merchant or the customer.",
    "family": "Orders",
    "schema": {"type": "object", "properties": {
        "order": {"type": "object", "description": "The order as it stands after this event."}}},
    "example": {"order": {"id": "ord_1001", "orderNumber": "1001"}}}))]
pub(crate) struct EventTypeShape {
    /// Its name.
    #[schema(example = "order.created")]
    name: String,
    /// What it tells.
    #[schema(example = "A customer placed an order.")]
    description: String,
    /// What it belongs to.
    #[schema(example = "Orders")]
    family: String,
    /// The JSON Schema of `data`.
    #[schema(value_type = Object)]
    schema: serde_json::Value,
    /// An example of `data`.
    #[schema(value_type = Object)]
    example: serde_json::Value,
}

impl From<&CatalogEntry> for EventTypeShape {
    fn from(entry: &CatalogEntry) -> Self {
        Self {
            name: entry.name().to_owned(),
            description: entry.description().to_owned(),
            family: entry.family().to_owned(),
            schema: entry.schema().clone(),
            example: entry.example().clone(),
        }
    }
}
