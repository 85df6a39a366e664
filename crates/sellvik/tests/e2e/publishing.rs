//! Publishing one event: the answer, and what is refused (CONTRACT §4).

use std::time::Duration;

use sellvik_testkit::{Answer, Client, Receiver};
use serde_json::{Value, json};

use crate::harness::{Server, Shop};

mod batches;
mod ids;
mod keeping;

const EVENTS: &str = "/api/v1/platform/events";

/// `data` as sent, in bytes (CONTRACT §4).
const DATA_BYTES_MAX: usize = 262_144;

/// A single publish body, in bytes (CONTRACT §4).
const BODY_BYTES_MAX: usize = 512 << 10;

/// Sends a body that no `Value` would write just so.
async fn post_text(client: &Client, server: &Server, path: &str, body: String) -> Answer {
    let bearer = format!("Bearer {}", server.platform_key());
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    client.send("POST", path, &headers, body.into_bytes()).await
}

/// An event's body whose `data` has exactly this many bytes.
fn body_with_data_of(shop: &Shop, bytes: usize) -> String {
    let data = data_of(bytes);
    format!(r#"{{"shop": "{}", "type": "order.cancelled", "data": {data}}}"#, shop.id)
}

fn data_of(bytes: usize) -> String {
    let frame = r#"{ "note" : "" }"#;
    let data = format!(r#"{{ "note" : "{}" }}"#, "x".repeat(bytes - frame.len()));
    assert_eq!(data.len(), bytes);
    data
}

/// The paths of an `invalid_body`'s issues, sorted; each has a message.
#[track_caller]
fn issue_paths(error: &Value) -> Vec<Value> {
    assert_eq!(error["code"], "invalid_body", "{error}");
    let issues = error["issues"].as_array().unwrap();
    let says = |issue: &Value| issue["message"].as_str().is_some_and(|message| !message.is_empty());
    assert!(issues.iter().all(says), "{error}");
    let mut paths: Vec<Value> = issues.iter().map(|issue| issue["path"].clone()).collect();
    paths.sort_by_key(Value::to_string);
    paths
}

#[tokio::test]
async fn the_answer_is_the_id_and_the_number_of_deliveries() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let shop = server.shop().await;
    shop.webhook(&receiver.url("/a"), &["order.cancelled", "order.paid"]).await;
    shop.webhook(&receiver.url("/b"), &["order.cancelled"]).await;
    shop.webhook(&receiver.url("/c"), &["order.fulfilled"]).await;
    let off = shop.webhook(&receiver.url("/d"), &["order.cancelled"]).await;
    shop.patch(&off, json!({"enabled": false})).await;
    let elsewhere = server.shop().await;
    elsewhere.webhook(&receiver.url("/e"), &["order.cancelled"]).await;

    for (kind, deliveries) in [("order.cancelled", 2), ("order.paid", 1), ("product.created", 0)] {
        let answer = shop.publish_body(json!({"type": kind, "data": {}})).await;
        let id = answer["id"].as_str().unwrap().to_owned();
        assert_eq!(answer, json!({"id": id, "deliveries": deliveries}));
        let own = id.strip_prefix("evt_").unwrap();
        assert!((1..=64).contains(&own.len()) && !own.starts_with("test_"), "{id}");
    }
    receiver.wait_for("/a", 2).await;
    receiver.wait_for("/b", 1).await;
    for untouched in ["/c", "/d", "/e"] {
        assert!(receiver.received_at(untouched).is_empty(), "{untouched}");
    }
}

#[tokio::test]
async fn ids_of_the_service_are_unique_and_in_the_order_of_time() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(shop.publish("order.cancelled").await);
        server.advance(Duration::from_millis(1));
    }
    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
}

#[tokio::test]
async fn the_envelope_says_when_it_happened_as_the_publisher_says() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let shop = server.shop().await;
    shop.webhook(&receiver.url("/hook"), &["order.cancelled"]).await;
    for (count, (given, shown)) in [
        (json!("2026-05-26T08:00:00Z"), "2026-05-26T08:00:00.000Z"),
        (json!("2026-05-26T11:00:00.123456+03:00"), "2026-05-26T08:00:00.123Z"),
        (Value::Null, ""),
    ]
    .into_iter()
    .enumerate()
    {
        let mut body = json!({"type": "order.cancelled", "data": {}, "createdAt": given});
        let now = server.now().to_string();
        let shown = if given.is_null() { now.as_str() } else { shown };
        if given.is_null() {
            body.as_object_mut().unwrap().remove("createdAt");
        }
        let id = shop.publish_body(body).await["id"].clone();
        let arrived = receiver.wait_for("/hook", count + 1).await;
        let envelope = arrived.iter().map(sellvik_testkit::Received::json).find(|one| one["id"] == id);
        assert_eq!(envelope.unwrap()["createdAt"], shown);
    }
}

