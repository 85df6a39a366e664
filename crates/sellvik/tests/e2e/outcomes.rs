//! What each kind of answer leads to: the outcome table of CONTRACT §5, and what the API shows of it.

use std::sync::Arc;
use std::time::Duration;

use sellvik_testkit::{Gate, Reply};
use serde_json::{Value, json};

use crate::harness::{START, Scene, assert_shows, moment};

/// The second entry of the schedule, 30 s, give or take a tenth.
const ABOUT_30_S: std::ops::RangeInclusive<i64> = 27_000..=33_000;

/// The offset of the delivery's next attempt from its making, in milliseconds.
fn offset(delivery: &Value) -> i64 {
    moment(&delivery["nextAttemptAt"]).as_millis() - moment(&delivery["createdAt"]).as_millis()
}

#[track_caller]
fn assert_goes_on(delivery: &Value, attempts: u64, offset_ms: std::ops::RangeInclusive<i64>) {
    assert_shows(delivery, &json!({"status": "failed", "attempts": attempts, "dropReason": null}));
    assert_shows(delivery, &json!({"deliveredAt": null}));
    assert!(offset_ms.contains(&offset(delivery)), "{} ms in {delivery:#}", offset(delivery));
}

#[track_caller]
fn assert_dropped(delivery: &Value, attempts: u64, reason: &str) {
    let expected = json!({"status": "dropped", "attempts": attempts, "dropReason": reason});
    assert_shows(delivery, &expected);
    assert_shows(delivery, &json!({"nextAttemptAt": null, "deliveredAt": null}));
}

#[tokio::test]
async fn every_2xx_with_or_without_a_body_is_delivered() {
    let statuses = [200, 201, 202, 203, 204, 205, 206, 207, 299];
    let scene = Scene::with(statuses.map(|status| match status {
        204 | 205 => Reply::status(status),
        _ => Reply::status(status).with_body("{\"received\":true}"),
    }))
    .await;
    for status in statuses {
        scene.server.advance(Duration::from_secs(1));
        let (now, delivery) = (scene.server.now().to_string(), scene.first_attempt().await);
        let body = if matches!(status, 204 | 205) { "" } else { "{\"received\":true}" };
        assert_shows(&delivery, &json!({"status": "succeeded", "attempts": 1, "event": "order.cancelled"}));
        assert_shows(&delivery, &json!({"lastResponseCode": status, "lastResponseBody": body}));
        assert_shows(&delivery, &json!({"lastAttemptAt": now, "deliveredAt": now, "createdAt": now}));
        assert_shows(&delivery, &json!({"nextAttemptAt": null, "lastError": null, "dropReason": null}));
        assert_shows(&delivery, &json!({"test": false, "redeliveryOf": null}));
        assert!(delivery["durationMs"].is_u64(), "{delivery:#}");
        assert_shows(
            &scene.shop.get(&scene.webhook).await,
            &json!({"failureCount": 0, "lastDeliveryAt": now}),
        );
    }
}

#[tokio::test]
async fn interim_heads_before_a_2xx_are_passed_over() {
    let scene = Scene::with([Reply::continue_then(3, 200).with_body("ok")]).await;
    let delivery = scene.first_attempt().await;
    assert_shows(
        &delivery,
        &json!({"status": "succeeded", "lastResponseCode": 200, "lastResponseBody": "ok"}),
    );
}

#[tokio::test]
async fn a_4xx_has_one_more_attempt_after_30_s_then_is_dropped() {
    let scene = Scene::with([]).await;
    let mut webhooks = Vec::new();
    for status in [400, 401, 403, 404, 405, 409, 410, 413, 415, 421, 422, 425, 426, 431, 451, 499] {
        let path = format!("/{status}");
        scene.receiver.script(&path, [Reply::status(status).with_body("no")]);
        webhooks.push((status, scene.shop.webhook(&scene.receiver.url(&path), &["order.paid"]).await));
    }
    scene.shop.publish("order.paid").await;
    for (status, webhook) in &webhooks {
        let delivery = scene.shop.attempted(webhook, 1).await;
        assert_goes_on(&delivery, 1, ABOUT_30_S);
        let error = format!("the endpoint answered {status}");
        assert_shows(
            &delivery,
            &json!({"lastResponseCode": status, "lastResponseBody": "no", "lastError": error}),
        );
    }
    scene.server.advance(Duration::from_secs(33));
    for (status, webhook) in &webhooks {
        let delivery = scene.shop.attempted(webhook, 2).await;
        assert_dropped(&delivery, 2, "client_error");
        assert_shows(
            &delivery,
            &json!({"lastResponseCode": status, "lastAttemptAt": scene.server.now().to_string()}),
        );
        assert_eq!(scene.shop.get(webhook).await["failureCount"], 2);
    }
    scene.server.advance(Duration::from_hours(24));
    scene.others_go_on().await;
    for (status, _) in &webhooks {
        assert_eq!(scene.receiver.received_at(&format!("/{status}")).len(), 2, "{status}");
    }
}

