//! The publisher's own ids: publishing again is safe (CONTRACT §4).

use std::time::Duration;

use sellvik_testkit::{Receiver, Reply};
use serde_json::{Value, json};

use super::{EVENTS, post_text};
use crate::harness::{Server, Shop, eventually};

const DAY: Duration = Duration::from_hours(24);

/// Publishes again and again until it is taken as new; after 31 days' worth of tidying up.
async fn taken_as_new(server: &Server, body: &Value) {
    eventually("an id that is forgotten", async || {
        let answer = server.platform.post(EVENTS, body).await;
        if answer.status == 202 && answer.json()["duplicate"].is_null() { Ok(()) } else { Err(answer.json()) }
    })
    .await;
}

fn cancelled(shop: &Shop, id: &str) -> Value {
    json!({"shop": shop.id, "type": "order.cancelled", "id": id, "data": {"order": {"id": "ord_1"}}})
}

#[tokio::test]
async fn the_publishers_id_is_in_the_envelope_and_the_headers() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let shop = server.shop().await;
    let webhook = shop.webhook(&receiver.url("/hook"), &["order.cancelled"]).await;
    let answer = server.platform.post(EVENTS, &cancelled(&shop, "evt_order-1_x")).await.expect(202);
    assert_eq!(answer, json!({"id": "evt_order-1_x", "deliveries": 1}));
    let arrived = receiver.wait_for("/hook", 1).await.remove(0);
    assert_eq!(arrived.json()["id"], "evt_order-1_x");
    assert_eq!(arrived.header("x-sellvik-event-id"), "evt_order-1_x");
    assert_eq!(arrived.header("webhook-id"), "evt_order-1_x");
    assert_eq!(shop.reached(&webhook, "succeeded").await["eventId"], "evt_order-1_x");
}

#[tokio::test]
async fn the_same_event_again_is_answered_as_the_first_time_and_sent_to_nobody() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let shop = server.shop().await;
    let webhook = shop.webhook(&receiver.url("/hook"), &["order.cancelled"]).await;
    let body = cancelled(&shop, "evt_1");
    server.platform.post(EVENTS, &body).await.expect(202);
    shop.reached(&webhook, "succeeded").await;
    // More would match by now, and the time given is not what makes an event.
    let late = shop.webhook(&receiver.url("/late"), &["order.cancelled"]).await;
    let mut again = body;
    again["createdAt"] = json!("2026-05-01T00:00:00Z");
    for _ in 0..3 {
        let answer = server.platform.post(EVENTS, &again).await.expect(202);
        assert_eq!(answer, json!({"id": "evt_1", "deliveries": 1, "duplicate": true}));
    }
    // What was published later has arrived, so what was published before it would have, too.
    shop.publish("order.cancelled").await;
    shop.reached(&late, "succeeded").await;
    shop.reached(&webhook, "succeeded").await;
    assert_eq!(shop.deliveries(&webhook).await.len(), 2);
    assert_eq!(receiver.received_at("/hook").len(), 2);
    assert_eq!(receiver.received_at("/late").len(), 1);
}

#[tokio::test]
async fn white_space_and_the_order_of_members_make_no_other_event() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let first = format!(
        r#"{{"shop":"{}","id":"evt_1","type":"order.paid","data":{{"a":{{"x":1,"y":[1,2]}},"b":"é"}}}}"#,
        shop.id
    );
    let again = format!(
        r#"{{ "data": {{ "b": "\u00e9",
               "a": {{"y": [1, 2], "x": 1}} }},  "type": "order.paid", "id": "evt_1", "shop": "{}" }}"#,
        shop.id
    );
    let send = |body: &str| post_text(&server.anonymous, &server, EVENTS, body.to_owned());
    assert_eq!(send(&first).await.expect(202), json!({"id": "evt_1", "deliveries": 0}));
    assert_eq!(send(&again).await.expect(202), json!({"id": "evt_1", "deliveries": 0, "duplicate": true}));
    let other = again.replace("[1, 2]", "[2, 1]");
    assert_eq!(send(&other).await.code(), "event_id_conflict");
}

