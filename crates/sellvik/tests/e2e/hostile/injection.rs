//! Line ends and NULs in whatever a caller may name: they never begin a header, ours or a receiver's.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::checks::{EVENTS, NO_DELIVERY, SHOPS, WEBHOOKS};
use crate::harness::Server;
use crate::raw_requests::{request, statuses};

/// What would be a header if it were written as it is.
const LINES: [&str; 6] =
    ["\r\nX-Evil: 1", "\nX-Evil: 1", "\rX-Evil: 1", "a\r\n\r\nGET /", "\0X-Evil: 1", "\u{85}X-Evil: 1"];

/// The header lines of a delivery, each once.
const HEADERS: [&str; 12] = [
    "content-length",
    "content-type",
    "host",
    "user-agent",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
    "x-sellvik-delivery",
    "x-sellvik-event",
    "x-sellvik-event-id",
    "x-sellvik-shop",
    "x-sellvik-signature",
];

#[tokio::test]
async fn line_ends_in_bodies_are_refused_and_in_no_answers_head() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let hook = shop.webhook("https://127.0.0.1/hook", &["order.created"]).await;
    let (admin, platform) = (shop.key.clone(), server.platform_key().to_owned());
    let keys = format!("{SHOPS}/{}/keys", shop.id);
    let url = "https://127.0.0.1/other";
    for line in LINES {
        let with = |text: &str| format!("{text}{line}");
        for (key, method, path, body) in [
            (&admin, "POST", WEBHOOKS, json!({"url": url, "events": ["order.created"], "name": with("a")})),
            (&admin, "POST", WEBHOOKS, json!({"url": with(url), "events": ["order.created"]})),
            (&admin, "POST", WEBHOOKS, json!({"url": url, "events": [with("order.created")]})),
            (&admin, "PATCH", &hook.path, json!({"name": line})),
            (&admin, "PATCH", &hook.path, json!({"url": with("https://127.0.0.1")})),
            (&admin, "POST", &format!("{}/test", hook.path), json!({"event": with("order.created")})),
            (&admin, "POST", &format!("{}/redeliver", hook.path), json!({"since": line})),
            (&platform, "POST", SHOPS, json!({"subdomain": with("acme")})),
            (&platform, "POST", SHOPS, json!({"subdomain": "acme", "name": line})),
            (&platform, "POST", &keys, json!({"scopes": ["webhooks:read"], "name": line})),
            (&platform, "POST", &keys, json!({"scopes": [with("webhooks:read")]})),
            (&platform, "POST", EVENTS, event(&shop.id, &with("order.created"), "evt_1")),
            (&platform, "POST", EVENTS, event(&shop.id, "order.created", &with("evt_1"))),
            (&platform, "POST", EVENTS, event(&with(&shop.id), "order.created", "evt_1")),
        ] {
            let body = body.to_string();
            let (key, length) = (bearer(key), format!("Content-Length: {}", body.len()));
            let bytes = request(&format!("{method} {path}"), &[&key, &length], body.as_bytes());
            assert_eq!(statuses(&server, &bytes).await, [400, 200], "{path} {body}");
        }
    }
}

#[tokio::test]
async fn line_ends_in_targets_are_refused_and_in_no_answers_head() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let hook = shop.webhook("https://127.0.0.1/hook", &["order.created"]).await;
    let (admin, platform) = (bearer(&shop.key), bearer(server.platform_key()));
    for line in ["%0d%0aX-Evil:%201", "%0aX-Evil:%201", "%0d", "%00", "%E5%98%8D%E5%98%8AX-Evil:%201"] {
        for (key, target, status) in [
            (&admin, format!("{WEBHOOKS}/{line}"), 404),
            (&admin, format!("{}{line}", hook.path), 404),
            (&admin, format!("{}/deliveries/{NO_DELIVERY}{line}", hook.path), 404),
            (&admin, format!("{}/redeliver/{line}", hook.path), 404),
            (&admin, format!("{}/deliveries?status={line}", hook.path), 400),
            (&admin, format!("{WEBHOOKS}?limit=1{line}"), 400),
            (&admin, format!("{WEBHOOKS}?cursor={line}"), 400),
            (&platform, format!("{SHOPS}/{line}"), 404),
            (&platform, format!("/{line}"), 404),
        ] {
            let all = statuses(&server, &request(&format!("GET {target}"), &[key], b"")).await;
            assert_eq!(all, [status, 200], "{target}");
        }
    }
}

#[tokio::test]
async fn a_delivery_has_its_own_headers_and_no_others_whatever_names_it_carries() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let evil = "%0d%0aX-Evil:%201%00?q=%0D%0AX-Evil:%201&%E5%98%8A";
    let url = format!("http://{}/hook{evil}", listener.local_addr().unwrap());
    let body = json!({"url": url, "events": ["order.cancelled"], "name": "X-Evil: 1\u{2028}X-Evil: 2"});
    shop.admin.post(WEBHOOKS, &body).await.expect(201);
    let path = format!("{SHOPS}/{}", shop.id);
    server.platform.patch(&path, &json!({"name": "X-Evil: 3 \u{200b}"})).await.expect(200);
    let data = json!({"X-Evil": "\r\nX-Evil: 4\0"});
    let id = format!("evt_{}", "-".repeat(64));
    shop.publish_body(json!({"type": "order.cancelled", "id": id, "data": data})).await;
    let redirect = format!("HTTP/1.1 307 Go On\r\nLocation: /next{evil}\r\nContent-Length: 0\r\n\r\n");
    for (path, answer) in
        [("/hook", redirect.as_str()), ("/next", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")]
    {
        let raw = received(&listener, answer).await;
        let (head, body) = raw.split_once("\r\n\r\n").unwrap();
        let (line, headers) = head.split_once("\r\n").unwrap();
        assert_eq!(line, format!("POST {path}{evil} HTTP/1.1"));
        let mut names: Vec<_> =
            headers.split("\r\n").map(|line| line.split_once(": ").unwrap().0.to_lowercase()).collect();
        names.sort();
        assert_eq!(names, HEADERS, "{head}");
        assert!(!headers.contains("Evil") && !headers.contains("evil"), "{head}");
        assert!(body.contains(r#""\r\nX-Evil: 4\u0000""#), "{body}");
    }
}

/// One connection's request, as it came, answered with these bytes.
async fn received(listener: &TcpListener, answer: &str) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut raw = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&raw).into_owned();
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            body.len() == length.unwrap_or(0)
        });
        if whole {
            stream
                .write_all(answer.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").as_bytes())
                .await
                .unwrap();
            return text;
        }
        assert!(stream.read_buf(&mut raw).await.unwrap() > 0, "cut short: {text}");
    }
}

fn event(shop: &str, kind: &str, id: &str) -> Value {
    json!({"shop": shop, "type": kind, "id": id, "data": {}})
}

fn bearer(key: &str) -> String {
    format!("Authorization: Bearer {key}")
}
