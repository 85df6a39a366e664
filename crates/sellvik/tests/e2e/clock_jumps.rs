//! A clock that is set back an hour or forward a day under way: nothing is lost, nothing is sent twice,
//! and nothing is sent in a flood (CONTRACT §2, §3, §5).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sellvik_testkit::{Gate, Received, Reply};
use serde_json::{Value, json};

use crate::checks::{WEBHOOKS, refused};
use crate::harness::{Scene, eventually, moment};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

fn back_an_hour(scene: &Scene) {
    scene.server.clock.set(scene.server.now().before(HOUR));
}

fn forward_a_day(scene: &Scene) {
    scene.server.advance(DAY);
}

/// How often each event has arrived at `/hook`.
fn arrivals(scene: &Scene) -> BTreeMap<String, usize> {
    let mut arrivals = BTreeMap::new();
    for request in scene.receiver.received_at("/hook") {
        *arrivals.entry(request.header("x-sellvik-event-id").to_owned()).or_default() += 1;
    }
    arrivals
}

/// Waits until all deliveries have this status; them.
async fn all_reached(scene: &Scene, status: &str) -> Vec<Value> {
    eventually(status, async || {
        let deliveries = scene.shop.deliveries(&scene.webhook).await;
        let done = deliveries.iter().all(|one| one["status"] == status);
        if done { Ok(deliveries) } else { Err(json!(deliveries)) }
    })
    .await
}

/// Publishes so many events, which find one attempt each that fails.
async fn failed_once(scene: &Scene, many: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..many {
        ids.push(scene.shop.publish("order.cancelled").await);
    }
    all_reached(scene, "failed").await;
    ids
}

#[tokio::test]
async fn what_is_in_flight_when_the_clock_jumps_is_settled_once() {
    for jump in [back_an_hour, forward_a_day] {
        let gate = Gate::new();
        let scene = Scene::with([Reply::gate(gate.clone(), 200)]).await;
        let mut ids = vec![scene.shop.publish("order.cancelled").await];
        scene.receiver.wait_for("/hook", 1).await;
        jump(&scene);
        ids.push(scene.shop.publish("order.cancelled").await);
        scene.others_go_on().await;
        gate.open();
        for delivery in all_reached(&scene, "succeeded").await {
            assert_eq!(delivery["attempts"], json!(1), "{delivery}");
            assert_eq!(delivery["deliveredAt"], scene.server.now().to_string());
        }
        scene.others_go_on().await;
        assert_eq!(arrivals(&scene), ids.into_iter().map(|id| (id, 1)).collect());
    }
}

#[tokio::test]
async fn an_attempt_that_fails_after_the_clock_was_set_back_is_made_again_by_the_schedule() {
    let gate = Gate::new();
    let scene = Scene::with([Reply::gate(gate.clone(), 500), Reply::status(200)]).await;
    scene.shop.publish("order.cancelled").await;
    scene.receiver.wait_for("/hook", 1).await;
    back_an_hour(&scene);
    gate.open();
    let delivery = scene.shop.attempted(&scene.webhook, 1).await;
    assert_eq!(delivery["status"], "failed");
    assert!(moment(&delivery["nextAttemptAt"]) > scene.server.now());
    scene.others_go_on().await;
    assert_eq!(scene.requests(), 1, "not before it is due");
    let delivery = scene.next_attempt(&delivery).await;
    assert_eq!(delivery["status"], "succeeded");
    assert_eq!(scene.requests(), 2);
}

#[tokio::test]
async fn an_attempt_that_fails_after_its_day_was_jumped_over_is_the_last() {
    let gate = Gate::new();
    let scene = Scene::with([Reply::gate(gate.clone(), 500), Reply::status(200)]).await;
    scene.shop.publish("order.cancelled").await;
    scene.receiver.wait_for("/hook", 1).await;
    forward_a_day(&scene);
    gate.open();
    scene.shop.reached(&scene.webhook, "dropped").await;
    forward_a_day(&scene);
    scene.others_go_on().await;
    assert_eq!(scene.requests(), 1);
}

#[tokio::test]
async fn retries_wait_out_a_clock_that_was_set_back_and_are_made_once() {
    let failing = (0..5).map(|_| Reply::status(500));
    let scene = Scene::with(failing.chain([Reply::status(200)])).await;
    let ids = failed_once(&scene, 5).await;
    back_an_hour(&scene);
    scene.others_go_on().await;
    assert_eq!(scene.requests(), 5, "none is due");
    // Back and forth over the moment when they fall due.
    scene.server.advance(HOUR + Duration::from_mins(1));
    back_an_hour(&scene);
    scene.server.advance(HOUR);
    all_reached(&scene, "succeeded").await;
    back_an_hour(&scene);
    scene.others_go_on().await;
    forward_a_day(&scene);
    scene.others_go_on().await;
    assert_eq!(arrivals(&scene), ids.into_iter().map(|id| (id, 2)).collect());
}

#[tokio::test]
async fn after_a_jump_over_the_whole_day_each_retry_is_made_once_and_then_judged() {
    let scene = Scene::with([Reply::status(500)]).await;
    let ids = failed_once(&scene, 20).await;
    forward_a_day(&scene);
    scene.server.advance(HOUR);
    let dropped = all_reached(&scene, "dropped").await;
    assert_eq!(dropped.len(), 20);
    for delivery in &dropped {
        assert_eq!(delivery["attempts"], json!(2), "the entries in between are not made up for");
    }
    back_an_hour(&scene);
    scene.others_go_on().await;
    forward_a_day(&scene);
    scene.others_go_on().await;
    assert_eq!(arrivals(&scene), ids.into_iter().map(|id| (id, 2)).collect());
}

