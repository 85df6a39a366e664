//! What every answer has in common: the short form, no CORS, timestamps, no secrets (CONTRACT §1, §2).

use std::time::Duration;

use sellvik_domain::Timestamp;
use sellvik_testkit::{Answer, Receiver, Reply};
use serde_json::{Value, json};

use crate::checks::{NO_DELIVERY, NO_WEBHOOK, SHOPS, WEBHOOKS, members, refused};
use crate::harness::{Server, Shop, Webhook};

#[tokio::test]
async fn health_tells_its_state_and_the_time() {
    let server = Server::start().await;
    for client in [&server.anonymous, &server.platform] {
        let health = client.get("/api/health").await.expect(200);
        assert_eq!(health, json!({"status": "ok", "timestamp": "2026-05-27T13:45:00.000Z"}));
    }
    server.advance(Duration::from_millis(1234));
    let health = server.anonymous.get("/api/health").await.expect(200);
    assert_eq!(health["timestamp"], "2026-05-27T13:45:01.234Z");
}

#[tokio::test]
async fn the_short_form_does_as_the_long_one() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let short = "/v1/admin/webhooks";
    let body = json!({"url": "https://127.0.0.1/hook", "events": ["order.created"]});
    let created = shop.admin.post(short, &body).await.expect(201);
    shop.webhook("https://127.0.0.1/other", &["order.paid"]).await;
    let id = created["id"].as_str().unwrap();
    let patched = shop.admin.patch(&format!("{short}/{id}"), &json!({"name": "ERP"})).await.expect(200);
    assert_eq!(patched["name"], "ERP");
    shop.admin.post(&format!("{short}/{id}/rotate-secret?x=y"), &json!({})).await.expect(200);
    let cursor = shop.admin.get(&format!("{short}?limit=1")).await.expect(200)["nextCursor"].clone();
    for rest in [
        String::new(),
        "?limit=1".to_owned(),
        format!("?limit=1&cursor={}", cursor.as_str().unwrap()),
        format!("/{id}"),
        format!("/{id}/deliveries?status=failed&limit=7"),
        format!("/{id}/deliveries/{NO_DELIVERY}"),
        format!("/{NO_WEBHOOK}"),
        "?limit=0".to_owned(),
        "/".to_owned(),
    ] {
        let (one, other) = (
            shop.admin.get(&format!("{short}{rest}")).await,
            shop.admin.get(&format!("{WEBHOOKS}{rest}")).await,
        );
        assert_eq!((one.status, one.json()), (other.status, other.json()), "{rest}");
    }
    let types = shop.admin.get("/v1/admin/event-types?limit=2").await.expect(200);
    assert_eq!(types, shop.admin.get("/api/v1/admin/event-types?limit=2").await.expect(200));
    let put = server.anonymous.send("PUT", short, &[], Vec::new()).await;
    refused(&put, 405, "method_not_allowed");
    assert!(put.headers["allow"].to_str().unwrap().contains("POST"));
    refused(&server.anonymous.get(short).await, 401, "missing_or_malformed_authorization");
    shop.admin.delete(&format!("{short}/{id}")).await.expect(204);
    refused(&shop.admin.get(&format!("{WEBHOOKS}/{id}")).await, 404, "not_found");
}

#[tokio::test]
async fn nothing_but_the_admin_api_has_a_short_form() {
    let server = Server::start().await;
    let shop = server.shop().await;
    for path in [
        "/v1",
        "/v1/",
        "/v1/admin",
        "/v1/admin/",
        "/v1/admin/nothing",
        "/v1/adminwebhooks",
        "/v1/platform/shops",
        "/v1/openapi.json",
        "/v1/health",
        "/admin/webhooks",
        "/webhooks",
        "/v2/admin/webhooks",
        "/api/api/v1/admin/webhooks",
        "/api/v1/v1/admin/webhooks",
    ] {
        refused(&shop.admin.get(path).await, 404, "not_found");
        refused(&server.platform.get(path).await, 404, "not_found");
    }
}

#[tokio::test]
async fn admin_routes_never_send_cors_headers() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let webhook = shop.webhook("https://127.0.0.1/hook", &["order.created"]).await;
    let key = format!("Bearer {}", shop.key);
    let browser = [
        ("Origin", "https://panel.example.com"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,content-type"),
        ("Authorization", key.as_str()),
    ];
    let deliveries = format!("{}/deliveries", webhook.path);
    for path in
        [WEBHOOKS, "/v1/admin/webhooks", &webhook.path, &deliveries, "/api/v1/admin/event-types", "/nothing"]
    {
        for method in ["OPTIONS", "GET", "HEAD", "POST", "PATCH", "PUT"] {
            let answer = server.anonymous.send(method, path, &browser, Vec::new()).await;
            let cors = answer.headers.keys().find(|name| name.as_str().starts_with("access-control-"));
            assert_eq!(cors, None, "{method} {path}");
            assert!(method != "OPTIONS" || matches!(answer.status, 404 | 405), "{path}: {}", answer.status);
        }
    }
}

