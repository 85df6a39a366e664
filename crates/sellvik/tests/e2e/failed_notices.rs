//! `webhook.failed`: who hears of a delivery given up, and of what nobody hears (CONTRACT §5).

use sellvik_testkit::{Receiver, Reply};
use serde_json::{Value, json};

use crate::harness::{Scene, Server, Shop, Webhook, assert_shows};

/// A webhook for `webhook.failed` at this path of the receiver.
async fn listener(scene: &Scene, path: &str) -> Webhook {
    scene.shop.webhook(&scene.receiver.url(path), &["webhook.failed"]).await
}

/// Publishes an event that the failing endpoint answers twice with a 4xx; the dropped delivery.
async fn dropped_by_4xx(scene: &Scene) -> Value {
    let first = scene.first_attempt().await;
    let second = scene.next_attempt(&first).await;
    assert_shows(&second, &json!({"status": "dropped", "dropReason": "client_error"}));
    second
}

async fn how_many(shop: &Shop, webhook: &Webhook) -> usize {
    shop.deliveries(webhook).await.len()
}

#[tokio::test]
async fn the_4xx_rule_is_told_to_the_other_subscribed_webhooks() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let shop = server.shop().await;
    receiver.script("/hook/s3cret-path", [Reply::status(410).with_body("gone, and here is a token")]);
    let url = receiver.url("/hook/s3cret-path?key=s3cret");
    let failing = shop.webhook(&url, &["order.cancelled"]).await;
    shop.patch(&failing, json!({"name": "ERP sync"})).await;
    let one = shop.webhook(&receiver.url("/one"), &["webhook.failed"]).await;
    let two = shop.webhook(&receiver.url("/two"), &["order.paid", "webhook.failed"]).await;
    let event = shop.publish("order.cancelled").await;
    let first = shop.attempted(&failing, 1).await;
    server.advance_to(&first["nextAttemptAt"]);
    let dropped = shop.reached(&failing, "dropped").await;
    let expected = json!({
        "webhookId": failing.id, "webhookName": "ERP sync", "host": "127.0.0.1",
        "deliveryId": dropped["id"], "eventId": event, "eventType": "order.cancelled",
        "attempts": 2, "reason": "client_error", "lastResponseCode": 410,
        "lastError": "the endpoint answered 410", "droppedAt": server.now().to_string(),
    });
    for (path, webhook) in [("/one", &one), ("/two", &two)] {
        let notice = receiver.wait_for(path, 1).await.remove(0);
        let envelope = notice.json();
        assert_eq!(envelope["data"], expected);
        let id = envelope["id"].as_str().unwrap();
        assert!(id.starts_with("evt_") && !id.starts_with("evt_test_"), "{id}");
        assert_shows(&envelope, &json!({"type": "webhook.failed", "createdAt": server.now().to_string()}));
        assert_shows(&envelope, &json!({"shopId": shop.id, "shopSubdomain": shop.subdomain}));
        assert_eq!(notice.header("x-sellvik-event"), "webhook.failed");
        assert_eq!(notice.header("x-sellvik-event-id"), id);
        assert!(notice.verify_sellvik(&webhook.secret) && notice.verify_standard(&webhook.secret));
        let text = String::from_utf8(notice.body.to_vec()).unwrap();
        assert!(!text.contains("s3cret") && !text.contains("token"), "{text}");
        assert_eq!(shop.reached(webhook, "succeeded").await["event"], "webhook.failed");
    }
    assert_eq!(receiver.received_at("/one")[0].body, receiver.received_at("/two")[0].body);
}

#[tokio::test]
async fn spent_attempts_are_told_with_what_went_wrong_last() {
    let flags = ["--retry-schedule", "0s,30s"];
    for (reply, code, error) in [
        (Reply::status(503), json!(503), "the endpoint answered 503"),
        (Reply::close(), json!(null), "the connection was closed before an answer"),
    ] {
        let scene = Scene::with_flags(&flags, [reply]).await;
        listener(&scene, "/listener").await;
        let first = scene.first_attempt().await;
        let dropped = scene.next_attempt(&first).await;
        assert_shows(&dropped, &json!({"status": "dropped", "dropReason": "attempts_exhausted"}));
        let data = scene.receiver.wait_for("/listener", 1).await[0].json()["data"].clone();
        let expected = json!({
            "webhookId": scene.webhook.id, "webhookName": null, "host": "127.0.0.1",
            "deliveryId": dropped["id"], "eventId": dropped["eventId"], "eventType": "order.cancelled",
            "attempts": 2, "reason": "attempts_exhausted", "lastResponseCode": code,
            "lastError": error, "droppedAt": scene.server.now().to_string(),
        });
        assert_eq!(data, expected);
    }
}

