//! Rotating a webhook's secret, and never showing one twice (CONTRACT §3).

use std::time::Duration;

use sellvik_testkit::{Answer, Received, Reply};
use serde_json::{Value, json};

use crate::harness::{Scene, moment};

async fn rotate(scene: &Scene, body: &Value) -> Answer {
    scene.shop.admin.post(&format!("{}/rotate-secret", scene.webhook.path), body).await
}

/// Rotates with success; the new secret.
async fn new_secret(scene: &Scene, body: &Value) -> String {
    let rotated = rotate(scene, body).await.expect(200);
    assert_eq!(rotated.as_object().unwrap().len(), 2, "{rotated}");
    let secret = rotated["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
    secret
}

/// What the receiver got of an event published now.
async fn delivered(scene: &Scene) -> Received {
    let before = scene.requests();
    let id = scene.shop.publish("order.cancelled").await;
    let received = scene.receiver.wait_for("/hook", before + 1).await.pop().unwrap();
    assert_eq!(received.header("x-sellvik-event-id"), id);
    received
}

/// Exactly one `v1` in `X-Sellvik-Signature`, by `active`; in `webhook-signature` one for each of `all`.
#[track_caller]
fn assert_signed(received: &Received, active: &str, all: &[&str]) {
    assert_eq!(received.header("x-sellvik-signature").matches("v1=").count(), 1);
    assert_eq!(received.headers.get_all("x-sellvik-signature").iter().count(), 1);
    assert!(received.verify_sellvik(active), "{:?}", received.headers);
    assert_eq!(received.header("webhook-signature").split(' ').count(), all.len());
    for secret in all {
        assert!(received.verify_standard(secret), "{:?}", received.headers);
    }
}

#[tokio::test]
async fn by_default_the_new_secret_signs_at_once_and_both_stand_for_a_day() {
    let scene = Scene::with([]).await;
    let old = scene.webhook.secret.as_str();
    assert_signed(&delivered(&scene).await, old, &[old]);
    let rotated = rotate(&scene, &json!({})).await.expect(200);
    assert_eq!(rotated["activeFrom"], scene.server.now().to_string());
    let new = rotated["secret"].as_str().unwrap();
    assert_ne!(new, old);
    let received = delivered(&scene).await;
    assert_signed(&received, new, &[new, old]);
    assert!(!received.verify_sellvik(old));
    scene.server.advance(Duration::from_hours(24) - Duration::from_millis(1));
    assert_signed(&delivered(&scene).await, new, &[new, old]);
    scene.server.advance(Duration::from_millis(1));
    let received = delivered(&scene).await;
    assert_signed(&received, new, &[new]);
    assert!(!received.verify_standard(old));
}

#[tokio::test]
async fn with_activate_in_the_old_secret_signs_until_then() {
    let scene = Scene::with([]).await;
    let old = scene.webhook.secret.as_str();
    let rotated = rotate(&scene, &json!({"activateIn": 3600, "unknown": true})).await.expect(200);
    let new = rotated["secret"].as_str().unwrap();
    let wait = moment(&rotated["activeFrom"]).since(scene.server.now());
    assert_eq!(wait, Duration::from_hours(1));
    let received = delivered(&scene).await;
    assert_signed(&received, old, &[old, new]);
    assert!(!received.verify_sellvik(new));
    scene.server.advance(Duration::from_millis(3_599_999));
    assert_signed(&delivered(&scene).await, old, &[old, new]);
    scene.server.advance(Duration::from_millis(1));
    assert_signed(&delivered(&scene).await, new, &[old, new]);
    scene.server.advance(Duration::from_hours(24) - Duration::from_millis(1));
    assert_signed(&delivered(&scene).await, new, &[old, new]);
    scene.server.advance(Duration::from_millis(1));
    assert_signed(&delivered(&scene).await, new, &[new]);
}

#[tokio::test]
async fn each_attempt_of_a_queued_delivery_is_signed_by_what_is_active_then() {
    let scene = Scene::with([500, 500, 200].map(Reply::status)).await;
    let old = scene.webhook.secret.as_str();
    let mut delivery = scene.first_attempt().await;
    let new = new_secret(&scene, &json!({"activateIn": 60})).await;
    delivery = scene.next_attempt(&delivery).await;
    delivery = scene.next_attempt(&delivery).await;
    assert_eq!(delivery["status"], "succeeded");
    let received = scene.receiver.received_at("/hook");
    assert_signed(&received[0], old, &[old]);
    assert_signed(&received[1], old, &[old, &new]);
    assert_signed(&received[2], &new, &[old, &new]);
    assert!(received.iter().all(|one| one.body == received[0].body));
}

#[tokio::test]
async fn a_rotation_survives_a_restart() {
    let mut scene = Scene::with([]).await;
    let old = scene.webhook.secret.clone();
    let new = new_secret(&scene, &json!({"activateIn": 60})).await;
    scene.server.restart().await;
    scene.shop = scene.shop.after_restart(&scene.server);
    assert_signed(&delivered(&scene).await, &old, &[&old, &new]);
    scene.server.advance(Duration::from_mins(1));
    assert_signed(&delivered(&scene).await, &new, &[&old, &new]);
}

#[tokio::test]
async fn rotating_again_replaces_the_secret_that_is_active() {
    let scene = Scene::with([]).await;
    let first = scene.webhook.secret.as_str();
    let second = new_secret(&scene, &json!({})).await;
    let third = new_secret(&scene, &json!({})).await;
    assert_signed(&delivered(&scene).await, &third, &[&second, &third]);
    // One that was announced but never active gives way to the next.
    scene.server.advance(Duration::from_hours(48));
    let announced = new_secret(&scene, &json!({"activateIn": 600})).await;
    let instead = new_secret(&scene, &json!({"activateIn": 60})).await;
    let received = delivered(&scene).await;
    assert_signed(&received, &third, &[&third, &instead]);
    assert!([first, &second, &announced].iter().all(|secret| !received.verify_standard(secret)));
    scene.server.advance(Duration::from_mins(1));
    assert_signed(&delivered(&scene).await, &instead, &[&third, &instead]);
    scene.server.advance(Duration::from_hours(24));
    assert_signed(&delivered(&scene).await, &instead, &[&instead]);
}

#[tokio::test]
async fn activate_in_is_0_to_86400_whole_seconds_and_there_may_be_no_body() {
    let scene = Scene::with([]).await;
    for (seconds, hours) in [(0, 0), (86_400, 24)] {
        let rotated = rotate(&scene, &json!({"activateIn": seconds})).await.expect(200);
        let wait = moment(&rotated["activeFrom"]).since(scene.server.now());
        assert_eq!(wait, Duration::from_hours(hours));
    }
    let key = format!("Bearer {}", scene.shop.key);
    let path = format!("{}/rotate-secret", scene.webhook.path);
    let bare = scene.shop.admin.send("POST", &path, &[("Authorization", &key)], Vec::new()).await;
    assert_eq!(bare.expect(200)["activeFrom"], scene.server.now().to_string());
    let before = delivered(&scene).await.header("webhook-signature").to_owned();
    for bad in [json!(-1), json!(86_401), json!(1.5), json!("60"), json!(true), json!([60]), json!(1e300)] {
        let answer = rotate(&scene, &json!({"activateIn": bad})).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_body".to_owned()), "{bad}");
        let issues = json!([{"path": ["activateIn"], "message": "must be a whole number from 0 to 86400"}]);
        assert_eq!(answer.json()["error"]["issues"], issues);
    }
    for bad in [json!([]), json!("now"), json!(null)] {
        let answer = rotate(&scene, &bad).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_body".to_owned()), "{bad}");
    }
    // What was refused rotated nothing: the same two secrets sign.
    let after = delivered(&scene).await.header("webhook-signature").split(' ').count();
    assert_eq!(before.split(' ').count(), after);
    let nobody = "/api/v1/admin/webhooks/wh_00000000000070008000000000000000/rotate-secret";
    let answer = scene.shop.admin.post(nobody, &json!({"activateIn": -1})).await;
    assert_eq!((answer.status, answer.code()), (404, "not_found".to_owned()));
    let stranger = scene.server.shop().await;
    let answer = stranger.admin.post(&path, &json!({})).await;
    assert_eq!((answer.status, answer.code()), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn neither_rotation_nor_patch_of_another_field_changes_the_secret_of_others() {
    let scene = Scene::with([]).await;
    let other = scene.shop.webhook(&scene.receiver.url("/other"), &["order.cancelled"]).await;
    scene.shop.patch(&scene.webhook, json!({"name": "x", "events": ["order.cancelled", "order.paid"]})).await;
    assert_signed(&delivered(&scene).await, &scene.webhook.secret, &[&scene.webhook.secret]);
    new_secret(&scene, &json!({})).await;
    delivered(&scene).await;
    let received = scene.receiver.wait_for("/other", 2).await;
    assert!(received.iter().all(|one| one.verify_sellvik(&other.secret)));
    assert_eq!(received[1].header("webhook-signature").split(' ').count(), 1);
}

#[tokio::test]
async fn a_secret_is_in_no_other_answer() {
    let scene = Scene::with([Reply::status(500), Reply::status(200)]).await;
    let delivery = scene.first_attempt().await["id"].as_str().unwrap().to_owned();
    let new = new_secret(&scene, &json!({"activateIn": 60})).await;
    let (admin, path, anonymous) = (&scene.shop.admin, &scene.webhook.path, &scene.server.anonymous);
    let url = scene.receiver.url("/hook");
    let echo = json!({"secret": scene.webhook.secret, "name": "kept", "url": 7});
    let answers = [
        admin.get("/api/v1/admin/webhooks").await,
        admin.get(path).await,
        admin.patch(path, &json!({"name": "renamed", "secret": scene.webhook.secret})).await,
        admin.patch(path, &json!({"enabled": false})).await,
        admin.patch(path, &json!({"enabled": true})).await,
        admin.patch(path, &echo).await,
        admin.get(&format!("{path}/deliveries")).await,
        admin.get(&format!("{path}/deliveries/{delivery}")).await,
        admin.post(&format!("{path}/deliveries/{delivery}/redeliver"), &json!({})).await,
        admin.post(&format!("{path}/test"), &json!({"event": "order.created"})).await,
        admin.post(&format!("{path}/redeliver"), &json!({"since": "2026-05-27T00:00:00Z"})).await,
        admin.post("/api/v1/admin/webhooks", &json!({"url": url, "events": ["order.paid"]})).await,
        rotate(&scene, &json!({"activateIn": -1})).await,
        scene.server.platform.get(&format!("/api/v1/platform/shops/{}", scene.shop.id)).await,
        anonymous.get(path).await,
        anonymous.get("/api/health").await,
        admin.delete(path).await,
        admin.get(path).await,
    ];
    for answer in answers {
        let text = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
        for secret in [&scene.webhook.secret, &new] {
            // Not the secret, and not its key part alone.
            assert!(!text.contains(secret.strip_prefix("whsec_").unwrap()), "{} {text}", answer.status);
        }
    }
    let other = scene.shop.webhook(&scene.receiver.url("/more"), &["order.paid"]).await;
    assert!(scene.shop.get(&other).await.get("secret").is_none());
}
