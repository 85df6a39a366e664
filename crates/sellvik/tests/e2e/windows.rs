//! Sending a window of deliveries again: a durable job (CONTRACT §3).

use std::collections::BTreeSet;
use std::time::Duration;

use sellvik_testkit::{Answer, Reply};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::{START, Scene, assert_shows, eventually};

async fn redeliver(scene: &Scene, query: &str, body: &Value) -> Answer {
    scene.shop.admin.post(&format!("{}/redeliver{query}", scene.webhook.path), body).await
}

async fn count(scene: &Scene, body: &Value) -> Value {
    let answer = redeliver(scene, "?dryRun=true", body).await.expect(200);
    assert_eq!(answer.as_object().unwrap().len(), 2, "{answer}");
    assert_eq!(answer["dryRun"], true);
    answer["matched"].clone()
}

/// Waits until the job has finished; it.
async fn finished(scene: &Scene, job: &Value) -> Value {
    let path = format!("{}/redeliver/{}", scene.webhook.path, job["id"].as_str().unwrap());
    eventually("the job to finish", async || {
        let job = scene.shop.admin.get(&path).await.expect(200);
        if job["state"] == "finished" { Ok(job) } else { Err(job) }
    })
    .await
}

/// Ids of deliveries made, oldest first: three dropped ones a minute apart, the first at the start.
async fn three_dropped(scene: &Scene) -> Vec<Value> {
    let mut dropped = Vec::new();
    for _ in 0..3 {
        let refused = Reply::status(429).with_header("Retry-After", "100000");
        scene.receiver.script("/hook", [refused]);
        let delivery = scene.first_attempt().await;
        assert_eq!(delivery["status"], "dropped");
        dropped.push(delivery["id"].clone());
        scene.server.advance(Duration::from_mins(1));
    }
    scene.receiver.script("/hook", [Reply::status(200)]);
    dropped
}

/// The moment so many seconds after the start.
fn at(seconds: u64) -> String {
    let start = sellvik_domain::Timestamp::parse(START).unwrap();
    start.after(Duration::from_secs(seconds)).to_string()
}

/// Publishes so many events in one batch and waits until all are delivered.
async fn delivered(scene: &Scene, many: usize) {
    let event = json!({"shop": scene.shop.id, "type": "order.cancelled", "data": {}});
    for size in [many.min(1000), many.saturating_sub(1000)] {
        let body = json!({"events": vec![event.clone(); size]});
        scene.server.platform.post("/api/v1/platform/events/batch", &body).await.expect(202);
    }
    scene.receiver.wait_for("/hook", many).await;
    let body = json!({"since": START, "until": at(86_400), "status": "succeeded"});
    eventually("all to be settled", async || {
        let matched = count(scene, &body).await;
        if matched == many { Ok(()) } else { Err(matched) }
    })
    .await;
}

#[tokio::test]
async fn a_window_of_dropped_deliveries_goes_again_by_a_job() {
    let scene = Scene::with([]).await;
    let dropped = three_dropped(&scene).await;
    let now = scene.server.now().to_string();
    let started = redeliver(&scene, "", &json!({"since": START})).await.expect(202);
    assert_eq!(started.as_object().unwrap().len(), 2, "{started}");
    assert_eq!(started["matched"], 3);
    let job = finished(&scene, &started).await;
    let expected = json!({
        "id": started["id"], "state": "finished", "matched": 3, "processed": 3, "since": START,
        "until": now, "status": "dropped", "createdAt": now, "finishedAt": now,
    });
    assert_eq!(job, expected);
    scene.receiver.wait_for("/hook", 6).await;
    scene.others_go_on().await;
    let all = scene.shop.deliveries(&scene.webhook).await;
    assert_eq!(all.len(), 6);
    let mut repeats: Vec<_> = all[..3].iter().map(|delivery| delivery["redeliveryOf"].clone()).collect();
    repeats.sort_by_key(Value::to_string);
    let mut expected = dropped.clone();
    expected.sort_by_key(Value::to_string);
    assert_eq!(repeats, expected);
    for delivery in &all[..3] {
        assert_shows(delivery, &json!({"status": "succeeded", "attempts": 1, "createdAt": now}));
    }
    assert!(all[3..].iter().all(|delivery| delivery["status"] == "dropped"));
}

#[tokio::test]
async fn a_dry_run_counts_and_does_nothing() {
    let scene = Scene::with([]).await;
    three_dropped(&scene).await;
    let before = scene.shop.deliveries(&scene.webhook).await;
    for _ in 0..2 {
        assert_eq!(count(&scene, &json!({"since": START})).await, 3);
    }
    scene.others_go_on().await;
    assert_eq!(scene.shop.deliveries(&scene.webhook).await, before);
    assert_eq!(scene.requests(), 3);
    // dryRun=false is the call itself.
    redeliver(&scene, "?dryRun=false", &json!({"since": START})).await.expect(202);
    scene.receiver.wait_for("/hook", 6).await;
}

