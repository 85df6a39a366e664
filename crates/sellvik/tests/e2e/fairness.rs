//! Who waits for whom: dead endpoints, crowds of one shop, retries, and a receiver that is back
//! (CONTRACT §5).

use std::sync::Arc;

use sellvik_testkit::{Gate, Receiver, Reply};
use serde_json::json;

use crate::harness::{Scene, Server, Shop, Webhook, eventually};

mod recovering;

/// Attempts that wait at a gate must not run out of time on a busy machine.
const PATIENT: [&str; 2] = ["--delivery-timeout", "60s"];

/// Publishes so many events at once.
async fn publish_many(server: &Server, shop: &Shop, kind: &str, many: usize) {
    let event = json!({"shop": shop.id, "type": kind, "data": {"order": {"id": "ord_1"}}});
    let body = json!({"events": vec![event; many]});
    let answer = server.platform.post("/api/v1/platform/events/batch", &body).await.expect(202);
    let results = answer["results"].as_array().unwrap();
    assert!(results.len() == many && results.iter().all(|result| result["id"].is_string()), "{answer}");
}

/// How many of the webhook's newest deliveries have been attempted.
async fn attempted(shop: &Shop, webhook: &Webhook) -> usize {
    let deliveries = shop.deliveries(webhook).await;
    deliveries.iter().filter(|delivery| delivery["attempts"] != 0).count()
}

/// Waits until all of the webhook's newest deliveries have been attempted.
async fn all_attempted(shop: &Shop, webhook: &Webhook, many: usize) {
    eventually("all to be attempted", async || {
        let attempted = attempted(shop, webhook).await;
        if attempted == many { Ok(()) } else { Err(json!(attempted)) }
    })
    .await;
}

#[tokio::test]
async fn of_ten_webhooks_one_that_never_answers_holds_one_attempt_and_the_others_get_all() {
    let (server, receiver, gate) = (Server::start_with(&PATIENT).await, Receiver::start().await, Gate::new());
    receiver.script("/dead", [Reply::gate(Arc::clone(&gate), 200)]);
    let shop = server.shop().await;
    let dead = shop.webhook(&receiver.url("/dead"), &["order.cancelled"]).await;
    for n in 0..9 {
        shop.webhook(&receiver.url(&format!("/good-{n}")), &["order.cancelled"]).await;
    }
    publish_many(&server, &shop, "order.cancelled", 60).await;
    for n in 0..9 {
        receiver.wait_for(&format!("/good-{n}"), 60).await;
    }
    receiver.wait_for("/dead", 1).await;
    assert_eq!(receiver.received_at("/dead").len(), 1);
    assert_eq!(attempted(&shop, &dead).await, 0);
    gate.open();
    receiver.wait_for("/dead", 60).await;
}

#[tokio::test]
async fn a_shop_with_hundreds_of_webhooks_that_never_answer_leaves_the_other_shops_alone() {
    let flags = [&PATIENT[..], &["--webhooks-per-shop", "300"]].concat();
    let (server, receiver, gate) = (Server::start_with(&flags).await, Receiver::start().await, Gate::new());
    let (crowd, other) = (server.shop().await, server.shop().await);
    receiver.script("/crowd", [Reply::gate(Arc::clone(&gate), 200)]);
    for n in 0..300 {
        crowd.webhook(&receiver.url(&format!("/crowd?{n}")), &["order.cancelled"]).await;
    }
    let webhook = other.webhook(&receiver.url("/other"), &["order.cancelled"]).await;
    publish_many(&server, &crowd, "order.cancelled", 5).await;
    // Of the permits for endpoints that nobody has tried, a shop has a quarter.
    receiver.wait_for("/crowd", 256).await;
    publish_many(&server, &other, "order.cancelled", 50).await;
    receiver.wait_for("/other", 50).await;
    all_attempted(&other, &webhook, 50).await;
    assert_eq!(receiver.received_at("/crowd").len(), 256);
    gate.open();
    receiver.wait_for("/crowd", 1500).await;
}

#[tokio::test]
async fn a_first_attempt_does_not_wait_for_hundreds_of_overdue_retries_of_its_webhook() {
    let scene = Scene::with_flags(&PATIENT, [Reply::status(500)]).await;
    for _ in 0..4 {
        publish_many(&scene.server, &scene.shop, "order.cancelled", 100).await;
        all_attempted(&scene.shop, &scene.webhook, 100).await;
    }
    let gate = Gate::new();
    scene.receiver.script("/hook", [Reply::gate(Arc::clone(&gate), 200)]);
    scene.server.advance(std::time::Duration::from_mins(10));
    scene.receiver.wait_for("/hook", 401).await;
    scene.others_go_on().await;
    let (before, fresh) = (scene.requests(), scene.shop.publish("order.cancelled").await);
    scene.others_go_on().await;
    gate.open();
    let all = scene.receiver.wait_for("/hook", 801).await;
    let position = all.iter().position(|one| one.json()["id"] == fresh.as_str()).unwrap();
    // Behind those that were under way, and a window's worth that came at the same time.
    let window = before - 400;
    assert!(position <= before + window, "{position} of 801, {window} of them were under way");
    assert!(window < 200, "{window}");
}
