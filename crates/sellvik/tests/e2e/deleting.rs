//! A deleted webhook: gone from the API at once, its queue drained for five minutes (CONTRACT §3).

use std::sync::Arc;
use std::time::Duration;

use sellvik_testkit::{Gate, Reply};
use serde_json::json;

use crate::harness::Scene;

async fn delete(scene: &Scene) {
    let answer = scene.shop.admin.delete(&scene.webhook.path).await;
    assert!(answer.body.is_empty());
    answer.expect(204);
}

#[tokio::test]
async fn a_deleted_webhook_is_not_found_at_once_by_any_route() {
    let scene = Scene::with([Reply::status(500)]).await;
    let delivery = scene.first_attempt().await;
    delete(&scene).await;
    let (admin, path) = (&scene.shop.admin, &scene.webhook.path);
    let one = format!("{path}/deliveries/{}", delivery["id"].as_str().unwrap());
    for answer in [
        admin.get(path).await,
        admin.patch(path, &json!({"enabled": true})).await,
        admin.delete(path).await,
        admin.get(&format!("{path}/deliveries")).await,
        admin.get(&one).await,
        admin.post(&format!("{one}/redeliver"), &json!({})).await,
        admin.post(&format!("{path}/redeliver"), &json!({"since": "2026-05-27T00:00:00Z"})).await,
        admin.post(&format!("{path}/test"), &json!({"event": "order.created"})).await,
        admin.post(&format!("{path}/rotate-secret"), &json!({})).await,
    ] {
        assert_eq!((answer.status, answer.code()), (404, "not_found".to_owned()));
    }
    let list = admin.get("/api/v1/admin/webhooks").await.expect(200);
    assert_eq!(list["items"], json!([]));
    let answer = scene.shop.publish_body(json!({"type": "order.cancelled", "data": {}})).await;
    assert_eq!(answer["deliveries"], 0);
}

#[tokio::test]
async fn its_url_may_be_registered_again_at_once_with_another_secret() {
    let scene = Scene::with([]).await;
    delete(&scene).await;
    let again = scene.shop.webhook(&scene.receiver.url("/hook"), &["order.cancelled"]).await;
    assert_ne!((&again.id, &again.secret), (&scene.webhook.id, &scene.webhook.secret));
    scene.shop.publish("order.cancelled").await;
    let received = scene.receiver.wait_for("/hook", 1).await;
    assert!(received[0].verify_sellvik(&again.secret));
}

#[tokio::test]
async fn what_failed_is_retried_within_five_minutes_of_the_deletion_and_not_after() {
    let scene = Scene::with([Reply::status(500)]).await;
    let first = scene.first_attempt().await;
    delete(&scene).await;
    scene.server.advance_to(&first["nextAttemptAt"]);
    let received = scene.receiver.wait_for("/hook", 2).await;
    assert!(received[1].verify_sellvik(&scene.webhook.secret), "the secret lives until draining ends");
    assert_eq!(received[1].body, received[0].body);
    scene.others_go_on().await;
    // The third falls due about 2 min after the event.
    scene.server.advance(Duration::from_secs(129 - 27));
    scene.receiver.wait_for("/hook", 3).await;
    scene.others_go_on().await;
    for _ in 0..20 {
        scene.server.advance(Duration::from_mins(1));
        scene.others_go_on().await;
    }
    scene.server.advance(Duration::from_hours(24));
    scene.others_go_on().await;
    assert_eq!(scene.requests(), 3);
}

#[tokio::test]
async fn what_was_pending_goes_on_after_the_deletion() {
    let gate = Gate::new();
    let scene = Scene::with([Reply::gate(Arc::clone(&gate), 200)]).await;
    for _ in 0..20 {
        scene.shop.publish("order.cancelled").await;
    }
    scene.receiver.wait_for("/hook", 1).await;
    delete(&scene).await;
    gate.open();
    scene.receiver.wait_for("/hook", 20).await;
    scene.others_go_on().await;
    let received = scene.receiver.received_at("/hook");
    assert_eq!(received.len(), 20);
    assert!(received.iter().all(|one| one.verify_sellvik(&scene.webhook.secret)));
}

#[tokio::test]
async fn what_is_pending_when_the_five_minutes_end_is_not_sent() {
    let gate = Gate::new();
    let scene = Scene::with([Reply::gate(Arc::clone(&gate), 200)]).await;
    for _ in 0..20 {
        scene.shop.publish("order.cancelled").await;
    }
    scene.receiver.wait_for("/hook", 1).await;
    delete(&scene).await;
    scene.others_go_on().await;
    let begun = scene.requests();
    scene.server.advance(Duration::from_mins(5));
    gate.open();
    for _ in 0..5 {
        scene.server.advance(Duration::from_secs(10));
        scene.others_go_on().await;
    }
    assert_eq!(scene.requests(), begun);
}

#[tokio::test]
async fn draining_ends_also_across_a_restart() {
    let mut scene = Scene::with([Reply::status(500)]).await;
    scene.first_attempt().await;
    delete(&scene).await;
    scene.server.stop().await;
    scene.server.advance(Duration::from_mins(5));
    scene.server.restart().await;
    scene.shop = scene.shop.after_restart(&scene.server);
    for _ in 0..3 {
        scene.others_go_on().await;
        scene.server.advance(Duration::from_mins(10));
    }
    assert_eq!(scene.requests(), 1);
}

#[tokio::test]
async fn the_deletion_of_a_disabled_webhook_sends_nothing() {
    let scene = Scene::with([Reply::status(500)]).await;
    scene.first_attempt().await;
    scene.shop.patch(&scene.webhook, json!({"enabled": false})).await;
    delete(&scene).await;
    for _ in 0..6 {
        scene.server.advance(Duration::from_mins(2));
        scene.others_go_on().await;
    }
    assert_eq!(scene.requests(), 1);
}

#[tokio::test]
async fn nobody_is_told_of_what_a_deletion_dropped() {
    let scene = Scene::with([Reply::status(500)]).await;
    let listener = scene.shop.webhook(&scene.receiver.url("/listener"), &["webhook.failed"]).await;
    scene.first_attempt().await;
    delete(&scene).await;
    for _ in 0..4 {
        scene.server.advance(Duration::from_mins(10));
        scene.others_go_on().await;
    }
    assert_eq!(scene.shop.deliveries(&listener).await.len(), 0);
}

#[tokio::test]
async fn the_drain_is_a_setting() {
    let scene = Scene::with_flags(&["--drain-after-delete", "10s"], [Reply::status(500)]).await;
    scene.first_attempt().await;
    delete(&scene).await;
    scene.server.advance(Duration::from_mins(1));
    scene.others_go_on().await;
    assert_eq!(scene.requests(), 1);
}