/// A shop in which everything has happened once: every kind of answer that there is, and the body sent.
async fn every_answer(server: &Server, receiver: &Receiver) -> (Shop, Webhook, Vec<Answer>) {
    let shop = server.shop().await;
    receiver.script("/hook", [Reply::status(500).with_body("no"), Reply::status(200).with_body("ok")]);
    let webhook = shop.webhook(&receiver.url("/hook"), &["order.created", "order.cancelled"]).await;
    shop.publish("order.cancelled").await;
    shop.reached(&webhook, "failed").await;
    server.advance(Duration::from_secs(40));
    let delivery = shop.reached(&webhook, "succeeded").await;
    let delivery = format!("{}/deliveries/{}", webhook.path, delivery["id"].as_str().unwrap());
    let window = json!({"since": "2026-05-27T00:00:00+03:00", "status": "succeeded"});
    let started = shop.admin.post(&format!("{}/redeliver", webhook.path), &window).await;
    let job = format!("{}/redeliver/{}", webhook.path, started.json()["id"].as_str().unwrap());
    let shop_path = format!("{SHOPS}/{}", shop.id);
    let answers = vec![
        started,
        shop.admin.get(&job).await,
        shop.admin.get(&webhook.path).await,
        shop.admin.get(WEBHOOKS).await,
        shop.admin.get(&format!("{}/deliveries", webhook.path)).await,
        shop.admin.get(&delivery).await,
        shop.admin.post(&format!("{delivery}/redeliver"), &json!({})).await,
        shop.admin.post(&format!("{}/test", webhook.path), &json!({"event": "order.created"})).await,
        shop.admin.patch(&webhook.path, &json!({"name": "ERP"})).await,
        shop.admin.get("/api/v1/admin/event-types?limit=1").await,
        server.platform.get(&shop_path).await,
        server.platform.get(SHOPS).await,
        server.platform.get(&format!("{shop_path}/keys")).await,
        server.anonymous.get("/api/health").await,
    ];
    (shop, webhook, answers)
}

fn assert_moments(value: &Value, seen: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            // What an event tells is the platform's own.
            for (name, value) in
                fields.iter().filter(|(name, _)| !["data", "schema", "example"].contains(&&***name))
            {
                let named =
                    name.ends_with("At") || ["timestamp", "since", "until", "activeFrom"].contains(&&**name);
                match value {
                    Value::String(text) if named => {
                        let exact = Timestamp::parse(text).is_some_and(|moment| moment.to_string() == *text);
                        assert!(exact && text.len() == 24 && text.as_bytes()[19] == b'.', "{name}: {text}");
                        assert!(text.ends_with('Z'), "{name}: {text}");
                        seen.push(name.clone());
                    }
                    Value::Null if named => {}
                    _ => {
                        assert!(!named, "{name} is {value}");
                        assert_moments(value, seen);
                    }
                }
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| assert_moments(element, seen)),
        _ => {}
    }
}

#[tokio::test]
async fn timestamps_are_utc_with_three_decimals_everywhere() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let (shop, webhook, answers) = every_answer(&server, &receiver).await;
    let mut seen = Vec::new();
    for answer in &answers {
        assert!((200..300).contains(&answer.status), "{}", answer.json());
        assert_moments(&answer.json(), &mut seen);
    }
    let rotated =
        shop.admin.post(&format!("{}/rotate-secret", webhook.path), &json!({"activateIn": 7})).await;
    assert_moments(&rotated.expect(200), &mut seen);
    for received in receiver.received() {
        assert_moments(&received.json(), &mut seen);
    }
    seen.sort();
    seen.dedup();
    let kinds = [
        "activeFrom",
        "createdAt",
        "deliveredAt",
        "endedAt",
        "lastAttemptAt",
        "lastDeliveryAt",
        "nextAttemptAt",
        "since",
        "startedAt",
        "timestamp",
        "until",
    ];
    for kind in kinds {
        assert!(seen.iter().any(|name| name == kind), "no {kind} in {seen:?}");
    }
}

#[tokio::test]
async fn a_secret_or_key_is_in_no_answer_but_the_one_that_made_it() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let (shop, webhook, mut answers) = every_answer(&server, &receiver).await;
    let rotated = shop.admin.post(&format!("{}/rotate-secret", webhook.path), &json!({})).await.expect(200);
    assert_eq!(members(&rotated), ["activeFrom", "secret"]);
    let again = json!({"url": receiver.url("/hook"), "events": ["order.created"]});
    answers.extend([
        shop.admin.get(&webhook.path).await,
        shop.admin.get(WEBHOOKS).await,
        shop.admin.patch(&webhook.path, &json!({"enabled": false})).await,
        shop.admin.patch(&webhook.path, &json!({"enabled": 1})).await,
        shop.admin.post(WEBHOOKS, &again).await,
        shop.admin.post(&format!("{}/nothing", webhook.path), &json!({})).await,
        shop.admin.get(SHOPS).await,
        server.platform.get(WEBHOOKS).await,
        server.anonymous.get("/api/v1/openapi.json").await,
        server.anonymous.get("/docs").await,
    ]);
    let secrets = [
        webhook.secret.as_str(),
        rotated["secret"].as_str().unwrap(),
        shop.key.as_str(),
        server.platform_key(),
    ];
    for answer in &answers {
        let text = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
        for secret in secrets {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(answer.headers.get("cache-control").is_some_and(|value| value == "no-store"));
    }
}