#[tokio::test]
async fn the_same_id_with_other_data_or_type_is_a_conflict() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let shop = server.shop().await;
    let webhook = shop.webhook(&receiver.url("/hook"), &["order.cancelled"]).await;
    let body = cancelled(&shop, "evt_1");
    server.platform.post(EVENTS, &body).await.expect(202);
    let (mut data, mut kind) = (body.clone(), body);
    data["data"]["order"]["id"] = json!("ord_2");
    kind["type"] = json!("order.updated");
    for other in [data, kind] {
        let answer = server.platform.post(EVENTS, &other).await;
        assert_eq!((answer.status, answer.code().as_str()), (409, "event_id_conflict"), "{other}");
    }
    shop.reached(&webhook, "succeeded").await;
    assert_eq!(shop.deliveries(&webhook).await.len(), 1);
}

#[tokio::test]
async fn ids_are_unique_per_shop_only() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let (one, two) = (server.shop().await, server.shop().await);
    for (shop, path) in [(&one, "/one"), (&two, "/two")] {
        shop.webhook(&receiver.url(path), &["order.cancelled"]).await;
    }
    for (shop, path) in [(&one, "/one"), (&two, "/two")] {
        let answer = server.platform.post(EVENTS, &cancelled(shop, "evt_1")).await.expect(202);
        assert_eq!(answer, json!({"id": "evt_1", "deliveries": 1}));
        let arrived = receiver.wait_for(path, 1).await.remove(0);
        assert_eq!(arrived.json()["shopId"], json!(shop.id));
    }
}

#[tokio::test]
async fn ids_are_remembered_across_a_restart_also_of_events_that_matched_no_webhook() {
    let (mut server, receiver) = (Server::start().await, Receiver::start().await);
    let shop = server.shop().await;
    server.platform.post(EVENTS, &cancelled(&shop, "evt_unheard")).await.expect(202);
    let webhook = shop.webhook(&receiver.url("/hook"), &["order.cancelled"]).await;
    server.platform.post(EVENTS, &cancelled(&shop, "evt_heard")).await.expect(202);
    shop.reached(&webhook, "succeeded").await;
    server.restart().await;
    for (id, deliveries) in [("evt_unheard", 0), ("evt_heard", 1)] {
        let body = cancelled(&shop, id);
        let answer = server.platform.post(EVENTS, &body).await.expect(202);
        assert_eq!(answer, json!({"id": id, "deliveries": deliveries, "duplicate": true}));
        let mut other = body;
        other["data"] = json!({});
        assert_eq!(server.platform.post(EVENTS, &other).await.code(), "event_id_conflict");
    }
    assert_eq!(receiver.received_at("/hook").len(), 1);
}

#[tokio::test]
async fn ids_are_remembered_for_30_days_and_then_forgotten() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let shop = server.shop().await;
    receiver.script("/hook", [Reply::status(200)]);
    let heard = cancelled(&shop, "evt_heard");
    let unheard = json!({"shop": shop.id, "type": "order.paid", "id": "evt_unheard", "data": {}});
    let webhook = shop.webhook(&receiver.url("/hook"), &["order.cancelled"]).await;
    for body in [&heard, &unheard] {
        server.platform.post(EVENTS, body).await.expect(202);
    }
    shop.reached(&webhook, "succeeded").await;
    server.advance(29 * DAY + Duration::from_mins(1439));
    // Time enough for tidying up that would be too early.
    tokio::time::sleep(Duration::from_millis(100)).await;
    for body in [&heard, &unheard] {
        assert_eq!(server.platform.post(EVENTS, body).await.expect(202)["duplicate"], true);
    }
    server.advance(DAY);
    taken_as_new(&server, &heard).await;
    taken_as_new(&server, &unheard).await;
    receiver.wait_for("/hook", 2).await;
}
