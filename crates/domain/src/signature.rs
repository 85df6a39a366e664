//! Signing what a receiver gets: the documented `X-Sellvik-Signature` and Standard Webhooks.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use crate::{Timestamp, WebhookSecret};

/// How long after `activeFrom` a rotated-out secret still signs `webhook-signature` (CONTRACT §3).
const OVERLAP: Duration = Duration::from_hours(24);

/// The two HMAC keys that one secret stands for.
struct Keys {
    /// Keyed by the whole secret string: the documented recipe.
    sellvik: hmac::Key,
    /// Keyed by the bytes behind its base64 part: Standard Webhooks.
    standard: hmac::Key,
}

impl Keys {
    fn new(secret: &WebhookSecret) -> Self {
        Self {
            sellvik: hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes()),
            standard: hmac::Key::new(hmac::HMAC_SHA256, &secret.raw_key()),
        }
    }

    fn sellvik(&self, seconds: &str, body: &[u8]) -> String {
        hex::encode(mac(&self.sellvik, &[seconds.as_bytes(), b".", body]))
    }

    fn standard(&self, id: &str, seconds: &str, body: &[u8]) -> String {
        let parts = [id.as_bytes(), b".", seconds.as_bytes(), b".", body];
        format!("v1,{}", STANDARD.encode(mac(&self.standard, &parts)))
    }
}

fn mac(key: &hmac::Key, parts: &[&[u8]]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(part);
    }
    context.sign()
}

/// A webhook's secrets, ready to sign: the newest and, while it matters, the one it replaced.
pub struct Signer {
    newest: Keys,
    replaced: Option<Keys>,
    active_from: Timestamp,
}

/// The signature headers of one attempt.
#[derive(Debug, PartialEq, Eq)]
pub struct SignatureHeaders {
    /// `X-Sellvik-Signature`: `t=…,v1=…`, always exactly one `v1`.
    pub sellvik: String,
    /// `webhook-timestamp`: Unix seconds.
    pub timestamp: String,
    /// `webhook-signature`: one `v1,…`, or two during a rotation.
    pub standard: String,
}

impl Signer {
    /// `newest` signs from `active_from` on; until then, and in `webhook-signature` for a day more,
    /// `replaced` does.
    pub fn new(newest: &WebhookSecret, replaced: Option<&WebhookSecret>, active_from: Timestamp) -> Self {
        Self { newest: Keys::new(newest), replaced: replaced.map(Keys::new), active_from }
    }

    /// From when on the newest secret signs.
    pub fn active_from(&self) -> Timestamp {
        self.active_from
    }

    /// Signs `body` afresh at `now` (CONTRACT §5: every attempt is signed with its own time).
    pub fn sign(&self, now: Timestamp, event_id: &str, body: &[u8]) -> SignatureHeaders {
        let timestamp = now.as_secs().to_string();
        let overlap = self.replaced.as_ref().filter(|_| now < self.active_from.after(OVERLAP));
        let active = match overlap {
            Some(replaced) if now < self.active_from => replaced,
            _ => &self.newest,
        };
        let mut standard = self.newest.standard(event_id, &timestamp, body);
        if let Some(replaced) = overlap {
            standard.push(' ');
            standard.push_str(&replaced.standard(event_id, &timestamp, body));
        }
        let sellvik = format!("t={timestamp},v1={}", active.sellvik(&timestamp, body));
        SignatureHeaders { sellvik, timestamp, standard }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"id":"evt_1"}"#;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    /// Checked with `openssl dgst -sha256 -hmac`: an implementation that is not ours.
    #[test]
    fn matches_an_outside_implementation() {
        let secret = WebhookSecret::new(&[0; 32]);
        let headers = Signer::new(&secret, None, at(0)).sign(at(1_700_000_000), "evt_1", BODY);
        assert_eq!(headers.timestamp, "1700000000");
        assert_eq!(
            headers.sellvik,
            "t=1700000000,v1=db8df77fdfcfd98c0dbd329e268752c6be6f4aa9efbce67769b406956ba4371a"
        );
        assert_eq!(headers.standard, "v1,1Ts4LJzg+q/8fMB5FZRAYc/yBhZCTsX1WNPhvKCQEd4=");
    }

    #[test]
    fn rotation_keeps_one_v1_and_overlaps_for_a_day() {
        let (old, new) = (WebhookSecret::new(&[1; 32]), WebhookSecret::new(&[2; 32]));
        let only = |secret: &WebhookSecret, t| Signer::new(secret, None, at(0)).sign(at(t), "evt_1", BODY);
        let rotated = Signer::new(&new, Some(&old), at(100));
        for (t, by, count) in
            [(99, &old, 2), (100, &new, 2), (100 + 86_399, &new, 2), (100 + 86_400, &new, 1)]
        {
            let headers = rotated.sign(at(t), "evt_1", BODY);
            assert_eq!(headers.sellvik, only(by, t).sellvik, "at {t}");
            assert_eq!(headers.sellvik.matches("v1=").count(), 1);
            let parts: Vec<_> = headers.standard.split(' ').collect();
            assert_eq!(parts.len(), count, "at {t}");
            assert!(parts.contains(&only(&new, t).standard.as_str()));
            assert_eq!(parts.contains(&only(&old, t).standard.as_str()), count == 2);
        }
    }
}
