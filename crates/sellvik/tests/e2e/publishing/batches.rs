//! Publishing many events at once (CONTRACT §4).

use sellvik_testkit::Receiver;
use serde_json::{Value, json};

use super::{DATA_BYTES_MAX, data_of, issue_paths, post_text};
use crate::harness::{Server, Shop};

const BATCH: &str = "/api/v1/platform/events/batch";

/// A batch's body, in bytes (CONTRACT §4).
const BATCH_BYTES_MAX: usize = 8 << 20;

async fn publish(server: &Server, events: &Value) -> Vec<Value> {
    let answer = server.platform.post(BATCH, &json!({"events": events})).await.expect(202);
    assert_eq!(answer.as_object().unwrap().len(), 1);
    answer["results"].as_array().unwrap().clone()
}

fn paid(shop: &Shop, id: &str) -> Value {
    json!({"shop": shop.id, "type": "order.paid", "id": id, "data": {}})
}

#[tokio::test]
async fn results_come_in_the_order_sent_and_a_bad_event_never_sinks_its_neighbours() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let (shop, other) = (server.shop().await, server.shop().await);
    shop.webhook(&receiver.url("/hook"), &["order.paid"]).await;
    server.platform.post(super::EVENTS, &paid(&shop, "evt_taken")).await.expect(202);
    receiver.wait_for("/hook", 1).await;
    let events = json!([
        paid(&shop, "evt_1"),
        {"shop": shop.id, "type": "order.vanished", "data": []},
        paid(&other, "evt_2"),
        "not an event",
        {"shop": shop.id, "type": "order.cancelled", "id": "evt_taken", "data": {}},
        {"shop": "sh_00000000000040008000000000000000", "type": "order.paid", "data": {}},
        null,
        {"shop": shop.id, "type": "webhook.failed", "data": {}},
        paid(&shop, "evt_3"),
    ]);
    let results = publish(&server, &events).await;
    assert_eq!(results.len(), 9);
    assert_eq!(results[0], json!({"id": "evt_1", "deliveries": 1}));
    assert_eq!(issue_paths(&results[1]["error"]), [json!(["data"]), json!(["type"])]);
    assert_eq!(results[2], json!({"id": "evt_2", "deliveries": 0}));
    assert_eq!(issue_paths(&results[3]["error"]), [json!([])]);
    assert_eq!(results[4]["error"]["code"], "event_id_conflict");
    assert_eq!(issue_paths(&results[5]["error"]), [json!(["shop"])]);
    assert_eq!(issue_paths(&results[6]["error"]), [json!([])]);
    assert_eq!(issue_paths(&results[7]["error"]), [json!(["type"])]);
    assert_eq!(results[8], json!({"id": "evt_3", "deliveries": 1}));
    let arrived = receiver.wait_for("/hook", 3).await;
    let mut ids: Vec<Value> = arrived.iter().map(|one| one.json()["id"].clone()).collect();
    ids.sort_by_key(Value::to_string);
    assert_eq!(ids, ["evt_1", "evt_3", "evt_taken"]);
}

#[tokio::test]
async fn duplicates_inside_one_batch_are_known_as_such() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let shop = server.shop().await;
    let webhook = shop.webhook(&receiver.url("/hook"), &["order.paid"]).await;
    let mut other = paid(&shop, "evt_1");
    other["data"] = json!({"order": {}});
    let events = json!([paid(&shop, "evt_1"), paid(&shop, "evt_1"), other, paid(&shop, "evt_2")]);
    let results = publish(&server, &events).await;
    assert_eq!(results[0], json!({"id": "evt_1", "deliveries": 1}));
    assert_eq!(results[1], json!({"id": "evt_1", "deliveries": 1, "duplicate": true}));
    assert_eq!(results[2]["error"]["code"], "event_id_conflict");
    assert_eq!(results[3], json!({"id": "evt_2", "deliveries": 1}));
    receiver.wait_for("/hook", 2).await;
    assert_eq!(shop.deliveries(&webhook).await.len(), 2);
}

#[tokio::test]
async fn an_empty_batch_is_answered_with_no_results() {
    let server = Server::start().await;
    assert!(publish(&server, &json!([])).await.is_empty());
}

#[tokio::test]
async fn a_batch_holds_1000_events_and_not_one_more() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let many = |n: usize| (0..n).map(|k| paid(&shop, &format!("evt_{k}"))).collect::<Vec<_>>();
    let refused = server.platform.post(BATCH, &json!({"events": many(1001)})).await;
    assert_eq!(refused.status, 400);
    assert_eq!(issue_paths(&refused.json()["error"]), [json!(["events"])]);
    // Had any of the 1001 been taken, it would be a duplicate now.
    let results = publish(&server, &json!(many(1000))).await;
    let expected: Vec<Value> =
        (0..1000).map(|k| json!({"id": format!("evt_{k}"), "deliveries": 0})).collect();
    assert_eq!(results, expected);
}

#[tokio::test]
async fn a_batch_without_an_array_of_events_is_invalid() {
    let server = Server::start().await;
    for (body, path) in [
        (json!({}), json!(["events"])),
        (json!({"events": null}), json!(["events"])),
        (json!({"events": {"0": {}}}), json!(["events"])),
        (json!([]), json!([])),
    ] {
        let answer = server.platform.post(BATCH, &body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(issue_paths(&answer.json()["error"]), [path], "{body}");
    }
}

#[tokio::test]
async fn a_batch_may_have_8_mib_and_not_one_byte_more() {
    let server = Server::start().await;
    let shop = server.shop().await;
    for (bytes, status) in [(BATCH_BYTES_MAX, 202), (BATCH_BYTES_MAX + 1, 413)] {
        let events = json!([paid(&shop, "evt_1")]);
        let mut body = format!(r#"{{"events": {events}, "x": "#);
        body = format!("{body}\"{}\"}}", "x".repeat(bytes - body.len() - 3));
        assert_eq!(body.len(), bytes);
        let answer = post_text(&server.anonymous, &server, BATCH, body).await;
        assert_eq!(answer.status, status, "{bytes}");
    }
}

#[tokio::test]
async fn an_event_too_large_is_its_own_error_in_a_batch() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let event = |id: &str, data: &str, more: &str| {
        format!(
            r#"{{"shop": "{}", "type": "order.paid", "id": "evt_{id}", "data": {data}, "x": "{more}"}}"#,
            shop.id
        )
    };
    let events = [
        event("large_data", &data_of(DATA_BYTES_MAX + 1), ""),
        event("largest_data", &data_of(DATA_BYTES_MAX), ""),
        event("large", "{}", &"x".repeat(super::BODY_BYTES_MAX)),
        event("small", "{}", ""),
    ];
    let body = format!(r#"{{"events": [{}]}}"#, events.join(","));
    let answer = post_text(&server.anonymous, &server, BATCH, body).await.expect(202);
    assert_eq!(answer["results"][0]["error"]["code"], "payload_too_large");
    assert_eq!(answer["results"][1], json!({"id": "evt_largest_data", "deliveries": 0}));
    assert_eq!(answer["results"][2]["error"]["code"], "payload_too_large");
    assert_eq!(answer["results"][3], json!({"id": "evt_small", "deliveries": 0}));
}