#[tokio::test]
async fn every_problem_of_a_body_is_reported_at_once_with_its_path() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let all_wrong = json!({"shop": 7, "type": ["order.created"], "data": "x", "id": 1, "createdAt": 2});
    let all_bad = json!({"shop": "sh_1", "type": "order.creatd", "data": [], "id": "order-1",
                         "createdAt": "yesterday"});
    let fields = [["createdAt"], ["data"], ["id"], ["shop"], ["type"]].map(|path| json!(path));
    for (body, expected) in [
        (json!({}), &[json!(["data"]), json!(["shop"]), json!(["type"])][..]),
        (all_wrong, &fields),
        (all_bad, &fields),
        (json!({"shop": null, "type": null, "data": null, "id": null, "createdAt": null}), &fields),
        (json!({"shop": shop.id, "type": "order.created"}), &[json!(["data"])]),
        (json!({"shop": shop.id, "data": {}}), &[json!(["type"])]),
        (json!({"type": "order.paid", "data": {}}), &[json!(["shop"])]),
    ] {
        let answer = server.platform.post(EVENTS, &body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(issue_paths(&answer.json()["error"]), expected, "{body}");
    }
}

#[tokio::test]
async fn what_is_not_a_json_object_is_one_problem_of_the_whole_body() {
    let server = Server::start().await;
    for body in ["", "[]", "null", "{", "{\"type\": }", "evt"] {
        let answer = post_text(&server.anonymous, &server, EVENTS, body.to_owned()).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(issue_paths(&answer.json()["error"]), [json!([])], "{body}");
    }
}

#[tokio::test]
async fn types_outside_the_catalogue_and_webhook_failed_cannot_be_published() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let shop = server.shop().await;
    shop.webhook(&receiver.url("/hook"), &["webhook.failed", "order.cancelled"]).await;
    for kind in ["order.vanished", "Order.created", "order", "", "webhook.failed"] {
        let body = json!({"shop": shop.id, "type": kind, "data": {}});
        let answer = server.platform.post(EVENTS, &body).await;
        assert_eq!(answer.status, 400, "{kind}");
        assert_eq!(issue_paths(&answer.json()["error"]), [json!(["type"])], "{kind}");
    }
    shop.publish("order.cancelled").await;
    assert_eq!(receiver.wait_for("/hook", 1).await[0].header("x-sellvik-event"), "order.cancelled");
}

#[tokio::test]
async fn data_that_breaks_its_schema_is_refused_with_the_path_of_each_problem() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let mut data = json!({"order": {
        "id": "ord_1", "orderNumber": "SV-1", "status": "pending", "subtotal": "10.00",
        "shippingCost": "0.00", "discountAmount": "0.00", "total": "10.00", "paymentMethod": "credit_card",
        "customer": {"id": "cus_1", "name": "Elif", "email": "elif@example.com", "phoneNumber": "+905550"},
        "shippingAddress": {"name": "Elif", "phone": "+905550", "addressLine1": "Moda 14",
                            "city": "İstanbul", "district": "Kadıköy", "country": "TR"},
        "items": [{"productId": "prd_1", "name": "Fincan", "quantity": 1, "price": "10.00", "total": "10.00"}],
        "createdAt": "2026-05-27T13:45:00.000Z", "beyondTheSchema": [1]}});
    let body = |data: &Value| json!({"shop": shop.id, "type": "order.created", "data": data});
    server.platform.post(EVENTS, &body(&data)).await.expect(202);
    data["order"]["total"] = json!(10);
    data["order"]["items"][0]["quantity"] = json!("one");
    let mut bad = body(&data);
    bad["id"] = json!("nope");
    let answer = server.platform.post(EVENTS, &bad).await;
    assert_eq!(answer.status, 400);
    let expected =
        [json!(["data", "order", "items", 0, "quantity"]), json!(["data", "order", "total"]), json!(["id"])];
    assert_eq!(issue_paths(&answer.json()["error"]), expected);
}

