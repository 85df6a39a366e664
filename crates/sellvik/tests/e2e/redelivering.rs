//! Sending one delivery again (CONTRACT §3); windows of them are in `windows`.

use std::sync::Arc;
use std::time::Duration;

use sellvik_testkit::{Answer, Gate, Reply};
use serde_json::{Value, json};

use crate::harness::{Scene, assert_shows, moment};

async fn redeliver(scene: &Scene, delivery: &Value) -> Answer {
    let id = delivery["id"].as_str().unwrap();
    let path = format!("{}/deliveries/{id}/redeliver", scene.webhook.path);
    scene.shop.admin.post(&path, &json!({})).await
}

/// How far behind its making the delivery's next attempt is.
fn offset(delivery: &Value) -> Duration {
    moment(&delivery["nextAttemptAt"]).since(moment(&delivery["createdAt"]))
}

#[tokio::test]
async fn a_failed_delivery_becomes_due_now_and_keeps_its_id_and_schedule() {
    let scene = Scene::with([Reply::status(500)]).await;
    let first = scene.first_attempt().await;
    scene.server.advance(Duration::from_secs(10));
    let again = redeliver(&scene, &first).await.expect(202);
    assert_shows(&again, &json!({"id": first["id"], "eventId": first["eventId"], "redeliveryOf": null}));
    assert_shows(&again, &json!({"status": "failed", "nextAttemptAt": scene.server.now().to_string()}));
    let second = scene.shop.attempted(&scene.webhook, 2).await;
    assert_eq!(scene.shop.deliveries(&scene.webhook).await.len(), 1);
    // The entry it was waiting for is still to come.
    assert_shows(&second, &json!({"id": first["id"], "createdAt": first["createdAt"]}));
    assert!((27..=33).contains(&offset(&second).as_secs()), "{second:#}");
    let third = scene.next_attempt(&second).await;
    assert!((111..=129).contains(&offset(&third).as_secs()), "{third:#}");
    let received = scene.receiver.received_at("/hook");
    assert!(received.iter().all(|one| one.body == received[0].body));
    assert!(received.iter().all(|one| one.header("x-sellvik-delivery") == first["id"]));
}

#[tokio::test]
async fn a_failed_delivery_that_is_redelivered_can_succeed() {
    let scene = Scene::with([Reply::status(404), Reply::status(200)]).await;
    let first = scene.first_attempt().await;
    redeliver(&scene, &first).await.expect(202);
    let second = scene.shop.attempted(&scene.webhook, 2).await;
    assert_shows(&second, &json!({"id": first["id"], "status": "succeeded", "nextAttemptAt": null}));
}

#[tokio::test]
async fn the_4xx_rule_counts_attempts_made_by_redelivery_too() {
    let scene = Scene::with([Reply::status(404)]).await;
    let first = scene.first_attempt().await;
    redeliver(&scene, &first).await.expect(202);
    let second = scene.shop.attempted(&scene.webhook, 2).await;
    assert_shows(&second, &json!({"status": "dropped", "dropReason": "client_error"}));
}

#[tokio::test]
async fn a_pending_delivery_is_due_already_and_goes_once() {
    let gate = Gate::new();
    let scene = Scene::with([Reply::gate(Arc::clone(&gate), 200)]).await;
    for _ in 0..10 {
        scene.shop.publish("order.cancelled").await;
    }
    scene.receiver.wait_for("/hook", 1).await;
    for delivery in scene.shop.deliveries(&scene.webhook).await {
        let again = redeliver(&scene, &delivery).await.expect(202);
        assert_shows(&again, &json!({"id": delivery["id"], "status": "pending", "attempts": 0}));
        assert_shows(&again, &json!({"redeliveryOf": null, "nextAttemptAt": delivery["createdAt"]}));
    }
    gate.open();
    scene.receiver.wait_for("/hook", 10).await;
    scene.others_go_on().await;
    assert_eq!((scene.requests(), scene.shop.deliveries(&scene.webhook).await.len()), (10, 10));
}

#[tokio::test]
async fn a_succeeded_delivery_goes_again_as_a_new_one() {
    let scene = Scene::with([]).await;
    let first = scene.first_attempt().await;
    scene.server.advance(Duration::from_hours(48));
    let now = scene.server.now().to_string();
    let again = redeliver(&scene, &first).await.expect(202);
    assert_ne!(again["id"], first["id"]);
    assert_shows(
        &again,
        &json!({"redeliveryOf": first["id"], "eventId": first["eventId"], "createdAt": now}),
    );
    assert_shows(
        &again,
        &json!({"status": "pending", "attempts": 0, "event": "order.cancelled", "test": false}),
    );
    let second = scene.shop.reached(&scene.webhook, "succeeded").await;
    assert_shows(&second, &json!({"id": again["id"], "redeliveryOf": first["id"], "attempts": 1}));
    assert_eq!(scene.shop.deliveries(&scene.webhook).await[1], first);
    let received = scene.receiver.received_at("/hook");
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].body, received[1].body);
    assert_eq!(received[1].header("x-sellvik-delivery"), again["id"]);
    assert_eq!(received[1].header("webhook-timestamp"), scene.server.now().as_secs().to_string());
    assert!(received[1].verify_sellvik(&scene.webhook.secret));
}