#[tokio::test]
async fn since_and_until_bound_the_making_of_deliveries() {
    let scene = Scene::with([]).await;
    let dropped = three_dropped(&scene).await;
    for (since, until, matched) in [
        (at(0), None, 3),
        (at(1), None, 2),
        (at(60), None, 2),
        (at(61), None, 1),
        (at(121), None, 0),
        (at(0), Some(at(60)), 1),
        (at(0), Some(at(61)), 2),
        (at(60), Some(at(61)), 1),
        (at(60), Some(at(60)), 0),
        ("2026-05-27T16:45:30+03:00".to_owned(), Some("2026-05-27T15:47:30+02:00".to_owned()), 2),
        ("1970-01-01T00:00:00Z".to_owned(), Some("9999-01-01T00:00:00Z".to_owned()), 3),
    ] {
        let mut body = json!({"since": since});
        if let Some(until) = until {
            body["until"] = json!(until);
        }
        assert_eq!(count(&scene, &body).await, matched, "{body}");
    }
    let body = json!({"since": at(60), "until": at(61)});
    let started = redeliver(&scene, "", &body).await.expect(202);
    assert_eq!(started["matched"], 1);
    assert_shows(&finished(&scene, &started).await, &json!({"matched": 1, "processed": 1}));
    let newest = scene.shop.reached(&scene.webhook, "succeeded").await;
    assert_eq!(newest["redeliveryOf"], dropped[1]);
}

#[tokio::test]
async fn the_status_is_dropped_unless_another_is_named() {
    let scene = Scene::with([]).await;
    three_dropped(&scene).await;
    scene.first_attempt().await;
    scene.receiver.script("/hook", [Reply::status(500)]);
    scene.server.advance(Duration::from_secs(1));
    let failed = scene.first_attempt().await;
    scene.server.advance(Duration::from_secs(1));
    for (status, matched) in [("pending", 0), ("succeeded", 1), ("failed", 1), ("dropped", 3)] {
        assert_eq!(count(&scene, &json!({"since": START, "status": status})).await, matched, "{status}");
    }
    scene.receiver.script("/hook", [Reply::status(200)]);
    let body = json!({"since": START, "status": "failed"});
    let started = redeliver(&scene, "", &body).await.expect(202);
    let second = scene.shop.attempted(&scene.webhook, 2).await;
    assert_shows(&second, &json!({"id": failed["id"], "status": "succeeded", "redeliveryOf": null}));
    assert_shows(&finished(&scene, &started).await, &json!({"status": "failed", "processed": 1}));
    assert_eq!(scene.shop.deliveries(&scene.webhook).await.len(), 5);
}

#[tokio::test]
async fn an_empty_window_is_a_job_that_has_finished() {
    let scene = Scene::with([]).await;
    for _ in 0..2 {
        let started = redeliver(&scene, "", &json!({"since": START})).await.expect(202);
        assert_eq!(started["matched"], 0);
        let path = format!("{}/redeliver/{}", scene.webhook.path, started["id"].as_str().unwrap());
        let job = scene.shop.admin.get(&path).await.expect(200);
        assert_shows(&job, &json!({"state": "finished", "matched": 0, "processed": 0}));
    }
}

#[tokio::test]
async fn a_second_job_must_wait_until_the_first_has_finished() {
    let scene = Scene::with([]).await;
    delivered(&scene, 1200).await;
    scene.server.advance(Duration::from_secs(1));
    // Whoever comes while a job runs is refused; sent together, all but the first find it running.
    // A machine may be so slow that they come one after another: then the next round has more to do.
    let body = json!({"since": START, "until": at(1), "status": "succeeded"});
    let path = format!("{}/redeliver", scene.webhook.path);
    let mut started = Vec::new();
    while started.len() < 20 {
        let mut calls = JoinSet::new();
        for _ in 0..6 {
            let (admin, path, body) = (scene.shop.admin.clone(), path.clone(), body.clone());
            calls.spawn(async move { admin.post(&path, &body).await });
        }
        let answers = calls.join_all().await;
        let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 202).collect();
        assert!(refused.iter().all(|answer| answer.status == 409 && answer.code() == "redelivery_running"));
        started.extend(answers.iter().filter(|answer| answer.status == 202).map(Answer::json));
        if !refused.is_empty() {
            break;
        }
    }
    assert!((1..20).contains(&started.len()), "no call was refused");
    for job in &started {
        assert_shows(&finished(&scene, job).await, &json!({"matched": 1200, "processed": 1200}));
    }
    scene.receiver.wait_for("/hook", 1200 * (1 + started.len())).await;
    let again = redeliver(&scene, "", &body).await.expect(202);
    finished(&scene, &again).await;
}

