//! The nouns and pure rules of Sellvik Webhooks.
//!
//! Nothing here knows a clock, a random source, a socket or a database: time and chance come in as
//! values, so every rule of the contract can be tested by a table.

mod address;
mod delivery;
mod event;
mod hour;
mod id;
mod issue;
mod outcome;
mod page;
mod panel;
mod request;
mod retry;
mod secret;
mod shop;
mod signature;
mod time;
mod url;
mod webhook;

pub use address::{AddressPolicy, LOOPBACK};
pub use delivery::{Attempt, Delivery, DeliveryState, DeliveryStatus, DropReason};
pub use event::{Envelope, EventId, WebhookFailed, fingerprint};
pub use hour::{HOUR, HourCounts, RESPONSE_BUCKETS_MS, WebhookHour};
pub use id::{DeliveryId, InvalidId, JobId, KeyId, ShopId, WebhookId, delivery_id_of_family};
pub use issue::{Issue, PathPart};
pub use outcome::{Answer, Class, Failure, FailureKind, Outcome, RESPONSE_BODY_BYTES_MAX, RetryAfter};
pub use page::CursorKey;
pub use panel::{Capabilities, Capability, PanelSession};
pub use request::DeliveryRequest;
pub use retry::{Chain, Schedule, Verdict, judge};
pub use secret::WebhookSecret;
pub use shop::{AdminKey, NAME_CHARS_MAX, Name, Scope, Scopes, Shop, Subdomain};
pub use signature::{SignatureHeaders, Signer};
pub use time::Timestamp;
pub use url::{EndpointHost, EndpointUrl, URL_CHARS_MAX, is_local_name, is_loopback_name};
pub use webhook::{
    Endpoint, EventType, Lane, Passage, Patch, Standing, WEBHOOK_FAILED, Webhook, WebhookPatch,
};
