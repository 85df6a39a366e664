//! `signature`: two secrets, two moments, an event id and a body; and the whole as a stored secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use ring::digest::{SHA256, digest};
use sellvik_domain::{SignatureHeaders, Signer, Timestamp, WebhookSecret};

use crate::input::Input;

/// Moments are drawn up to about the year 9892: the very last that can be printed have no day after.
const MILLIS: u64 = 250_000_000_000_000;

const DAY_MS: i64 = 86_400_000;

pub(crate) fn check(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        stored(text);
    }
    let mut input = Input::new(data);
    let rotated = input.byte() & 1 == 1;
    let (newest, replaced) = (WebhookSecret::new(&input.array()), WebhookSecret::new(&input.array()));
    let active_from = moment(input.array());
    let now = match input.byte() % 3 {
        0 => moment(input.array()),
        // Near the edges of a rotation, where a slip of one would show.
        1 => near(active_from, input.byte()),
        _ => near(Timestamp::from_millis(active_from.as_millis() + DAY_MS), input.byte()),
    };
    let id: String = input.line().iter().map(|b| char::from(b'a' + b % 26)).collect();
    let id = format!("evt_{id}");
    let body = input.rest();
    stored(newest.reveal());

    let signer = Signer::new(&newest, rotated.then_some(&replaced), active_from);
    let headers = signer.sign(now, &id, body);
    let since = now.as_millis() - active_from.as_millis();
    let active = if rotated && since < 0 { &replaced } else { &newest };
    let mut standard = vec![&newest];
    if rotated && since < DAY_MS {
        standard.push(&replaced);
    }
    verify(&headers, now, active, &standard, &id, body);
}

fn moment(bytes: [u8; 8]) -> Timestamp {
    Timestamp::from_millis(i64::try_from(u64::from_le_bytes(bytes) % MILLIS).unwrap())
}

fn near(moment: Timestamp, offset: u8) -> Timestamp {
    Timestamp::from_millis(moment.as_millis() + i64::from(offset.cast_signed()))
}

/// As a receiver verifies, from the headers' text alone.
fn verify(
    headers: &SignatureHeaders,
    now: Timestamp,
    active: &WebhookSecret,
    standard: &[&WebhookSecret],
    id: &str,
    body: &[u8],
) {
    for value in [&headers.sellvik, &headers.timestamp, &headers.standard] {
        assert!(HeaderValue::try_from(value).is_ok() && !value.contains(['\r', '\n']), "{value:?}");
    }
    let seconds = (now.as_millis() / 1000).to_string();
    assert_eq!(headers.timestamp, seconds);
    let (t, v1) = headers.sellvik.split_once(',').unwrap();
    assert_eq!(t.strip_prefix("t="), Some(&*seconds));
    let signed = [seconds.as_bytes(), b".", body].concat();
    let expected = hex::encode(hmac_sha256(active.reveal().as_bytes(), &signed));
    // Equal as a whole, so there is no second v1 behind it.
    assert_eq!(v1.strip_prefix("v1="), Some(&*expected));

    let signed = [id.as_bytes(), b".", &signed].concat();
    let expected = standard.iter().map(|secret| {
        let key = STANDARD.decode(secret.reveal().strip_prefix("whsec_").unwrap()).unwrap();
        format!("v1,{}", STANDARD.encode(hmac_sha256(&key, &signed)))
    });
    assert_eq!(headers.standard, expected.collect::<Vec<_>>().join(" "));
}

/// RFC 2104 from the digest up; the product asks its library for the whole.
fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(digest(&SHA256, key).as_ref());
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = digest(&SHA256, &[&block.map(|b| b ^ 0x36), message].concat());
    digest(&SHA256, &[&block.map(|b| b ^ 0x5c), inner.as_ref()].concat()).as_ref().to_vec()
}

/// Text from the ledger is a secret or none; a secret is kept as it was and never printed.
fn stored(text: &str) {
    let Some(secret) = WebhookSecret::from_stored(text.to_owned()) else { return };
    assert_eq!(secret.reveal(), text);
    assert_eq!(text.len(), "whsec_".len() + 44);
    assert_eq!(format!("{secret:?}"), "WebhookSecret(redacted)");
    let _ = Signer::new(&secret, Some(&secret), Timestamp::EPOCH).sign(Timestamp::EPOCH, "evt_1", b"");
}
