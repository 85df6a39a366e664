//! What a receiver was sent, and whether its signatures hold.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use ring::hmac;

/// One request, as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// The request's target: the path, with the query if there was one.
    pub path: String,
    /// The method.
    pub method: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, freed of any chunking.
    pub body: Bytes,
    /// When its last byte had been read.
    pub at: Instant,
    /// The connection it came over, counted from zero.
    pub connection: usize,
}

impl Received {
    /// The first value of the header `name`.
    ///
    /// Panics if there is none or it is not text.
    pub fn header(&self, name: &str) -> &str {
        self.text(name).unwrap_or_else(|| panic!("no text in the header {name}: {:?}", self.headers))
    }

    /// The body as JSON.
    ///
    /// Panics if it is not JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in the body {:?}", String::from_utf8_lossy(&self.body)))
    }

    /// Whether `X-Sellvik-Signature` holds by the documented recipe: `t=…,v1=…`, where `v1` is the
    /// lower-case hex HMAC-SHA256 of `<t>.<raw body>` keyed by the whole secret string.
    pub fn verify_sellvik(&self, secret: &str) -> bool {
        let Some(signature) = self.text("x-sellvik-signature") else { return false };
        let Some((time, v1)) = signature.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")) else {
            return false;
        };
        let digits = !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit());
        digits && v1 == hex::encode(mac(secret.as_bytes(), &[time.as_bytes(), b".", &self.body]))
    }

    /// Whether `webhook-signature` holds by Standard Webhooks: one of its space-separated
    /// `v1,<base64>` is the HMAC-SHA256 of `<webhook-id>.<webhook-timestamp>.<raw body>` keyed by the
    /// bytes whose base64 follows `whsec_` in the secret.
    pub fn verify_standard(&self, secret: &str) -> bool {
        let key = secret.strip_prefix("whsec_").and_then(|encoded| STANDARD.decode(encoded).ok());
        let parts = (self.text("webhook-id"), self.text("webhook-timestamp"), self.text("webhook-signature"));
        let (Some(key), (Some(id), Some(time), Some(signatures))) = (key, parts) else { return false };
        let mac = mac(&key, &[id.as_bytes(), b".", time.as_bytes(), b".", &self.body]);
        let expected = STANDARD.encode(mac);
        signatures.split(' ').any(|one| one.strip_prefix("v1,") == Some(expected.as_str()))
    }

    /// Whether it was sent to `path`, which may leave out the query.
    pub(crate) fn is_at(&self, path: &str) -> bool {
        self.path == path || self.path.split('?').next() == Some(path)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    context.sign()
}

#[cfg(test)]
mod tests;
