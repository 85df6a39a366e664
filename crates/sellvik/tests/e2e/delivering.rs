//! What a receiver gets, and what is kept of its answer (CONTRACT §5).

use std::collections::BTreeSet;
use std::time::Duration;

use sellvik_testkit::{Received, Reply};
use serde_json::{Value, json};

use crate::harness::{Scene, assert_shows};

const PLATFORM_KEY: &str = "sk_platform_0123456789abcdef0123456789abcdef";

/// JSON that no serialiser would write like this.
const ODD: &str = " {\n\t\"z\" : 1.50 ,\"a\":[ 1e2,-0.0 , 12345678901234567890123 ],  \"name\":\"Zo\\u00eb \\ud83d\\ude00 ü 😀 \\/ \\u0022\",\"order\":{\"id\":\"ord_1\" , \"note\":null},\"a \":{ } \r\n} ";

/// Publishes `data` exactly as written, with these members before it; the event's id.
async fn publish_raw(scene: &Scene, members: &str, data: &str) -> String {
    let shop = &scene.shop.id;
    let body = format!(r#"{{"shop":"{shop}","type":"order.cancelled",{members}"data":{data}}}"#);
    let key = format!("Bearer {PLATFORM_KEY}");
    let headers = [("Authorization", key.as_str()), ("Content-Type", "application/json")];
    let answer =
        scene.server.anonymous.send("POST", "/api/v1/platform/events", &headers, body.into_bytes()).await;
    answer.expect(202)["id"].as_str().unwrap().to_owned()
}

/// The names of the headers that came.
fn header_names(received: &Received) -> BTreeSet<&str> {
    received.headers.keys().map(AsRef::as_ref).collect()
}

#[tokio::test]
async fn the_envelope_has_its_members_in_order_and_data_byte_for_byte() {
    let scene = Scene::with_flags(&["--platform-key", PLATFORM_KEY], [Reply::status(200)]).await;
    let members = r#""id":"evt_mine-1","createdAt":"2026-05-27T15:00:00.1239+03:00","#;
    let id = publish_raw(&scene, members, ODD).await;
    let received = scene.receiver.wait_for("/hook", 1).await;
    let (subdomain, shop, data) = (&scene.shop.subdomain, &scene.shop.id, ODD.trim());
    let expected = format!(
        r#"{{"id":"evt_mine-1","type":"order.cancelled","createdAt":"2026-05-27T12:00:00.123Z","shopSubdomain":"{subdomain}","shopId":"{shop}","data":{data}}}"#
    );
    assert_eq!(id, "evt_mine-1");
    assert_eq!(String::from_utf8_lossy(&received[0].body), expected);
    let delivery = scene.shop.reached(&scene.webhook, "succeeded").await;
    let detail = scene.shop.delivery(&scene.webhook, delivery["id"].as_str().unwrap()).await;
    assert_eq!(detail["requestBody"], expected);
}

#[tokio::test]
async fn an_event_without_id_and_time_gets_its_own() {
    let scene = Scene::with([]).await;
    let id = scene.shop.publish("order.cancelled").await;
    let envelope = scene.receiver.wait_for("/hook", 1).await[0].json();
    assert!(id.starts_with("evt_") && !id.starts_with("evt_test_"));
    assert_shows(&envelope, &json!({"id": id, "createdAt": scene.server.now().to_string()}));
    assert!(envelope.get("test").is_none());
}

#[tokio::test]
async fn every_attempt_and_redirect_carries_the_same_bytes_and_a_fresh_signature() {
    let replies =
        [Reply::status(500), Reply::redirect(307, "/second"), Reply::status(429), Reply::status(200)];
    let scene = Scene::with_flags(&["--platform-key", PLATFORM_KEY], replies).await;
    scene.receiver.script("/second", [Reply::redirect(301, "/third")]);
    scene.receiver.script("/third", [Reply::status(503)]);
    publish_raw(&scene, "", ODD).await;
    let mut delivery = scene.shop.attempted(&scene.webhook, 1).await;
    let mut times = vec![scene.server.now().as_secs().to_string()];
    for _ in 2..=4 {
        delivery = scene.next_attempt(&delivery).await;
        times.push(scene.server.now().as_secs().to_string());
    }
    assert_eq!(delivery["status"], "succeeded");
    let all = scene.receiver.received();
    let paths: Vec<_> = all.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(paths, ["/hook", "/hook", "/second", "/third", "/hook", "/hook"]);
    for one in &all {
        assert_eq!((one.method.as_str(), &one.body), ("POST", &all[0].body));
        assert!(one.verify_sellvik(&scene.webhook.secret) && one.verify_standard(&scene.webhook.secret));
    }
    for (one, time) in [&all[0], &all[1], &all[4], &all[5]].into_iter().zip(&times) {
        assert_eq!(one.header("webhook-timestamp"), time);
        assert!(one.header("x-sellvik-signature").starts_with(&format!("t={time},v1=")));
    }
    assert_eq!(times.iter().collect::<BTreeSet<_>>().len(), 4);
    assert_eq!(all[2].header("x-sellvik-signature"), all[1].header("x-sellvik-signature"));
}

#[tokio::test]
async fn the_headers_are_those_of_the_contract_and_no_others() {
    let scene = Scene::with([]).await;
    scene.server.advance(Duration::from_millis(1999));
    let id = scene.shop.publish("order.cancelled").await;
    let received = scene.receiver.wait_for("/hook", 1).await.remove(0);
    let delivery = scene.shop.reached(&scene.webhook, "succeeded").await;
    let time = scene.server.now().as_secs().to_string();
    let length = received.body.len().to_string();
    let host = scene.receiver.addr().to_string();
    let expected = [
        ("host", host.as_str()),
        ("content-length", length.as_str()),
        ("content-type", "application/json"),
        ("user-agent", "Sellvik-Webhooks/1.0"),
        ("x-sellvik-event", "order.cancelled"),
        ("x-sellvik-event-id", id.as_str()),
        ("x-sellvik-shop", scene.shop.subdomain.as_str()),
        ("x-sellvik-delivery", delivery["id"].as_str().unwrap()),
        ("webhook-id", id.as_str()),
        ("webhook-timestamp", time.as_str()),
    ];
    for (name, value) in expected {
        assert_eq!(received.header(name), value, "{name}");
        assert_eq!(received.headers.get_all(name).iter().count(), 1, "{name}");
    }
    let signatures = ["x-sellvik-signature", "webhook-signature"];
    let names: BTreeSet<_> = expected.iter().map(|(name, _)| *name).chain(signatures).collect();
    assert_eq!(header_names(&received), names);
}

#[tokio::test]
async fn both_signatures_verify_with_the_one_secret_and_with_no_other() {
    let scene = Scene::with([]).await;
    let other = scene.shop.webhook(&scene.receiver.url("/other"), &["order.cancelled"]).await;
    scene.shop.publish("order.cancelled").await;
    let received = scene.receiver.wait_for("/hook", 1).await.remove(0);
    assert!(received.verify_sellvik(&scene.webhook.secret));
    assert!(received.verify_standard(&scene.webhook.secret));
    assert!(!received.verify_sellvik(&other.secret));
    assert!(!received.verify_standard(&other.secret));
    let time = scene.server.now().as_secs().to_string();
    let sellvik = received.header("x-sellvik-signature");
    let hex = sellvik.strip_prefix(&format!("t={time},v1=")).unwrap();
    assert!(hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{sellvik}");
    let standard = received.header("webhook-signature");
    assert!(standard.starts_with("v1,") && !standard.contains(' '), "{standard}");
}

#[tokio::test]
async fn the_subdomain_in_envelope_and_header_is_that_of_acceptance() {
    let scene = Scene::with([Reply::status(500), Reply::status(200)]).await;
    let first = scene.first_attempt().await;
    let renamed = json!({"subdomain": format!("{}-new", scene.shop.subdomain)});
    let path = format!("/api/v1/platform/shops/{}", scene.shop.id);
    scene.server.platform.patch(&path, &renamed).await.expect(200);
    scene.next_attempt(&first).await;
    scene.shop.publish("order.cancelled").await;
    let shops: Vec<_> = scene
        .receiver
        .wait_for("/hook", 3)
        .await
        .iter()
        .map(|one| (json!(one.header("x-sellvik-shop")), one.json()["shopSubdomain"].clone()))
        .collect();
    let (old, new) = (json!(scene.shop.subdomain), renamed["subdomain"].clone());
    assert_eq!(shops, [(old.clone(), old.clone()), (old.clone(), old), (new.clone(), new)]);
}

#[tokio::test]
async fn two_kibibytes_of_the_answer_are_kept_as_text() {
    let accented = "a".to_owned() + &"é".repeat(1500);
    let cut = "a".to_owned() + &"é".repeat(1023) + "\u{fffd}";
    let cases: [(Vec<u8>, String); 6] = [
        (vec![b'x'; 2048], "x".repeat(2048)),
        (vec![b'x'; 3000], "x".repeat(2048)),
        (vec![b'x'; 300_000], "x".repeat(2048)),
        (accented.into_bytes(), cut),
        (b"a\0b\xff\xfe\x01\n".to_vec(), "a\u{fffd}b\u{fffd}\u{fffd}\u{1}\n".to_owned()),
        ("{\"ok\":\"😀\"}".into(), "{\"ok\":\"😀\"}".to_owned()),
    ];
    for status in [200, 500] {
        let scene =
            Scene::with(cases.iter().map(|(body, _)| Reply::status(status).with_body(body.clone()))).await;
        for (_, kept) in &cases {
            // The newest delivery is the last one only if no other was made in its millisecond.
            scene.server.advance(Duration::from_millis(1));
            let delivery = scene.first_attempt().await;
            assert_shows(&delivery, &json!({"lastResponseCode": status, "lastResponseBody": kept}));
        }
    }
}

#[tokio::test]
async fn a_body_that_never_ends_changes_no_verdict_and_closes_the_connection() {
    let endless_error = "HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbad\r\n";
    for (reply, status, kept) in [
        (Reply::endless_body(), 200, "a".repeat(2048)),
        (Reply::raw_keep("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"), 200, "abc".to_owned()),
        (Reply::raw("HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\nabc"), 201, "abc".to_owned()),
        (Reply::raw_keep(endless_error), 500, "bad".to_owned()),
    ] {
        let scene = Scene::with([reply]).await;
        let delivery = scene.first_attempt().await;
        let word = if status == 500 { "failed" } else { "succeeded" };
        assert_shows(
            &delivery,
            &json!({"status": word, "lastResponseCode": status, "lastResponseBody": kept}),
        );
        scene.receiver.wait_for_closed(1).await;
    }
}

#[tokio::test]
async fn a_slow_body_is_read_for_a_second_and_no_longer() {
    let scene = Scene::with([Reply::drip_body(Duration::from_millis(50))]).await;
    let delivery = scene.first_attempt().await;
    assert_shows(&delivery, &json!({"status": "succeeded", "lastResponseCode": 200}));
    let kept = delivery["lastResponseBody"].as_str().unwrap();
    assert!((1..=21).contains(&kept.len()) && kept.bytes().all(|byte| byte == b'a'), "{kept}");
    scene.receiver.wait_for_closed(1).await;
}

#[tokio::test]
async fn a_delivery_shows_its_request_and_each_of_its_attempts() {
    let scene = Scene::with([Reply::status(500).with_body("one"), Reply::status(200).with_body("two")]).await;
    let first = scene.first_attempt().await;
    let started = [scene.server.now().to_string(), first["nextAttemptAt"].as_str().unwrap().to_owned()];
    let second = scene.next_attempt(&first).await;
    let detail = scene.shop.delivery(&scene.webhook, second["id"].as_str().unwrap()).await;
    let body = String::from_utf8(scene.receiver.received_at("/hook")[1].body.to_vec()).unwrap();
    assert_eq!(detail["requestBody"], body);
    for (name, value) in second.as_object().unwrap() {
        assert_eq!(&detail[name], value, "{name}");
    }
    let expected = [
        json!({"number": 1, "startedAt": started[0], "endedAt": started[0], "succeeded": false,
               "responseCode": 500, "responseBody": "one", "error": "the endpoint answered 500",
               "finalHost": "127.0.0.1"}),
        json!({"number": 2, "startedAt": started[1], "endedAt": started[1], "succeeded": true,
               "responseCode": 200, "responseBody": "two", "error": Value::Null, "finalHost": "127.0.0.1"}),
    ];
    let log = detail["attemptLog"].as_array().unwrap();
    assert_eq!(log.len(), 2);
    for (attempt, expected) in log.iter().zip(&expected) {
        assert_shows(attempt, expected);
        assert!(attempt["durationMs"].is_u64(), "{attempt:#}");
    }
}