#[tokio::test]
async fn the_one_more_attempt_counts_from_the_end_of_the_first() {
    let gate = Gate::new();
    let scene = Scene::with([Reply::gate(Arc::clone(&gate), 404), Reply::status(204)]).await;
    scene.shop.publish("order.cancelled").await;
    scene.receiver.wait_for("/hook", 1).await;
    scene.server.advance(Duration::from_secs(20));
    gate.open();
    let delivery = scene.shop.attempted(&scene.webhook, 1).await;
    assert_goes_on(&delivery, 1, 47_000..=53_000);
    assert_shows(&scene.next_attempt(&delivery).await, &json!({"status": "succeeded", "attempts": 2}));
}

#[tokio::test]
async fn a_4xx_then_a_2xx_is_delivered() {
    let scene = Scene::with([Reply::status(410), Reply::status(200)]).await;
    let first = scene.first_attempt().await;
    assert_eq!(scene.shop.get(&scene.webhook).await["failureCount"], 1);
    let delivery = scene.next_attempt(&first).await;
    assert_shows(&delivery, &json!({"status": "succeeded", "attempts": 2, "id": first["id"]}));
    assert_shows(&delivery, &json!({"lastError": null, "deliveredAt": scene.server.now().to_string()}));
    assert_eq!(scene.shop.get(&scene.webhook).await["failureCount"], 0);
}

#[tokio::test]
async fn a_4xx_then_a_5xx_goes_on_with_the_chain_and_a_later_4xx_ends_it() {
    let scene = Scene::with([404, 500, 503, 404].map(Reply::status)).await;
    let first = scene.first_attempt().await;
    assert_goes_on(&first, 1, ABOUT_30_S);
    let second = scene.next_attempt(&first).await;
    assert_goes_on(&second, 2, 111_000..=129_000);
    let third = scene.next_attempt(&second).await;
    assert_goes_on(&third, 3, 552_000..=648_000);
    assert_dropped(&scene.next_attempt(&third).await, 4, "client_error");
}

#[tokio::test]
async fn the_first_4xx_has_its_one_more_attempt_also_in_the_middle_of_a_chain() {
    let scene = Scene::with([500, 500, 404, 500, 404].map(Reply::status)).await;
    let mut delivery = scene.first_attempt().await;
    delivery = scene.next_attempt(&delivery).await;
    delivery = scene.next_attempt(&delivery).await;
    assert_eq!(delivery["status"], "failed");
    assert!(ABOUT_30_S.contains(&scene.server.ms_until(&delivery["nextAttemptAt"])), "{delivery:#}");
    delivery = scene.next_attempt(&delivery).await;
    assert_goes_on(&delivery, 4, 552_000..=648_000);
    assert_dropped(&scene.next_attempt(&delivery).await, 5, "client_error");
}

#[tokio::test]
async fn whole_chain_answers_go_on_whatever_their_number() {
    let scene = Scene::with([]).await;
    let mut webhooks = Vec::new();
    for status in [101, 300, 303, 304, 305, 306, 408, 429, 500, 501, 502, 503, 504, 599] {
        let path = format!("/{status}");
        scene.receiver.script(&path, [Reply::status(status)]);
        webhooks.push((status, scene.shop.webhook(&scene.receiver.url(&path), &["order.paid"]).await));
    }
    scene.shop.publish("order.paid").await;
    for (attempts, offset_ms, next_s) in
        [(1, ABOUT_30_S, 33), (2, 111_000..=129_000, 129), (3, 552_000..=648_000, 648)]
    {
        for (status, webhook) in &webhooks {
            let delivery = scene.shop.attempted(webhook, attempts).await;
            assert_goes_on(&delivery, attempts, offset_ms.clone());
            let error = format!("the endpoint answered {status}");
            assert_shows(&delivery, &json!({"lastResponseCode": status, "lastError": error}));
            assert_eq!(scene.shop.get(webhook).await["failureCount"], attempts);
        }
        let start = moment(&json!(START));
        scene.server.advance(start.after(Duration::from_secs(next_s)).since(scene.server.now()));
    }
}

#[tokio::test]
async fn retry_after_only_ever_delays_the_next_attempt() {
    let exactly = |ms: i64| ms..=ms;
    for status in [429, 503, 500] {
        for (value, offset_ms) in [
            ("45", exactly(45_000)),
            ("7200", exactly(7_200_000)),
            ("Wed, 27 May 2026 13:46:01 GMT", exactly(61_000)),
            ("5", ABOUT_30_S),
            ("0", ABOUT_30_S),
            ("Wed, 27 May 2026 13:44:00 GMT", ABOUT_30_S),
            ("Sun, 06 Nov 1994 08:49:37 GMT", ABOUT_30_S),
        ] {
            let scene = Scene::with([Reply::status(status).with_header("Retry-After", value)]).await;
            assert_goes_on(&scene.first_attempt().await, 1, offset_ms);
        }
    }
}