#[tokio::test]
async fn a_job_survives_a_restart_and_repeats_nothing() {
    let mut scene = Scene::with([]).await;
    delivered(&scene, 1200).await;
    scene.server.advance(Duration::from_secs(1));
    let body = json!({"since": START, "until": at(1), "status": "succeeded"});
    let started = redeliver(&scene, "", &body).await.expect(202);
    scene.server.stop().await;
    scene.server.restart().await;
    scene.shop = scene.shop.after_restart(&scene.server);
    assert_shows(&finished(&scene, &started).await, &json!({"matched": 1200, "processed": 1200}));
    scene.receiver.wait_for("/hook", 2400).await;
    scene.others_go_on().await;
    let received = scene.receiver.received_at("/hook");
    let header = |name| received.iter().map(|one| one.header(name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(received.len(), 2400);
    assert_eq!((header("x-sellvik-delivery").len(), header("x-sellvik-event-id").len()), (2400, 1200));
}

#[tokio::test]
async fn a_disabled_webhook_has_no_job_but_may_be_counted() {
    let scene = Scene::with([]).await;
    three_dropped(&scene).await;
    scene.shop.patch(&scene.webhook, json!({"enabled": false})).await;
    let answer = redeliver(&scene, "", &json!({"since": START})).await;
    assert_eq!((answer.status, answer.code()), (409, "webhook_disabled".to_owned()));
    assert_eq!(count(&scene, &json!({"since": START})).await, 3);
}

#[tokio::test]
async fn jobs_of_others_and_of_nobody_are_not_found() {
    let scene = Scene::with([]).await;
    three_dropped(&scene).await;
    let job = redeliver(&scene, "", &json!({"since": START})).await.expect(202)["id"].clone();
    let job = job.as_str().unwrap();
    let other = scene.shop.webhook(&scene.receiver.url("/other"), &["order.paid"]).await;
    let stranger = scene.server.shop().await;
    for (admin, path) in [
        (&scene.shop.admin, format!("{}/redeliver/{job}", other.path)),
        (&stranger.admin, format!("{}/redeliver/{job}", scene.webhook.path)),
        (&scene.shop.admin, format!("{}/redeliver/job_00000000000070008000000000000000", scene.webhook.path)),
        (&scene.shop.admin, format!("{}/redeliver/job_x", scene.webhook.path)),
    ] {
        let answer = admin.get(&path).await;
        assert_eq!((answer.status, answer.code()), (404, "not_found".to_owned()), "{path}");
    }
    let path = format!("{}/redeliver", scene.webhook.path);
    for query in ["", "?dryRun=true"] {
        let answer = stranger.admin.post(&format!("{path}{query}"), &json!({"since": START})).await;
        assert_eq!((answer.status, answer.code()), (404, "not_found".to_owned()));
    }
}

#[tokio::test]
async fn every_problem_of_a_window_is_named() {
    let scene = Scene::with([]).await;
    let issues = async |query: &str, body: Value, code: &str| {
        let answer = redeliver(&scene, query, &body).await;
        assert_eq!((answer.status, answer.code()), (400, code.to_owned()), "{query} {body}");
        let issues = answer.json()["error"]["issues"].as_array().unwrap().clone();
        issues.iter().map(|issue| issue["path"].to_string()).collect::<Vec<_>>()
    };
    let (since, until, status) = (r#"["since"]"#, r#"["until"]"#, r#"["status"]"#);
    for (body, paths) in [
        (json!({}), vec![since]),
        (json!({"until": at(0), "status": "dropped"}), vec![since]),
        (json!({"since": "yesterday"}), vec![since]),
        (json!({"since": "2026-05-27"}), vec![since]),
        (json!({"since": 1_779_889_500}), vec![since]),
        (json!({"since": null}), vec![since]),
        (json!({"since": START, "until": "later"}), vec![until]),
        (json!({"since": START, "status": "Dropped"}), vec![status]),
        (json!({"since": START, "status": "all"}), vec![status]),
        (json!({"since": START, "status": 3}), vec![status]),
        (json!({"since": at(61), "until": at(60)}), vec![since]),
        (json!({"since": at(61)}), vec![since]),
        (json!({"since": "x", "until": "y", "status": "z"}), vec![since, status, until]),
        (json!([]), vec!["[]"]),
    ] {
        let mut named = issues("", body.clone(), "invalid_body").await;
        named.sort();
        assert_eq!(named, paths, "{body}");
        assert_eq!(issues("?dryRun=true", body, "invalid_body").await.len(), paths.len());
    }
    for query in ["?dryRun=maybe", "?dryRun=1", "?dryRun=", "?dryRun=TRUE"] {
        let named = issues(query, json!({"since": START}), "invalid_query").await;
        assert_eq!(named, [r#"["dryRun"]"#], "{query}");
    }
    redeliver(&scene, "?other=1", &json!({"since": START, "other": 1})).await.expect(202);
}
