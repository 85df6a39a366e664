//! What a change of the webhook means for what is queued: disabled, moved, narrowed (CONTRACT §3), and an
//! endpoint held back as dead (CONTRACT §5).

use std::slice::from_ref;
use std::sync::Arc;
use std::time::Duration;

use sellvik_testkit::{Gate, Reply};
use serde_json::{Value, json};

use crate::harness::{Scene, assert_shows, eventually};

const ON: bool = true;
const OFF: bool = false;

async fn switch(scene: &Scene, enabled: bool) -> Value {
    let webhook = scene.shop.patch(&scene.webhook, json!({"enabled": enabled})).await;
    assert_eq!(webhook["enabled"], enabled);
    webhook
}

/// Waits until every delivery of the webhook is dropped; they. The clock moves on, because housekeeping
/// goes by it.
async fn all_dropped(scene: &Scene) -> Vec<Value> {
    eventually("all to be dropped", async || {
        scene.server.advance(Duration::from_secs(6));
        let deliveries = scene.shop.deliveries(&scene.webhook).await;
        let done = deliveries.iter().all(|delivery| delivery["status"] == "dropped");
        if done { Ok(deliveries) } else { Err(json!(deliveries)) }
    })
    .await
}

#[tokio::test]
async fn while_disabled_no_attempt_starts_and_what_failed_resumes_on_re_enabling() {
    let scene = Scene::with([Reply::status(500), Reply::status(200)]).await;
    let first = scene.first_attempt().await;
    assert_eq!(switch(&scene, OFF).await["failureCount"], 1);
    scene.server.advance(Duration::from_mins(5));
    scene.others_go_on().await;
    assert_eq!(scene.requests(), 1);
    assert_eq!(scene.shop.deliveries(&scene.webhook).await, from_ref(&first));
    scene.server.advance(Duration::from_hours(23));
    scene.others_go_on().await;
    assert_eq!(scene.requests(), 1);
    assert_eq!(switch(&scene, ON).await["failureCount"], 0);
    // Due long ago: made at once.
    let second = scene.shop.attempted(&scene.webhook, 2).await;
    assert_shows(&second, &json!({"id": first["id"], "status": "succeeded"}));
    assert_eq!(second["deliveredAt"], scene.server.now().to_string());
}

#[tokio::test]
async fn events_published_while_disabled_create_no_delivery() {
    let scene = Scene::with([]).await;
    switch(&scene, OFF).await;
    let answer = scene.shop.publish_body(json!({"type": "order.cancelled", "data": {}})).await;
    assert_eq!(answer["deliveries"], 0);
    switch(&scene, ON).await;
    scene.others_go_on().await;
    assert_eq!(scene.shop.deliveries(&scene.webhook).await.len(), 0);
    let answer = scene.shop.publish_body(json!({"type": "order.cancelled", "data": {}})).await;
    assert_eq!(answer["deliveries"], 1);
    scene.receiver.wait_for("/hook", 1).await;
    scene.others_go_on().await;
    assert_eq!(scene.requests(), 1);
}

#[tokio::test]
async fn what_waits_unattempted_when_a_webhook_is_disabled_stays_pending_until_it_is_enabled() {
    let gate = Gate::new();
    let scene = Scene::with([Reply::gate(Arc::clone(&gate), 200)]).await;
    for _ in 0..20 {
        scene.shop.publish("order.cancelled").await;
    }
    scene.receiver.wait_for("/hook", 1).await;
    switch(&scene, OFF).await;
    scene.others_go_on().await;
    let begun = scene.requests();
    gate.open();
    // What was under way ends; nothing else starts.
    eventually("what was under way to end", async || {
        let deliveries = scene.shop.deliveries(&scene.webhook).await;
        let succeeded = deliveries.iter().filter(|delivery| delivery["status"] == "succeeded").count();
        if succeeded == begun { Ok(()) } else { Err(json!(deliveries)) }
    })
    .await;
    scene.server.advance(Duration::from_mins(1));
    scene.others_go_on().await;
    assert_eq!(scene.requests(), begun);
    let waiting = scene.shop.deliveries(&scene.webhook).await;
    let pending = waiting.iter().filter(|delivery| delivery["status"] == "pending").count();
    assert_eq!(pending, 20 - begun);
    switch(&scene, ON).await;
    scene.receiver.wait_for("/hook", 20).await;
    scene.others_go_on().await;
    assert_eq!(scene.requests(), 20);
}