#[tokio::test]
async fn its_data_has_the_documented_members_and_no_others() {
    let scene = Scene::with([Reply::status(404)]).await;
    listener(&scene, "/listener").await;
    dropped_by_4xx(&scene).await;
    let types = scene.shop.admin.get("/api/v1/admin/event-types?limit=100").await.expect(200);
    let all = types["items"].as_array().unwrap();
    let documented = all.iter().find(|kind| kind["name"] == "webhook.failed").unwrap();
    let data = scene.receiver.wait_for("/listener", 1).await[0].json()["data"].clone();
    let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&data), members(&documented["schema"]["properties"]));
}

#[tokio::test]
async fn the_failing_webhook_itself_never_hears_of_it() {
    let scene = Scene::with([Reply::status(404)]).await;
    let events = json!({"events": ["order.cancelled", "webhook.failed"]});
    scene.shop.patch(&scene.webhook, events).await;
    dropped_by_4xx(&scene).await;
    scene.others_go_on().await;
    assert_eq!(how_many(&scene.shop, &scene.webhook).await, 1);
    // Nobody else subscribes, so there was no event; with another webhook there is one, for that alone.
    let other = listener(&scene, "/listener").await;
    dropped_by_4xx(&scene).await;
    scene.receiver.wait_for("/listener", 1).await;
    assert_eq!(how_many(&scene.shop, &other).await, 1);
    assert_eq!(how_many(&scene.shop, &scene.webhook).await, 2);
}

#[tokio::test]
async fn only_enabled_subscribed_webhooks_of_the_same_shop_hear_of_it() {
    let scene = Scene::with([Reply::status(404)]).await;
    let hears = listener(&scene, "/hears").await;
    let disabled = listener(&scene, "/disabled").await;
    scene.shop.patch(&disabled, json!({"enabled": false})).await;
    let unsubscribed = scene.shop.webhook(&scene.receiver.url("/unsubscribed"), &["order.paid"]).await;
    let deleted = listener(&scene, "/deleted").await;
    scene.shop.admin.delete(&deleted.path).await.expect(204);
    let stranger = scene.server.shop().await;
    let other_shop = stranger.webhook(&scene.receiver.url("/stranger"), &["webhook.failed"]).await;
    dropped_by_4xx(&scene).await;
    scene.receiver.wait_for("/hears", 1).await;
    assert_eq!(how_many(&scene.shop, &hears).await, 1);
    for (shop, webhook) in [(&scene.shop, &disabled), (&scene.shop, &unsubscribed), (&stranger, &other_shop)]
    {
        assert_eq!(how_many(shop, webhook).await, 0);
    }
    scene.others_go_on().await;
    assert_eq!(scene.receiver.received_at("/deleted").len(), 0);
}

#[tokio::test]
async fn a_webhook_failed_delivery_that_fails_raises_no_other() {
    let scene = Scene::with([Reply::status(404)]).await;
    let good = listener(&scene, "/good").await;
    scene.receiver.script("/bad", [Reply::status(404)]);
    let bad = listener(&scene, "/bad").await;
    dropped_by_4xx(&scene).await;
    let first = scene.shop.attempted(&bad, 1).await;
    assert_eq!(first["event"], "webhook.failed");
    scene.server.advance_to(&first["nextAttemptAt"]);
    let dropped = scene.shop.reached(&bad, "dropped").await;
    assert_shows(&dropped, &json!({"dropReason": "client_error", "attempts": 2}));
    // The notice would have been made together with the drop.
    assert_eq!((how_many(&scene.shop, &good).await, how_many(&scene.shop, &bad).await), (1, 1));
}

#[tokio::test]
async fn a_success_a_retry_and_a_failed_test_raise_none() {
    let scene = Scene::with([Reply::status(200), Reply::status(500), Reply::status(404)]).await;
    let listener = listener(&scene, "/listener").await;
    assert_eq!(scene.first_attempt().await["status"], "succeeded");
    scene.server.advance(std::time::Duration::from_secs(1));
    assert_eq!(scene.first_attempt().await["status"], "failed");
    let path = format!("{}/test", scene.webhook.path);
    scene.server.advance(std::time::Duration::from_secs(1));
    scene.shop.admin.post(&path, &json!({"event": "order.paid"})).await.expect(202);
    let dropped = scene.shop.reached(&scene.webhook, "dropped").await;
    assert_shows(&dropped, &json!({"dropReason": "test_failed", "attempts": 1, "test": true}));
    assert_eq!(how_many(&scene.shop, &listener).await, 0);
}

#[tokio::test]
async fn each_delivery_given_up_raises_its_own() {
    let scene = Scene::with([Reply::status(404)]).await;
    listener(&scene, "/listener").await;
    let mut dropped = Vec::new();
    for _ in 0..3 {
        dropped.push(dropped_by_4xx(&scene).await["id"].clone());
        scene.server.advance(std::time::Duration::from_secs(1));
    }
    let notices = scene.receiver.wait_for("/listener", 3).await;
    let told: Vec<_> = notices.iter().map(|notice| notice.json()["data"]["deliveryId"].clone()).collect();
    assert_eq!(told, dropped);
}