#[tokio::test]
async fn a_shop_that_does_not_exist_is_a_problem_of_the_body() {
    let server = Server::start().await;
    let body = json!({"shop": "sh_00000000000040008000000000000000", "type": "order.paid", "data": {}});
    let answer = server.platform.post(EVENTS, &body).await;
    assert_eq!(answer.status, 400);
    assert_eq!(issue_paths(&answer.json()["error"]), [json!(["shop"])]);
    let mut more = body;
    more["type"] = json!("order.vanished");
    let answer = server.platform.post(EVENTS, &more).await;
    assert_eq!(issue_paths(&answer.json()["error"]), [json!(["shop"]), json!(["type"])]);
}

#[tokio::test]
async fn event_ids_follow_their_pattern() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let longest = format!("evt_{}", "a".repeat(64));
    for id in ["evt_1", "evt_order-1001_cancelled", "evt_-", &longest] {
        let body = json!({"shop": shop.id, "type": "order.paid", "data": {}, "id": id});
        assert_eq!(server.platform.post(EVENTS, &body).await.expect(202)["id"], id);
    }
    let too_long = format!("evt_{}", "a".repeat(65));
    for id in ["", "evt_", "1", "EVT_1", "evt_a b", "evt_ä", "evt_a.b", "evt_1\n", &too_long] {
        let body = json!({"shop": shop.id, "type": "order.paid", "data": {}, "id": id});
        let answer = server.platform.post(EVENTS, &body).await;
        assert_eq!(answer.status, 400, "{id:?}");
        assert_eq!(issue_paths(&answer.json()["error"]), [json!(["id"])], "{id:?}");
    }
}

#[tokio::test]
async fn data_may_have_262144_bytes_as_sent_and_not_one_more() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let shop = server.shop().await;
    let webhook = shop.webhook(&receiver.url("/hook"), &["order.cancelled"]).await;
    let send = |bytes| post_text(&server.anonymous, &server, EVENTS, body_with_data_of(&shop, bytes));
    assert_eq!(send(DATA_BYTES_MAX + 1).await.code(), "payload_too_large");
    let answer = send(DATA_BYTES_MAX).await.expect(202);
    let arrived = receiver.wait_for("/hook", 1).await.remove(0);
    assert!(arrived.body.ends_with(format!("{}}}", data_of(DATA_BYTES_MAX)).as_bytes()));
    assert_eq!(arrived.json()["id"], answer["id"]);
    assert!(arrived.verify_sellvik(&webhook.secret) && arrived.verify_standard(&webhook.secret));
}

#[tokio::test]
async fn data_too_large_is_413_even_if_other_fields_are_wrong() {
    let server = Server::start().await;
    let body = format!(r#"{{"shop": 1, "data": {}}}"#, data_of(DATA_BYTES_MAX + 1));
    let answer = post_text(&server.anonymous, &server, EVENTS, body).await;
    assert_eq!((answer.status, answer.code()), (413, "payload_too_large".to_owned()));
}

#[tokio::test]
async fn a_body_may_have_512_kib_and_not_one_byte_more() {
    let server = Server::start().await;
    let shop = server.shop().await;
    for (bytes, status) in [(BODY_BYTES_MAX, 202), (BODY_BYTES_MAX + 1, 413)] {
        let mut body = format!(r#"{{"shop": "{}", "type": "order.paid", "data": {{}}, "x": "#, shop.id);
        body = format!("{body}\"{}\"}}", "x".repeat(bytes - body.len() - 3));
        assert_eq!(body.len(), bytes);
        let answer = post_text(&server.anonymous, &server, EVENTS, body).await;
        assert_eq!(answer.status, status, "{bytes}");
    }
}

#[tokio::test]
async fn unknown_fields_are_ignored_and_merchants_keys_are_refused() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let body = json!({"shop": shop.id, "type": "order.paid", "data": {}, "priority": "high"});
    assert_eq!(server.platform.post(EVENTS, &body).await.expect(202)["deliveries"], 0);
    assert_eq!(shop.admin.post(EVENTS, &body).await.code(), "invalid_key");
    let answer = server.anonymous.post(EVENTS, &body).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "missing_or_malformed_authorization"));
}