#[tokio::test]
async fn a_malformed_retry_after_is_ignored() {
    for value in ["soon", "-5", "1.5", "60s", "", "2026-05-27T14:45:00Z", "1e3", "60, 90", "\u{661}\u{662}"] {
        let scene = Scene::with([Reply::status(429).with_header("Retry-After", value)]).await;
        assert_goes_on(&scene.first_attempt().await, 1, ABOUT_30_S);
    }
}

#[tokio::test]
async fn nothing_is_sent_before_the_retry_after_and_the_chain_goes_on_behind_it() {
    let busy = Reply::status(503).with_header("Retry-After", "900");
    let scene = Scene::with([busy, Reply::status(500), Reply::status(200)]).await;
    let first = scene.first_attempt().await;
    assert_eq!(offset(&first), 900_000);
    scene.server.advance(Duration::from_millis(899_999));
    scene.others_go_on().await;
    assert_eq!(scene.requests(), 1);
    // The entries that passed meanwhile are skipped.
    assert_goes_on(&scene.next_attempt(&first).await, 2, 1_680_000..=1_920_000);
}

#[tokio::test]
async fn a_retry_after_past_the_last_entry_drops_the_delivery_at_once() {
    for (status, value) in [
        (429, "86401"),
        (503, "86401"),
        (500, "31536000"),
        (429, "99999999999999999999999"),
        (429, "Thu, 28 May 2026 13:45:01 GMT"),
        (503, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ] {
        let scene = Scene::with([Reply::status(status).with_header("Retry-After", value)]).await;
        let delivery = scene.first_attempt().await;
        assert_dropped(&delivery, 1, "retry_after_too_late");
        assert_eq!(delivery["lastResponseCode"], status);
    }
    for value in ["86400", "Thu, 28 May 2026 13:45:00 GMT"] {
        let scene = Scene::with([Reply::status(429).with_header("Retry-After", value)]).await;
        let last = scene.first_attempt().await;
        assert_goes_on(&last, 1, 86_400_000..=86_400_000);
        assert_dropped(&scene.next_attempt(&last).await, 2, "attempts_exhausted");
    }
}

#[tokio::test]
async fn retry_after_means_nothing_beside_404_and_408() {
    for status in [404, 408] {
        let scene = Scene::with([Reply::status(status).with_header("Retry-After", "100000")]).await;
        assert_goes_on(&scene.first_attempt().await, 1, ABOUT_30_S);
    }
}

#[tokio::test]
async fn failure_count_rises_with_each_failed_attempt_and_a_success_clears_it() {
    let scene = Scene::with([500, 404, 502, 200].map(Reply::status)).await;
    assert_shows(&scene.shop.get(&scene.webhook).await, &json!({"failureCount": 0, "lastDeliveryAt": null}));
    let mut delivery = scene.first_attempt().await;
    for failures in 1..=3 {
        let at = scene.server.now().to_string();
        let expected = json!({"failureCount": failures, "lastDeliveryAt": at});
        assert_shows(&scene.shop.get(&scene.webhook).await, &expected);
        assert_eq!(delivery["lastAttemptAt"], json!(at));
        delivery = scene.next_attempt(&delivery).await;
    }
    let at = scene.server.now().to_string();
    assert_shows(&delivery, &json!({"status": "succeeded", "attempts": 4, "deliveredAt": at}));
    assert_shows(&scene.shop.get(&scene.webhook).await, &json!({"failureCount": 0, "lastDeliveryAt": at}));
    let log =
        scene.shop.delivery(&scene.webhook, delivery["id"].as_str().unwrap()).await["attemptLog"].clone();
    let codes: Vec<_> = log.as_array().unwrap().iter().map(|one| one["responseCode"].clone()).collect();
    assert_eq!(codes, [500, 404, 502, 200]);
    let succeeded: Vec<_> = log.as_array().unwrap().iter().map(|one| one["succeeded"].clone()).collect();
    assert_eq!(succeeded, [false, false, false, true]);
}

#[tokio::test]
async fn next_attempt_at_stays_set_while_an_attempt_runs() {
    let gate = Gate::new();
    let scene = Scene::with([Reply::status(500), Reply::gate(Arc::clone(&gate), 200)]).await;
    let first = scene.first_attempt().await;
    scene.server.advance_to(&first["nextAttemptAt"]);
    scene.receiver.wait_for("/hook", 2).await;
    let running = scene.shop.deliveries(&scene.webhook).await.remove(0);
    assert_shows(
        &running,
        &json!({"status": "failed", "attempts": 1, "nextAttemptAt": first["nextAttemptAt"]}),
    );
    gate.open();
    assert_shows(
        &scene.shop.attempted(&scene.webhook, 2).await,
        &json!({"status": "succeeded", "nextAttemptAt": null}),
    );
}