#[tokio::test]
async fn a_dropped_delivery_goes_again_with_a_whole_schedule_from_now() {
    let scene = Scene::with([404, 404, 500, 404, 500].map(Reply::status)).await;
    let first = scene.first_attempt().await;
    let dropped = scene.next_attempt(&first).await;
    assert_eq!(dropped["status"], "dropped");
    scene.server.advance(Duration::from_hours(72));
    let again = redeliver(&scene, &dropped).await.expect(202);
    assert_shows(&again, &json!({"status": "pending", "redeliveryOf": dropped["id"]}));
    let mut delivery = scene.shop.attempted(&scene.webhook, 1).await;
    assert_shows(&delivery, &json!({"id": again["id"], "status": "failed"}));
    assert!((27..=33).contains(&offset(&delivery).as_secs()), "{delivery:#}");
    // The 4xx rule begins anew, too.
    delivery = scene.next_attempt(&delivery).await;
    assert_shows(&delivery, &json!({"status": "failed", "lastResponseCode": 404}));
    delivery = scene.next_attempt(&delivery).await;
    assert_shows(&delivery, &json!({"status": "failed", "lastResponseCode": 500}));
    assert!((111..=129).contains(&offset(&delivery).as_secs()), "{delivery:#}");
    assert_eq!(scene.shop.deliveries(&scene.webhook).await[1], dropped);
    // A redelivery may be redelivered; it names the one it repeats.
    redeliver(&scene, &dropped).await.expect(202);
    assert_eq!(scene.shop.deliveries(&scene.webhook).await.len(), 3);
}

#[tokio::test]
async fn a_redelivered_test_is_still_a_test() {
    let scene = Scene::with([Reply::status(500)]).await;
    let path = format!("{}/test", scene.webhook.path);
    scene.shop.admin.post(&path, &json!({"event": "order.paid"})).await.expect(202);
    let dropped = scene.shop.reached(&scene.webhook, "dropped").await;
    scene.server.advance(Duration::from_secs(1));
    let again = redeliver(&scene, &dropped).await.expect(202);
    assert_shows(&again, &json!({"test": true, "redeliveryOf": dropped["id"]}));
    let second = scene.shop.attempted(&scene.webhook, 1).await;
    assert_shows(&second, &json!({"status": "dropped", "dropReason": "test_failed", "id": again["id"]}));
    assert_eq!(scene.shop.get(&scene.webhook).await["failureCount"], 0);
}

#[tokio::test]
async fn a_disabled_webhook_redelivers_nothing() {
    let scene = Scene::with([Reply::status(500)]).await;
    let failed = scene.first_attempt().await;
    scene.shop.patch(&scene.webhook, json!({"enabled": false})).await;
    let answer = redeliver(&scene, &failed).await;
    assert_eq!((answer.status, answer.code()), (409, "webhook_disabled".to_owned()));
    scene.others_go_on().await;
    assert_eq!(scene.requests(), 1);
    assert_eq!(scene.shop.deliveries(&scene.webhook).await, [failed]);
}

#[tokio::test]
async fn deliveries_of_others_and_of_nobody_are_not_found() {
    let scene = Scene::with([]).await;
    let delivery = scene.first_attempt().await;
    let other = scene.shop.webhook(&scene.receiver.url("/other"), &["order.paid"]).await;
    let stranger = scene.server.shop().await;
    let id = delivery["id"].as_str().unwrap();
    for (admin, webhook, id) in [
        (&scene.shop.admin, &scene.webhook.path, "del_00000000000070008000000000000000"),
        (&scene.shop.admin, &scene.webhook.path, "del_x"),
        (&scene.shop.admin, &scene.webhook.path, "evt_1"),
        (&scene.shop.admin, &other.path, id),
        (&stranger.admin, &scene.webhook.path, id),
    ] {
        let answer = admin.post(&format!("{webhook}/deliveries/{id}/redeliver"), &json!({})).await;
        assert_eq!((answer.status, answer.code()), (404, "not_found".to_owned()), "{webhook} {id}");
        let answer = admin.get(&format!("{webhook}/deliveries/{id}")).await;
        assert_eq!((answer.status, answer.code()), (404, "not_found".to_owned()), "{webhook} {id}");
    }
    assert_eq!(scene.shop.deliveries(&scene.webhook).await.len(), 1);
}

#[tokio::test]
async fn redelivering_needs_no_body() {
    let scene = Scene::with([]).await;
    let delivery = scene.first_attempt().await;
    let path = format!("{}/deliveries/{}/redeliver", scene.webhook.path, delivery["id"].as_str().unwrap());
    let key = format!("Bearer {}", scene.shop.key);
    scene.shop.admin.send("POST", &path, &[("Authorization", &key)], Vec::new()).await.expect(202);
    scene.receiver.wait_for("/hook", 2).await;
}
