//! Shops, keys and publishing on the wire.

use sellvik_actions::{Accepted, NewKey, PanelLink};
use sellvik_domain::{AdminKey, EventId, KeyId, Name, Scope, Shop, ShopId, Subdomain, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::{ErrorBody, Problem};

/// A shop.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(title = "Shop")]
pub(crate) struct ShopShape {
    /// Its id.
    #[schema(value_type = String, example = "sh_5b1f0c2e7d3a4f6b8c9d0e1f2a3b4c5d")]
    id: ShopId,
    /// Its part of the platform's host name; unique.
    #[schema(value_type = String, example = "acme")]
    subdomain: Subdomain,
    /// What people call it.
    #[schema(value_type = Option<String>, example = "Acme Ltd", required = true)]
    name: Option<Name>,
    /// Whether `http://` endpoints are allowed.
    dev: bool,
    /// When it was created.
    #[schema(value_type = String, format = DateTime, example = "2026-05-20T10:00:00.000Z")]
    created_at: Timestamp,
}

impl From<Shop> for ShopShape {
    fn from(shop: Shop) -> Self {
        let Shop { id, subdomain, name, dev, created_at } = shop;
        Self { id, subdomain, name, dev, created_at }
    }
}

/// An admin key as it is listed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(title = "AdminKey")]
pub(crate) struct KeyShape {
    /// Its id.
    #[schema(value_type = String, example = "key_019715a2f0e07f77c1d2e3f405060718")]
    id: KeyId,
    /// What people call it.
    #[schema(value_type = Option<String>, example = "ERP", required = true)]
    name: Option<Name>,
    /// The first characters of the key, for triage.
    #[schema(example = "sk_live_5b1f0c")]
    prefix: String,
    /// What it may do; fixed at creation. Write does not imply read.
    #[schema(value_type = Vec<String>, example = json!(["webhooks:read", "webhooks:write"]))]
    scopes: Vec<Scope>,
    /// When it was minted.
    #[schema(value_type = String, format = DateTime, example = "2026-05-20T10:00:00.000Z")]
    created_at: Timestamp,
    /// When it was last used, to the minute; null before the first use.
    #[schema(value_type = Option<String>, format = DateTime, example = json!(null), required = true)]
    last_used_at: Option<Timestamp>,
}

impl From<AdminKey> for KeyShape {
    fn from(key: AdminKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            prefix: key.prefix,
            scopes: key.scopes.to_vec(),
            created_at: key.created_at,
            last_used_at: key.last_used_at,
        }
    }
}

/// An admin key just minted, shown this once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(title = "AdminKeyCreated")]
pub(crate) struct NewKeyShape {
    /// Its id.
    #[schema(value_type = String, example = "key_019715a2f0e07f77c1d2e3f405060718")]
    id: KeyId,
    /// What people call it.
    #[schema(value_type = Option<String>, example = "ERP", required = true)]
    name: Option<Name>,
    /// The first characters of the key, for triage.
    #[schema(example = "sk_live_5b1f0c")]
    prefix: String,
    /// What it may do.
    #[schema(value_type = Vec<String>, example = json!(["webhooks:read", "webhooks:write"]))]
    scopes: Vec<Scope>,
    /// The key itself. Store it now: no other response carries it.
    #[schema(example = "sk_live_5b1f0c_example-only-not-a-real-key")]
    key: String,
    /// When it was minted.
    #[schema(value_type = String, format = DateTime, example = "2026-05-20T10:00:00.000Z")]
    created_at: Timestamp,
}

impl From<NewKey> for NewKeyShape {
    fn from(NewKey { key, plaintext }: NewKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            prefix: key.prefix,
            scopes: key.scopes.to_vec(),
            key: plaintext,
            created_at: key.created_at,
        }
    }
}

/// A one-time link into a shop's panel.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(title = "PanelLink")]
pub(crate) struct PanelLinkShape {
    /// Where to send the merchant's browser; good for one visit.
    #[schema(
        example = "https://webhooks.example.com/panel/sh_5b1f0c2e7d3a4f6b8c9d0e1f2a3b4c5d/enter/example-only"
    )]
    url: String,
    /// When the link stops to work.
    #[schema(value_type = String, format = DateTime, example = "2026-05-27T13:50:00.000Z")]
    expires_at: Timestamp,
}

impl PanelLinkShape {
    pub(crate) fn of(public_url: &str, link: &PanelLink) -> Self {
        Self { url: link.url(public_url), expires_at: link.expires_at }
    }
}

/// An event accepted: it and its deliveries are durable.
#[derive(Serialize, ToSchema)]
#[schema(title = "EventAccepted")]
pub(crate) struct AcceptedShape {
    /// The event's id.
    #[schema(value_type = String, example = "evt_019715a2f0e07d55a1b2c3d4e5f60718")]
    id: EventId,
    /// How many webhooks it goes to.
    #[schema(example = 2)]
    deliveries: u32,
    /// Present if the event had been accepted before: this is the first answer, and nothing was sent again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    duplicate: bool,
}

impl From<Accepted> for AcceptedShape {
    fn from(Accepted { id, deliveries, duplicate }: Accepted) -> Self {
        Self { id, deliveries, duplicate }
    }
}

/// The answer to a batch.
#[derive(Serialize, ToSchema)]
#[schema(title = "BatchAccepted")]
pub(crate) struct BatchShape {
    /// One result per event, in the order sent.
    pub(crate) results: Vec<BatchResult>,
}

/// What became of one event of a batch.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum BatchResult {
    /// It was accepted.
    Accepted(AcceptedShape),
    /// It was not; its neighbours were not touched.
    Refused(ErrorBody),
}

impl From<sellvik_actions::BatchAnswer> for BatchResult {
    fn from(answer: sellvik_actions::BatchAnswer) -> Self {
        match answer {
            Ok(accepted) => Self::Accepted(accepted.into()),
            Err(error) => Self::Refused(Problem::from(error).into_body()),
        }
    }
}
