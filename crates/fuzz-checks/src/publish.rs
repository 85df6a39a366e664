//! `publish`: a body for both publishing routes, alone and as an element of a batch. A body that starts
//! with a tab and is accepted is also stretched to the bounds of `data`.

mod door;
mod ledger;

use std::collections::BTreeMap;

use sellvik_domain::{Envelope, WEBHOOK_FAILED, fingerprint};
use sellvik_store::NewEvent;
use serde_json::Value;
use serde_json::value::RawValue;

use door::Door;

/// `data` as sent, in bytes (CONTRACT §4).
const DATA_BYTES_MAX: usize = 262_144;

/// How deep what is read may be nested.
const DEPTH_MAX: usize = 127;

/// The most rows that an answer has, with the one that only the ledger can add.
const ISSUES_MAX: usize = 101;

const SINGLE: &str = "/api/v1/platform/events";
const BATCH: &str = "/api/v1/platform/events/batch";

thread_local! {
    static DOOR: Door = Door::open();
}

pub(crate) fn check(data: &[u8]) {
    DOOR.with(|door| {
        let accepted = single(door, data);
        batch(door, data);
        if std::str::from_utf8(data).is_ok_and(|text| serde_json::from_str::<&RawValue>(text).is_ok()) {
            let wrapped = [b"{\"events\":[1,", data, b",{},", data, b"]}"].concat();
            let results = batch(door, &wrapped).unwrap();
            let taken: Vec<bool> = results.iter().map(|result| result.get("id").is_some()).collect();
            assert_eq!(taken, [false, accepted.is_some(), false, accepted.is_some()]);
        }
        if let Some(event) = accepted.filter(|_| data.starts_with(b"\t")) {
            stretch(door, &event);
        }
    });
}

/// Whether a body is an event that is accepted.
#[cfg(test)]
pub(crate) fn is_taken(body: &[u8]) -> bool {
    DOOR.with(|door| single(door, body).is_some())
}

/// One event; it, if it was accepted.
fn single(door: &Door, body: &[u8]) -> Option<NewEvent> {
    let (status, answer) = door.post(SINGLE, body);
    let mut kept = door.ledger.take();
    if status != 202 {
        assert!(kept.is_empty(), "refused, yet published");
        is_refusal(status, &answer["error"]);
        return None;
    }
    let event = kept.pop().unwrap();
    assert!(kept.is_empty());
    assert_eq!(answer["id"], event.id.as_str());
    is_sound(door, &event, body);
    Some(event)
}

/// A batch; its results, if it was one.
fn batch(door: &Door, body: &[u8]) -> Option<Vec<Value>> {
    let (status, answer) = door.post(BATCH, body);
    let kept = door.ledger.take();
    if status != 202 {
        assert!(kept.is_empty(), "refused, yet published");
        is_refusal(status, &answer["error"]);
        return None;
    }
    let results = answer["results"].as_array().unwrap().clone();
    assert!(results.len() <= 1000);
    if let Ok(sent) = serde_json::from_slice::<Value>(body) {
        assert_eq!(sent["events"].as_array().unwrap().len(), results.len());
    }
    let mut kept = kept.iter();
    for result in &results {
        if let Some(error) = result.get("error") {
            is_refusal(if error["code"] == "payload_too_large" { 413 } else { 400 }, error);
            continue;
        }
        let event = kept.next().unwrap();
        assert_eq!(result["id"], event.id.as_str());
        is_sound(door, event, body);
    }
    assert!(kept.next().is_none(), "published, yet not answered");
    Some(results)
}

fn is_refusal(status: u16, error: &Value) {
    match status {
        400 => {
            assert_eq!(error["code"], "invalid_body");
            let issues = error["issues"].as_array().unwrap();
            assert!((1..=ISSUES_MAX).contains(&issues.len()), "{} issues", issues.len());
            for issue in issues {
                let message = issue["message"].as_str().unwrap();
                assert!(!message.is_empty() && message.chars().count() <= 400, "{message}");
                assert!(issue["path"].is_array());
            }
        }
        413 => assert_eq!(error["code"], "payload_too_large"),
        other => panic!("answered {other}: {error}"),
    }
    assert!(!error["message"].as_str().unwrap().is_empty());
}

/// Everything the contract says of an accepted event.
fn is_sound(door: &Door, event: &NewEvent, body: &[u8]) {
    let sent = event.data.get();
    assert!(sent.len() <= DATA_BYTES_MAX);
    assert!(body.windows(sent.len()).any(|part| part == sent.as_bytes()), "data is not what was sent");
    let value: Value = serde_json::from_str(sent).unwrap();
    assert!(value.is_object() && depth(&value) <= DEPTH_MAX);
    assert_ne!(event.kind.as_str(), WEBHOOK_FAILED);
    assert!(door.catalog.get(event.kind.as_str()).unwrap().accepts(&value));
    assert_eq!(event.fingerprint, fingerprint(&event.kind, &value));
    let id = event.id.as_str().strip_prefix("evt_").unwrap();
    assert!((1..=64).contains(&id.len()));
    assert!(id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
    envelope_carries(door, event);
}

/// What a receiver would get is JSON, with `data` in it byte for byte.
fn envelope_carries(door: &Door, event: &NewEvent) {
    let shop = &door.ledger.shop;
    let envelope = Envelope {
        id: &event.id,
        kind: &event.kind,
        created_at: event.created_at,
        shop_subdomain: &shop.subdomain,
        shop_id: shop.id,
        test: false,
        data: &event.data,
    };
    let text = serde_json::to_string(&envelope).unwrap();
    let members: BTreeMap<&str, &RawValue> = serde_json::from_str(&text).unwrap();
    assert_eq!(members.len(), 6);
    assert_eq!(members["data"].get(), event.data.get());
    assert_eq!(members["createdAt"].get().len(), "\"2026-05-27T13:45:00.000Z\"".len());
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(elements) => 1 + elements.iter().map(depth).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

/// The same event with white space in its data: taken up to the bound, refused one byte past it.
fn stretch(door: &Door, event: &NewEvent) {
    let inside = event.data.get().strip_prefix('{').unwrap();
    for (bytes, taken) in [(DATA_BYTES_MAX, true), (DATA_BYTES_MAX + 1, false)] {
        let space = " ".repeat(bytes - inside.len() - 1);
        let body = format!(
            "{{\"shop\":\"{}\",\"type\":\"{}\",\"data\":{{{space}{inside}}}",
            event.shop,
            event.kind.as_str()
        );
        let (status, answer) = door.post(SINGLE, body.as_bytes());
        let mut kept = door.ledger.take();
        assert_eq!(status, if taken { 202 } else { 413 }, "{answer}");
        let same = kept.pop().is_some_and(|same| same.fingerprint == event.fingerprint);
        assert_eq!(same, taken, "white space makes no other event");
    }
}
