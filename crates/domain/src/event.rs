//! Events: what happened in a shop, and the envelope a receiver gets.

use std::fmt;
use std::sync::Arc;

use ring::digest::{Context, SHA256};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::id::time_ordered_hex;
use crate::{DropReason, EventType, InvalidId, ShopId, Subdomain, Timestamp, WebhookId};

/// An event's id, the publisher's own or ours: `^evt_[A-Za-z0-9_-]{1,64}$`, unique per shop.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct EventId(Arc<str>);

impl EventId {
    /// A time-ordered id for an event that came without one.
    pub fn new(at: Timestamp, random: [u8; 10]) -> Self {
        Self(format!("evt_{}", time_ordered_hex(at, random)).into())
    }

    /// The id of a test event.
    pub fn new_test(at: Timestamp, random: [u8; 10]) -> Self {
        Self(format!("evt_test_{}", time_ordered_hex(at, random)).into())
    }

    /// Takes a publisher's id.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let body = text.strip_prefix("evt_").ok_or(InvalidId)?;
        let ok = matches!(body.len(), 1..=64)
            && body.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        ok.then(|| Self(text.into())).ok_or(InvalidId)
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The bytes a receiver gets: the same on every attempt and redirect, `data` as it was published.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope<'a> {
    /// The event's id.
    pub id: &'a EventId,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: &'a EventType,
    /// When it happened, as the publisher says.
    pub created_at: Timestamp,
    /// The shop's subdomain when the event was accepted.
    pub shop_subdomain: &'a Subdomain,
    /// The shop.
    pub shop_id: ShopId,
    /// Whether it is a test event; absent otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
    /// What happened.
    pub data: &'a RawValue,
}

/// The fingerprint by which a repeated publish is known: equal for equal type and equal JSON,
/// whatever the order of members or the white space.
pub fn fingerprint(kind: &EventType, data: &serde_json::Value) -> [u8; 32] {
    let mut digest = Context::new(&SHA256);
    digest.update(kind.as_str().as_bytes());
    digest.update(b"\n");
    feed(&mut digest, data);
    let mut out = [0; 32];
    out.copy_from_slice(digest.finish().as_ref());
    out
}

/// Feeds a value with object members in key order, so that the map type behind serde does not matter.
fn feed(digest: &mut Context, value: &serde_json::Value) {
    match value {
        serde_json::Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by_key(|(key, _)| *key);
            digest.update(b"{");
            for (key, member) in sorted {
                feed_text(digest, key);
                feed(digest, member);
            }
            digest.update(b"}");
        }
        serde_json::Value::Array(elements) => {
            digest.update(b"[");
            for element in elements {
                feed(digest, element);
            }
            digest.update(b"]");
        }
        serde_json::Value::String(text) => feed_text(digest, text),
        scalar => {
            digest.update(scalar.to_string().as_bytes());
            digest.update(b",");
        }
    }
}

/// A length in front keeps neighbouring texts apart.
fn feed_text(digest: &mut Context, text: &str) {
    digest.update(format!("\"{}:", text.len()).as_bytes());
    digest.update(text.as_bytes());
}

/// `data` of a `webhook.failed` event (CONTRACT §5): the host only, never the URL.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookFailed<'a> {
    /// The webhook that failed.
    pub webhook_id: WebhookId,
    /// Its name.
    pub webhook_name: Option<&'a str>,
    /// Its host.
    pub host: &'a str,
    /// The delivery given up.
    pub delivery_id: crate::DeliveryId,
    /// The event it carried.
    pub event_id: &'a EventId,
    /// That event's type.
    pub event_type: &'a EventType,
    /// Attempts made.
    pub attempts: u32,
    /// Why it was given up.
    pub reason: DropReason,
    /// The last answer's status, if there was an answer.
    pub last_response_code: Option<u16>,
    /// What went wrong last, in words.
    pub last_error: Option<&'a str>,
    /// When it was given up.
    pub dropped_at: Timestamp,
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn event_ids_follow_the_pattern() {
        for good in ["evt_1", "evt_A-z_9", &format!("evt_{}", "x".repeat(64))] {
            assert!(EventId::parse(good).is_ok(), "{good}");
        }
        for bad in
            ["", "evt_", "1", "EVT_1", "evt_ä", "evt_a b", "evt_a\n", &format!("evt_{}", "x".repeat(65))]
        {
            assert!(EventId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_envelope_keeps_data_byte_for_byte() {
        let raw: &RawValue = serde_json::from_str("{ \"a\" : 1.50 ,\"b\":\"\\u00e9\"}").unwrap();
        let envelope = Envelope {
            id: &EventId::parse("evt_1").unwrap(),
            kind: &EventType::parse("order.created").unwrap(),
            created_at: Timestamp::EPOCH,
            shop_subdomain: &Subdomain::parse("acme").unwrap(),
            shop_id: ShopId::new([0; 16]),
            test: false,
            data: raw,
        };
        assert_eq!(
            serde_json::to_string(&envelope).unwrap(),
            "{\"id\":\"evt_1\",\"type\":\"order.created\",\"createdAt\":\"1970-01-01T00:00:00.000Z\",\
             \"shopSubdomain\":\"acme\",\"shopId\":\"sh_00000000000040008000000000000000\",\
             \"data\":{ \"a\" : 1.50 ,\"b\":\"\\u00e9\"}}"
        );
    }

    #[test]
    fn a_fingerprint_sees_type_and_data_only() {
        let kind = EventType::parse("order.created").unwrap();
        let of = |text: &str| fingerprint(&kind, &serde_json::from_str(text).unwrap());
        assert_eq!(of(r#"{"a":1,"b":[2,3]}"#), of("{ \"b\": [2, 3], \"a\": 1 }"));
        for other in [r#"{"a":1,"b":[3,2]}"#, r#"{"a":"1","b":[2,3]}"#, r#"{"a":1,"b":[23]}"#, "{}"] {
            assert_ne!(of(r#"{"a":1,"b":[2,3]}"#), of(other), "{other}");
        }
        let other = EventType::parse("order.updated").unwrap();
        assert_ne!(fingerprint(&kind, &json!({})), fingerprint(&other, &json!({})));
    }
}