#[tokio::test]
async fn what_waits_past_its_24_hours_while_disabled_is_dropped_and_nobody_is_told() {
    for re_enabled in [false, true] {
        let scene = Scene::with([Reply::status(500)]).await;
        let listener = scene.shop.webhook(&scene.receiver.url("/listener"), &["webhook.failed"]).await;
        let first = scene.first_attempt().await;
        switch(&scene, OFF).await;
        scene.server.advance(Duration::from_hours(25));
        if re_enabled {
            switch(&scene, ON).await;
        }
        let dropped = all_dropped(&scene).await.remove(0);
        let expected = json!({"id": first["id"], "attempts": 1, "dropReason": "webhook_disabled"});
        assert_shows(&dropped, &expected);
        assert_shows(&dropped, &json!({"nextAttemptAt": null, "deliveredAt": null, "lastResponseCode": 500}));
        scene.others_go_on().await;
        assert_eq!(scene.requests(), 1);
        assert_eq!(scene.shop.deliveries(&listener).await.len(), 0);
    }
}

#[tokio::test]
async fn what_was_never_attempted_is_dropped_too_when_its_24_hours_end_while_disabled() {
    let gate = Gate::new();
    let scene = Scene::with([Reply::gate(Arc::clone(&gate), 500)]).await;
    for _ in 0..10 {
        scene.shop.publish("order.cancelled").await;
    }
    scene.receiver.wait_for("/hook", 1).await;
    switch(&scene, OFF).await;
    scene.others_go_on().await;
    let begun = scene.requests();
    gate.open();
    scene.others_go_on().await;
    scene.server.advance(Duration::from_hours(24));
    let dropped = all_dropped(&scene).await;
    let unattempted = dropped.iter().filter(|delivery| delivery["attempts"] == 0).count();
    assert_eq!(unattempted, 10 - begun);
    assert!(dropped.iter().all(|delivery| delivery["dropReason"] == "webhook_disabled"));
    assert_eq!(scene.requests(), begun);
}

#[tokio::test]
async fn re_enabling_before_an_attempt_is_due_does_not_hasten_it() {
    let scene = Scene::with([Reply::status(500), Reply::status(200)]).await;
    let first = scene.first_attempt().await;
    switch(&scene, OFF).await;
    scene.server.advance(Duration::from_secs(10));
    switch(&scene, ON).await;
    scene.others_go_on().await;
    assert_eq!(scene.shop.deliveries(&scene.webhook).await, from_ref(&first));
    assert_eq!(scene.next_attempt(&first).await["status"], "succeeded");
}

#[tokio::test]
async fn a_disabled_webhooks_queue_is_still_held_after_a_restart() {
    let mut scene = Scene::with([Reply::status(500), Reply::status(200)]).await;
    scene.first_attempt().await;
    switch(&scene, OFF).await;
    scene.server.stop().await;
    scene.server.advance(Duration::from_hours(1));
    scene.server.restart().await;
    scene.shop = scene.shop.after_restart(&scene.server);
    scene.others_go_on().await;
    assert_eq!(scene.requests(), 1);
    switch(&scene, ON).await;
    assert_eq!(scene.shop.attempted(&scene.webhook, 2).await["status"], "succeeded");
}

#[tokio::test]
async fn a_test_event_goes_to_a_disabled_webhook_and_nothing_else_does() {
    let scene = Scene::with([Reply::status(500), Reply::status(200)]).await;
    let queued = scene.first_attempt().await;
    switch(&scene, OFF).await;
    scene.server.advance(Duration::from_mins(1));
    let path = format!("{}/test", scene.webhook.path);
    let test = scene.shop.admin.post(&path, &json!({"event": "order.created"})).await.expect(202);
    let delivery = scene.shop.reached(&scene.webhook, "succeeded").await;
    assert_shows(&delivery, &json!({"id": test["delivery"]["id"], "test": true, "attempts": 1}));
    scene.others_go_on().await;
    let received = scene.receiver.received_at("/hook");
    assert_eq!(received.len(), 2);
    assert_eq!(received[1].json()["test"], true);
    assert_eq!(scene.shop.deliveries(&scene.webhook).await[1], queued);
}

#[tokio::test]
async fn the_secret_stays_when_a_webhook_is_disabled_and_enabled_again() {
    let scene = Scene::with([]).await;
    switch(&scene, OFF).await;
    switch(&scene, ON).await;
    scene.first_attempt().await;
    assert!(scene.receiver.received_at("/hook")[0].verify_sellvik(&scene.webhook.secret));
}

