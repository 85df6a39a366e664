//! The 24-hour chain on a hand-driven clock (CONTRACT §5).

use std::time::Duration;

use sellvik_testkit::{Receiver, Reply};
use serde_json::json;

use crate::harness::{Scene, Server, assert_shows, eventually, moment};

/// The schedule's entries in seconds.
const ENTRIES: [i64; 9] = [0, 30, 120, 600, 1800, 7200, 21_600, 64_800, 86_400];

#[tokio::test]
async fn nine_attempts_in_a_day_each_within_its_jitter_then_dropped() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let shop = server.shop().await;
    receiver.script("/hook", [Reply::status(500).with_body("no")]);
    let webhook = shop.webhook(&receiver.url("/hook"), &["order.cancelled"]).await;
    let accepted = server.now();
    shop.publish("order.cancelled").await;
    for attempt in 1..=9_usize {
        receiver.wait_for("/hook", attempt).await;
        let delivery = shop.attempted(&webhook, attempt as u64).await;
        if attempt == 9 {
            assert_eq!(delivery["status"], "dropped");
            assert_eq!(delivery["dropReason"], "attempts_exhausted");
            assert_eq!(delivery["nextAttemptAt"], serde_json::Value::Null);
            break;
        }
        assert_eq!(delivery["status"], "failed");
        let next = moment(&delivery["nextAttemptAt"]);
        let offset = next.as_millis() - accepted.as_millis();
        let (nominal, gap) = (ENTRIES[attempt] * 1000, (ENTRIES[attempt] - ENTRIES[attempt - 1]) * 1000);
        let latest = if attempt == 8 { nominal } else { nominal + gap / 10 };
        assert!((nominal - gap / 10..=latest).contains(&offset), "attempt {}: {offset} ms", attempt + 1);
        // A moment before it is due nothing happens; the attempt is made by the moment itself.
        server.advance(next.before(Duration::from_millis(1)).since(server.now()));
        assert_eq!(
            shop.attempted(&webhook, attempt as u64).await["nextAttemptAt"],
            delivery["nextAttemptAt"]
        );
        server.advance(Duration::from_millis(1));
    }
    assert_eq!(receiver.received_at("/hook").len(), 9);
}

#[tokio::test]
async fn a_408_has_the_whole_chain_and_never_the_4xx_rule() {
    let scene = Scene::with([Reply::status(408)]).await;
    let mut delivery = scene.first_attempt().await;
    for attempts in 2..=9 {
        assert_shows(&delivery, &json!({"status": "failed", "lastResponseCode": 408}));
        delivery = scene.next_attempt(&delivery).await;
        assert_eq!(delivery["attempts"], attempts);
    }
    assert_shows(&delivery, &json!({"status": "dropped", "dropReason": "attempts_exhausted"}));
    assert_eq!(scene.requests(), 9);
}

#[tokio::test]
async fn entries_that_passed_during_an_outage_are_skipped_not_made_up_for() {
    let mut scene = Scene::with([Reply::status(500)]).await;
    let first = scene.first_attempt().await;
    scene.server.stop().await;
    scene.server.advance(Duration::from_secs(700));
    scene.server.restart().await;
    let shop = scene.shop.after_restart(&scene.server);
    // Due long ago, so made at once; then the first entry that is still to come is the one at 30 min.
    let second = shop.attempted(&scene.webhook, 2).await;
    assert_shows(&second, &json!({"id": first["id"], "status": "failed"}));
    assert_eq!(moment(&second["lastAttemptAt"]), scene.server.now());
    let offset = moment(&second["nextAttemptAt"]).since(moment(&second["createdAt"])).as_secs();
    assert!((1680..=1920).contains(&offset), "{offset} s");
    scene.shop = shop;
    scene.others_go_on().await;
    assert_eq!(scene.requests(), 2);
}

#[tokio::test]
async fn what_fell_due_during_an_outage_is_made_once_even_past_24_hours() {
    for (answer, shown) in [
        (500, json!({"status": "dropped", "dropReason": "attempts_exhausted", "attempts": 2})),
        (404, json!({"status": "dropped", "dropReason": "attempts_exhausted", "attempts": 2})),
        (200, json!({"status": "succeeded", "dropReason": null, "attempts": 2})),
    ] {
        let mut scene = Scene::with([500, answer].map(Reply::status)).await;
        scene.first_attempt().await;
        scene.server.stop().await;
        scene.server.advance(Duration::from_hours(30));
        scene.server.restart().await;
        scene.shop = scene.shop.after_restart(&scene.server);
        let delivery = scene.shop.attempted(&scene.webhook, 2).await;
        assert_shows(&delivery, &shown);
        assert_shows(&delivery, &json!({"nextAttemptAt": null, "lastResponseCode": answer}));
        scene.server.advance(Duration::from_hours(24));
        scene.others_go_on().await;
        assert_eq!(scene.requests(), 2);
    }
}

