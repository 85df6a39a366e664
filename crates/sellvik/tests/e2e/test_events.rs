//! Test events: the catalogue's example in one attempt, without consequences (CONTRACT §3).

use std::time::Duration;

use sellvik_testkit::Reply;
use serde_json::{Value, json};

use crate::harness::{Scene, assert_shows};

async fn send(scene: &Scene, body: &Value) -> sellvik_testkit::Answer {
    scene.shop.admin.post(&format!("{}/test", scene.webhook.path), body).await
}

#[tokio::test]
async fn a_test_event_is_the_catalogues_example_signed_and_marked() {
    let scene = Scene::with([]).await;
    let types = scene.shop.admin.get("/api/v1/admin/event-types?limit=100").await.expect(200);
    for kind in types["items"].as_array().unwrap() {
        let name = kind["name"].as_str().unwrap();
        scene.server.advance(Duration::from_millis(1));
        let test = send(&scene, &json!({"event": name})).await.expect(202);
        let id = test["id"].as_str().unwrap();
        assert!(id.starts_with("evt_test_"), "{id}");
        let shown = json!({"status": "pending", "test": true, "event": name, "eventId": id, "attempts": 0});
        assert_shows(&test["delivery"], &shown);
        let delivery = scene.shop.reached(&scene.webhook, "succeeded").await;
        assert_shows(&delivery, &json!({"id": test["delivery"]["id"], "test": true, "attempts": 1}));
        let received = scene.receiver.received_at("/hook").pop().unwrap();
        let expected = json!({
            "id": id, "type": name, "createdAt": scene.server.now().to_string(), "test": true,
            "shopSubdomain": scene.shop.subdomain, "shopId": scene.shop.id, "data": kind["example"],
        });
        assert_eq!(received.json(), expected);
        assert_eq!(received.header("x-sellvik-event"), name);
        assert_eq!((received.header("x-sellvik-event-id"), received.header("webhook-id")), (id, id));
        assert!(received.verify_sellvik(&scene.webhook.secret));
        assert!(received.verify_standard(&scene.webhook.secret));
    }
}

#[tokio::test]
async fn a_test_goes_to_the_one_webhook_whatever_it_subscribes_to() {
    let scene = Scene::with([]).await;
    let other = scene.shop.webhook(&scene.receiver.url("/other"), &["product.created"]).await;
    send(&scene, &json!({"event": "product.created", "unknown": 1})).await.expect(202);
    scene.receiver.wait_for("/hook", 1).await;
    scene.others_go_on().await;
    assert_eq!(scene.shop.deliveries(&other).await.len(), 0);
}

#[tokio::test]
async fn a_failed_test_has_one_attempt_and_leaves_failure_count_alone() {
    let scene = Scene::with([404, 500, 429, 503].map(Reply::status)).await;
    let real = scene.first_attempt().await;
    for status in [500, 429, 503] {
        scene.server.advance(Duration::from_secs(1));
        let id = send(&scene, &json!({"event": "order.created"})).await.expect(202)["id"].clone();
        let tried = |delivery: &Value| delivery["eventId"] == id && delivery["attempts"] == 1;
        let delivery = scene.shop.newest(&scene.webhook, "the test's attempt", tried).await;
        let shown = json!({"status": "dropped", "dropReason": "test_failed", "lastResponseCode": status});
        assert_shows(&delivery, &shown);
        assert_shows(&delivery, &json!({"nextAttemptAt": null, "deliveredAt": null, "test": true}));
        assert_eq!(scene.shop.get(&scene.webhook).await["failureCount"], 1);
    }
    // A test's success is not the webhook's either: the real delivery still counts as failing.
    scene.receiver.script("/hook", [Reply::status(200)]);
    scene.server.advance(Duration::from_secs(1));
    send(&scene, &json!({"event": "order.created"})).await.expect(202);
    scene.shop.reached(&scene.webhook, "succeeded").await;
    assert_eq!(scene.shop.get(&scene.webhook).await["failureCount"], 1);
    scene.server.advance_to(&real["nextAttemptAt"]);
    scene.receiver.wait_for("/hook", 6).await;
    scene.server.advance(Duration::from_hours(25));
    scene.others_go_on().await;
    assert_eq!(scene.requests(), 6);
}

#[tokio::test]
async fn what_is_wrong_with_a_test_is_named() {
    let scene = Scene::with([]).await;
    for (body, message) in [
        (json!({"event": "order.creatd"}), "\"order.creatd\" is not an event type; see the event catalogue"),
        (json!({"event": ""}), "\"\" is not an event type; see the event catalogue"),
        (json!({"event": 7}), "must be a string"),
        (json!({"event": null}), "must be a string"),
        (json!({}), "is required"),
    ] {
        let answer = send(&scene, &body).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_body".to_owned()), "{body}");
        assert_eq!(answer.json()["error"]["issues"], json!([{"path": ["event"], "message": message}]));
    }
    let answer = send(&scene, &json!(["order.created"])).await;
    assert_eq!((answer.status, answer.code()), (400, "invalid_body".to_owned()));
    let nobody = "/api/v1/admin/webhooks/wh_00000000000070008000000000000000/test";
    let answer = scene.shop.admin.post(nobody, &json!({})).await;
    assert_eq!((answer.status, answer.code()), (404, "not_found".to_owned()));
    let stranger = scene.server.shop().await;
    let path = format!("{}/test", scene.webhook.path);
    let answer = stranger.admin.post(&path, &json!({"event": "order.created"})).await;
    assert_eq!((answer.status, answer.code()), (404, "not_found".to_owned()));
    scene.others_go_on().await;
    assert_eq!(scene.requests(), 0);
}