#[tokio::test]
async fn a_clock_that_is_set_right_again_after_a_jump_forward_loses_nothing() {
    let scene = Scene::with([Reply::status(200)]).await;
    forward_a_day(&scene);
    let mut ids = vec![scene.shop.publish("order.cancelled").await];
    all_reached(&scene, "succeeded").await;
    scene.server.clock.set(scene.server.now().before(DAY));
    for _ in 0..10 {
        ids.push(scene.shop.publish("order.cancelled").await);
    }
    all_reached(&scene, "succeeded").await;
    assert_eq!(arrivals(&scene), ids.into_iter().map(|id| (id, 1)).collect());
}

#[tokio::test]
async fn a_key_is_never_locked_out_by_a_jump() {
    for jump in [back_an_hour, forward_a_day] {
        let scene = Scene::with([]).await;
        let missing = format!("{WEBHOOKS}/wh_0");
        let spend = async || loop {
            let answer = scene.shop.admin.get(&missing).await;
            if answer.status != 404 {
                return refused(&answer, 429, "rate_limited")["retryAfter"].as_u64().unwrap();
            }
        };
        spend().await;
        jump(&scene);
        scene.shop.admin.get(WEBHOOKS).await.expect(200);
        let wait = spend().await;
        assert!((1..=60).contains(&wait));
        scene.server.advance(Duration::from_secs(wait));
        scene.shop.admin.get(WEBHOOKS).await.expect(200);
    }
}

/// Walks the webhook's deliveries by pages of three, with something done after each; their event ids.
async fn walk(scene: &Scene, between: impl AsyncFn()) -> Vec<String> {
    let (mut walked, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("{}/deliveries?limit=3&cursor={cursor}", scene.webhook.path);
        let page = scene.shop.admin.get(&path).await.expect(200);
        let items = page["items"].as_array().unwrap().iter();
        walked.extend(items.map(|item| item["eventId"].as_str().unwrap().to_owned()));
        let Some(next) = page["nextCursor"].as_str() else { return walked };
        next.clone_into(&mut cursor);
        between().await;
    }
}

#[tokio::test]
async fn lists_are_walked_without_gap_or_repeat_across_jumps() {
    let scene = Scene::with([]).await;
    let mut ids = BTreeSet::new();
    for jump in [back_an_hour, forward_a_day, back_an_hour, back_an_hour] {
        for _ in 0..5 {
            assert!(ids.insert(scene.shop.publish("order.cancelled").await), "an id was given twice");
        }
        jump(&scene);
    }
    let walked = walk(&scene, async || {}).await;
    assert_eq!(walked.len(), ids.len(), "{walked:?}");
    assert_eq!(walked.into_iter().collect::<BTreeSet<_>>(), ids);
    // Also while it grows and the clock is set back on the way.
    let walked = walk(&scene, async || {
        back_an_hour(&scene);
        scene.shop.publish("order.cancelled").await;
    })
    .await;
    let seen: BTreeSet<String> = walked.iter().cloned().collect();
    assert_eq!(seen.len(), walked.len(), "an item was repeated: {walked:?}");
    assert!(ids.is_subset(&seen), "an item was skipped: {walked:?}");
}

/// What the receiver got of an event published now.
async fn delivered(scene: &Scene) -> Received {
    let before = scene.requests();
    scene.shop.publish("order.cancelled").await;
    scene.receiver.wait_for("/hook", before + 1).await.pop().unwrap()
}

#[tokio::test]
async fn secrets_change_by_the_time_that_the_clock_shows() {
    let scene = Scene::with([]).await;
    let old = scene.webhook.secret.as_str();
    let path = format!("{}/rotate-secret", scene.webhook.path);
    let rotated = scene.shop.admin.post(&path, &json!({"activateIn": 600})).await.expect(200);
    let new = rotated["secret"].as_str().unwrap();
    let signed = async |by: &str, signatures: usize| {
        let received = delivered(&scene).await;
        assert!(received.verify_sellvik(by), "{:?}", received.headers);
        assert!(received.verify_standard(by), "{:?}", received.headers);
        assert_eq!(received.header("webhook-signature").split(' ').count(), signatures);
    };
    signed(old, 2).await;
    scene.server.advance(Duration::from_mins(10));
    signed(new, 2).await;
    back_an_hour(&scene);
    signed(old, 2).await;
    scene.server.advance(HOUR);
    signed(new, 2).await;
    forward_a_day(&scene);
    signed(new, 1).await;
    // The old one's time is over for good, whatever the clock says then.
    scene.server.advance(HOUR);
    signed(new, 1).await;
}

#[tokio::test]
async fn a_deleted_webhooks_secret_is_erased_in_time_although_the_clock_was_set_back() {
    let scene = Scene::with([Reply::status(500)]).await;
    scene.first_attempt().await;
    back_an_hour(&scene);
    scene.shop.admin.delete(&scene.webhook.path).await.expect(204);
    scene.server.advance(Duration::from_mins(6));
    eventually("the secret's end", async || {
        let sql = "SELECT count(*) FROM webhooks WHERE secret IS NOT NULL";
        let left = scene.server.count(sql);
        if left == 0 { Ok(()) } else { Err(json!(left)) }
    })
    .await;
    assert_eq!(scene.requests(), 1);
}
