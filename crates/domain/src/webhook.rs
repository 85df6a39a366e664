//! A webhook: where a shop wants its events.

use std::sync::Arc;

use serde::Serialize;

use crate::{EndpointUrl, Name, ShopId, Signer, Timestamp, WebhookId};

/// The name of an event type: `^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$`, at most 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct EventType(Arc<str>);

/// The system's own event about a delivery given up (CONTRACT §5).
pub const WEBHOOK_FAILED: &str = "webhook.failed";

/// Longest event type name: keeps headers and index entries small.
const EVENT_TYPE_CHARS_MAX: usize = 64;

impl EventType {
    /// Takes a well-formed name, whether or not a catalogue knows it.
    pub fn parse(text: &str) -> Option<Self> {
        let word =
            |w: &str| !w.is_empty() && w.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        let ok = text.len() <= EVENT_TYPE_CHARS_MAX
            && text.contains('.')
            && text.split('.').all(word)
            && text.as_bytes()[0].is_ascii_lowercase();
        ok.then(|| Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A webhook as its shop sees it; the secret is not part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// The tenant.
    pub shop: ShopId,
    /// What people call it.
    pub name: Option<Name>,
    /// Where events go.
    pub url: EndpointUrl,
    /// The event types it subscribes to, in the order given.
    pub events: Vec<EventType>,
    /// Whether attempts are made.
    pub enabled: bool,
    /// Failed attempts since the last success or re-enabling.
    pub failure_count: u32,
    /// When the last attempt ended.
    pub last_delivery_at: Option<Timestamp>,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// What a PATCH changes; absent fields stay.
#[derive(Debug, Clone, Default)]
pub struct WebhookPatch {
    /// Three states by name: leave, clear, set.
    pub name: Patch<Name>,
    /// A new address, for every attempt that starts after the change.
    pub url: Option<EndpointUrl>,
    /// A new subscription; deliveries already made go on.
    pub events: Option<Vec<EventType>>,
    /// On or off.
    pub enabled: Option<bool>,
}

/// A nullable field of a PATCH.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// Not mentioned.
    #[default]
    Leave,
    /// `null`.
    Clear,
    /// A value.
    Set(T),
}

impl<T> Patch<T> {
    /// What the field holds once this is applied over `current`.
    pub fn apply(self, current: Option<T>) -> Option<T> {
        match self {
            Self::Leave => current,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

/// The number of a webhook's lane: what queues and indexes go by. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane(pub i64);

/// What an attempt needs to know of a webhook, as of the moment the attempt starts.
pub struct Endpoint {
    /// Its lane.
    pub lane: Lane,
    /// Its id.
    pub webhook: WebhookId,
    /// The tenant.
    pub shop: ShopId,
    /// Whether the shop is a dev shop: `http://` is allowed, also on redirects.
    pub dev: bool,
    /// Where events go.
    pub url: Arc<EndpointUrl>,
    /// What people call it.
    pub name: Option<Name>,
    /// Its secrets, ready to sign; none once draining has ended and they are erased.
    pub signer: Option<Signer>,
    /// Whether it may be attempted at all.
    pub standing: Standing,
    /// When it was last re-enabled: what ran out of its 24 hours before then stays dropped.
    pub enabled_at: Timestamp,
}

/// Whether a webhook's deliveries may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Attempts are made.
    Enabled,
    /// Deliveries wait (CONTRACT §3: Disabled).
    Disabled,
    /// Deleted: what is queued goes on until `drain_ends` if it was enabled, then is dropped.
    Deleted {
        /// When draining ends.
        drain_ends: Timestamp,
        /// Whether it was enabled when it was deleted.
        enabled: bool,
    },
}

/// What a lane may do at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// Attempts may start.
    Open,
    /// Nothing starts; deliveries wait.
    Held,
    /// Nothing will ever start again; what waits is dropped.
    Ended,
}

impl Standing {
    /// What the lane may do at `now`.
    pub fn passage(self, now: Timestamp) -> Passage {
        match self {
            Self::Deleted { drain_ends, .. } if now >= drain_ends => Passage::Ended,
            Self::Enabled | Self::Deleted { enabled: true, .. } => Passage::Open,
            Self::Disabled | Self::Deleted { enabled: false, .. } => Passage::Held,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_types_are_dotted_lower_case_words() {
        for good in ["order.created", "inventory.low_stock", "a.b.c"] {
            assert!(EventType::parse(good).is_some(), "{good}");
        }
        for bad in
            ["", "order", ".created", "order.", "Order.created", "order created.x", "1.a", "ö.a", "a..b"]
        {
            assert!(EventType::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_deleted_webhook_drains_then_ends() {
        let at = Timestamp::from_millis;
        let deleted = |enabled| Standing::Deleted { drain_ends: at(10), enabled };
        assert_eq!(deleted(true).passage(at(9)), Passage::Open);
        assert_eq!(deleted(true).passage(at(10)), Passage::Ended);
        assert_eq!(deleted(false).passage(at(9)), Passage::Held);
        assert_eq!(deleted(false).passage(at(10)), Passage::Ended);
        assert_eq!(Standing::Disabled.passage(at(99)), Passage::Held);
    }
}