#[tokio::test]
async fn a_restart_between_attempts_changes_nothing() {
    let mut scene = Scene::with([500, 404, 500, 200].map(Reply::status)).await;
    let mut delivery = scene.first_attempt().await;
    let (accepted, body) = (scene.server.now(), scene.receiver.received_at("/hook")[0].body.clone());
    for (attempts, earliest, latest) in [(2, 54, 66), (3, 111, 129), (4, 0, 0)] {
        scene.server.restart().await;
        scene.shop = scene.shop.after_restart(&scene.server);
        assert_eq!(scene.shop.deliveries(&scene.webhook).await, [delivery.clone()]);
        delivery = scene.next_attempt(&delivery).await;
        assert_eq!(delivery["attempts"], attempts);
        if attempts == 4 {
            assert_eq!(delivery["status"], "succeeded");
        } else {
            // After the 4xx one more about 30 s later; then the chain goes on behind the second entry.
            let offset = moment(&delivery["nextAttemptAt"]).since(accepted).as_secs();
            assert!((earliest..=latest).contains(&offset), "attempt {attempts}: {offset} s");
        }
    }
    let received = scene.receiver.received_at("/hook");
    assert!(received.iter().all(|one| one.body == body && one.verify_sellvik(&scene.webhook.secret)));
    let detail = scene.shop.delivery(&scene.webhook, delivery["id"].as_str().unwrap()).await;
    let codes: Vec<_> =
        detail["attemptLog"].as_array().unwrap().iter().map(|one| one["responseCode"].clone()).collect();
    assert_eq!(codes, [500, 404, 500, 200]);
    assert_eq!(scene.shop.get(&scene.webhook).await["failureCount"], 0);
}

#[tokio::test]
async fn what_was_published_before_a_restart_and_never_attempted_is_delivered_after_it() {
    let mut scene = Scene::with_flags(&["--delivery-timeout", "500ms"], [Reply::hang()]).await;
    for _ in 0..20 {
        scene.shop.publish("order.cancelled").await;
    }
    scene.server.stop().await;
    scene.receiver.script("/hook", [Reply::status(200)]);
    let before = scene.requests();
    scene.server.restart().await;
    scene.shop = scene.shop.after_restart(&scene.server);
    // Those in flight at the stop have failed their first attempt and wait for their second.
    scene.receiver.wait_for("/hook", 20).await;
    scene.server.advance(Duration::from_secs(33));
    scene.receiver.wait_for("/hook", before + 20).await;
    let path = format!("{}/deliveries?status=succeeded", scene.webhook.path);
    eventually("20 successes", async || {
        let page = scene.shop.admin.get(&path).await.expect(200);
        if page["items"].as_array().unwrap().len() == 20 { Ok(()) } else { Err(page) }
    })
    .await;
}

#[tokio::test]
async fn the_schedule_is_a_setting() {
    let scene = Scene::with_flags(&["--retry-schedule", "0s,1s,5s"], [Reply::status(500)]).await;
    let first = scene.first_attempt().await;
    let due = scene.server.ms_until(&first["nextAttemptAt"]);
    assert!((900..=1100).contains(&due), "{due} ms");
    let second = scene.next_attempt(&first).await;
    let offset = moment(&second["nextAttemptAt"]).since(moment(&second["createdAt"])).as_millis();
    assert!((4600..=5000).contains(&offset), "{offset} ms");
    let third = scene.next_attempt(&second).await;
    assert_shows(&third, &json!({"status": "dropped", "dropReason": "attempts_exhausted", "attempts": 3}));
    let refused = Reply::status(429).with_header("Retry-After", "6");
    scene.receiver.script("/hook", [refused]);
    assert_shows(&scene.first_attempt().await, &json!({"dropReason": "retry_after_too_late", "attempts": 1}));
    scene.receiver.script("/hook", [Reply::status(404)]);
    scene.server.advance(Duration::from_secs(1));
    let once = scene.first_attempt().await;
    let due = scene.server.ms_until(&once["nextAttemptAt"]);
    assert!((900..=1100).contains(&due), "the second entry is the 4xx rule's too: {due} ms");
}
