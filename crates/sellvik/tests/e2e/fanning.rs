//! Who gets an event, and that nobody waits for another's endpoint (CONTRACT §5).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sellvik_testkit::{Gate, Receiver, Reply};
use serde_json::json;
use tokio::task::JoinSet;

use crate::harness::{Scene, Server, assert_shows, eventually};

#[tokio::test]
async fn one_delivery_per_enabled_subscribed_webhook_of_that_shop() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let (shop, other) = (server.shop().await, server.shop().await);
    let (cancelled, paid) = ("order.cancelled", "order.paid");
    shop.webhook(&receiver.url("/only"), &[cancelled]).await;
    shop.webhook(&receiver.url("/both"), &[paid, cancelled]).await;
    shop.webhook(&receiver.url("/paid"), &[paid]).await;
    let disabled = shop.webhook(&receiver.url("/disabled"), &[cancelled]).await;
    shop.patch(&disabled, json!({"enabled": false})).await;
    let deleted = shop.webhook(&receiver.url("/deleted"), &[cancelled]).await;
    shop.admin.delete(&deleted.path).await.expect(204);
    other.webhook(&receiver.url("/other"), &[cancelled]).await;
    for (kind, deliveries) in [(cancelled, 2), (paid, 2), ("customer.created", 0)] {
        let answer = shop.publish_body(json!({"type": kind, "data": {}})).await;
        assert_eq!(answer["deliveries"], deliveries, "{kind}");
    }
    receiver.wait_for("/both", 2).await;
    receiver.wait_for("/only", 1).await;
    receiver.wait_for("/paid", 1).await;
    other.publish(cancelled).await;
    receiver.wait_for("/other", 1).await;
    let mut all: Vec<_> = receiver
        .received()
        .iter()
        .map(|one| (one.path.clone(), one.header("x-sellvik-event").to_owned()))
        .collect();
    all.sort();
    let expected =
        [("/both", cancelled), ("/both", paid), ("/only", cancelled), ("/other", cancelled), ("/paid", paid)];
    assert_eq!(all, expected.map(|(path, kind)| (path.to_owned(), kind.to_owned())));
    let ids: BTreeSet<_> =
        receiver.received().iter().map(|one| one.header("x-sellvik-delivery").to_owned()).collect();
    assert_eq!(ids.len(), 5);
}

#[tokio::test]
async fn a_narrowed_or_widened_subscription_holds_from_the_next_event_on() {
    let scene = Scene::with([]).await;
    let publish = async |kind: &str| {
        scene.shop.publish_body(json!({"type": kind, "data": {}})).await["deliveries"].clone()
    };
    assert_eq!(publish("order.paid").await, 0);
    scene.shop.patch(&scene.webhook, json!({"events": ["order.paid"]})).await;
    assert_eq!((publish("order.paid").await, publish("order.cancelled").await), (json!(1), json!(0)));
    scene.receiver.wait_for("/hook", 1).await;
}

#[tokio::test]
async fn deliveries_one_after_another_share_a_connection() {
    let scene = Scene::with([Reply::status(200).with_body("ok"), Reply::status(204)]).await;
    for _ in 0..40 {
        scene.server.advance(Duration::from_millis(1));
        assert_eq!(scene.first_attempt().await["status"], "succeeded");
    }
    let connections = scene.receiver.connections();
    assert!(connections <= 2, "{connections} connections for 40 deliveries");
}

#[tokio::test]
async fn a_resting_connection_that_the_receiver_closed_costs_no_attempt() {
    let closing = Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let scene = Scene::with([closing, Reply::status(200)]).await;
    for attempts in 1..=2 {
        scene.server.advance(Duration::from_millis(1));
        let delivery = scene.first_attempt().await;
        assert_shows(&delivery, &json!({"status": "succeeded", "attempts": 1}));
        assert_eq!(scene.requests(), attempts);
        scene.receiver.wait_for_closed(1).await;
    }
}

#[tokio::test]
async fn a_hanging_endpoint_delays_nobody_else() {
    let scene = Scene::with_flags(&["--delivery-timeout", "5m"], [Reply::hang()]).await;
    let neighbour = scene.server.shop().await;
    let same_shop = scene.shop.webhook(&scene.receiver.url("/healthy"), &["order.cancelled"]).await;
    neighbour.webhook(&scene.receiver.url("/neighbour"), &["order.cancelled"]).await;
    for _ in 0..50 {
        let answer = scene.shop.publish_body(json!({"type": "order.cancelled", "data": {}})).await;
        assert_eq!(answer["deliveries"], 2);
        neighbour.publish("order.cancelled").await;
    }
    scene.receiver.wait_for("/healthy", 50).await;
    scene.receiver.wait_for("/neighbour", 50).await;
    eventually("all 50 to be settled", async || {
        let path = format!("{}/deliveries?status=succeeded&limit=100", same_shop.path);
        let page = scene.shop.admin.get(&path).await.expect(200);
        if page["items"].as_array().unwrap().len() == 50 { Ok(()) } else { Err(page) }
    })
    .await;
    // All the while the hanging one holds what it was sent, and its other deliveries wait.
    let held = scene.shop.deliveries(&scene.webhook).await;
    assert_eq!(held.len(), 50);
    assert!(held.iter().all(|delivery| delivery["status"] == "pending" && delivery["attempts"] == 0));
    assert!(scene.requests() < 10, "{} requests hang", scene.requests());
}

#[tokio::test]
async fn events_published_at_once_all_arrive_and_each_once() {
    let scene = Scene::with([]).await;
    let mut publishing = JoinSet::new();
    for _ in 0..250 {
        let shop = scene.shop.clone();
        publishing.spawn(async move { shop.publish("order.cancelled").await });
    }
    let published: BTreeSet<String> = publishing.join_all().await.into_iter().collect();
    assert_eq!(published.len(), 250);
    scene.receiver.wait_for("/hook", 250).await;
    scene.others_go_on().await;
    let received = scene.receiver.received_at("/hook");
    let arrived: BTreeSet<String> =
        received.iter().map(|one| one.header("x-sellvik-event-id").to_owned()).collect();
    assert_eq!((received.len(), arrived), (250, published));
}

#[tokio::test]
async fn what_waits_behind_a_slow_endpoint_is_delivered_once_it_answers() {
    let gate = Gate::new();
    let scene = Scene::with([Reply::gate(Arc::clone(&gate), 200)]).await;
    for _ in 0..60 {
        scene.shop.publish("order.cancelled").await;
    }
    scene.receiver.wait_for("/hook", 1).await;
    gate.open();
    scene.receiver.wait_for("/hook", 60).await;
    scene.others_go_on().await;
    assert_eq!(scene.requests(), 60);
}