#[tokio::test]
async fn a_queued_delivery_goes_to_the_new_url() {
    let scene = Scene::with([Reply::status(500)]).await;
    let first = scene.first_attempt().await;
    scene.shop.patch(&scene.webhook, json!({"url": scene.receiver.url("/moved")})).await;
    let second = scene.next_attempt(&first).await;
    assert_shows(&second, &json!({"id": first["id"], "status": "succeeded"}));
    assert_eq!((scene.requests(), scene.receiver.received_at("/moved").len()), (1, 1));
    let moved = scene.receiver.received_at("/moved").remove(0);
    assert_eq!(moved.body, scene.receiver.received_at("/hook")[0].body);
    assert!(moved.verify_sellvik(&scene.webhook.secret));
}

#[tokio::test]
async fn narrower_events_stop_no_delivery_already_made() {
    let scene = Scene::with([500, 500, 200].map(Reply::status)).await;
    let first = scene.first_attempt().await;
    scene.shop.patch(&scene.webhook, json!({"events": ["order.paid"]})).await;
    let second = scene.next_attempt(&first).await;
    assert_eq!(scene.next_attempt(&second).await["status"], "succeeded");
    assert_eq!(scene.requests(), 3);
}

#[tokio::test]
async fn what_a_dead_endpoints_lane_never_reached_is_dropped_as_endpoint_unavailable() {
    let scene = Scene::with_flags(&["--delivery-timeout", "200ms"], [Reply::hang()]).await;
    for _ in 0..15 {
        scene.shop.publish("order.cancelled").await;
    }
    // Three silences in a row and the endpoint counts as dead: the rest waits for a probe's success.
    let attempted = async || {
        let deliveries = scene.shop.deliveries(&scene.webhook).await;
        deliveries.iter().filter(|delivery| delivery["attempts"] == 1).count()
    };
    eventually("four attempts", async || if attempted().await >= 4 { Ok(()) } else { Err(Value::Null) })
        .await;
    scene.server.advance(Duration::from_hours(24) + Duration::from_secs(1));
    let dropped = all_dropped(&scene).await;
    assert_eq!(dropped.len(), 15);
    let reason = |delivery: &Value| delivery["dropReason"].as_str().unwrap().to_owned();
    let unreached: Vec<_> = dropped.iter().filter(|delivery| delivery["attempts"] == 0).collect();
    assert!(unreached.len() >= 5, "{dropped:#?}");
    for delivery in unreached {
        assert_eq!(reason(delivery), "endpoint_unavailable");
        assert_shows(
            delivery,
            &json!({"lastAttemptAt": null, "lastResponseCode": null, "nextAttemptAt": null}),
        );
    }
    for delivery in dropped.iter().filter(|delivery| delivery["attempts"] != 0) {
        // Those under way when the day ended were made and judged.
        assert!(["endpoint_unavailable", "attempts_exhausted"].contains(&reason(delivery).as_str()));
        assert_eq!(delivery["attempts"], 1);
    }
    let requests = scene.requests();
    scene.server.advance(Duration::from_hours(1));
    scene.others_go_on().await;
    assert_eq!(scene.requests(), requests);
}

#[tokio::test]
async fn a_dead_endpoint_that_answers_again_gets_all_that_waited() {
    let scene = Scene::with_flags(&["--delivery-timeout", "300ms"], [Reply::hang()]).await;
    for _ in 0..30 {
        scene.shop.publish("order.cancelled").await;
    }
    scene.receiver.wait_for("/hook", 5).await;
    scene.receiver.script("/hook", [Reply::status(200)]);
    let settled = async || {
        let deliveries = scene.shop.deliveries(&scene.webhook).await;
        let waiting = deliveries.iter().filter(|delivery| delivery["status"] == "pending").count();
        if waiting == 0 { Ok(deliveries) } else { Err(json!(waiting)) }
    };
    let deliveries = eventually("the waiting ones to be made", settled).await;
    let failed = deliveries.iter().filter(|delivery| delivery["status"] == "failed").count();
    assert!((4..=6).contains(&failed), "{failed} failed");
    scene.server.advance(Duration::from_secs(33));
    eventually("the failed ones to be made again", async || {
        let deliveries = scene.shop.deliveries(&scene.webhook).await;
        let done = deliveries.iter().all(|delivery| delivery["status"] == "succeeded");
        if done { Ok(()) } else { Err(json!(deliveries)) }
    })
    .await;
    assert_eq!(scene.shop.get(&scene.webhook).await["failureCount"], 0);
}
