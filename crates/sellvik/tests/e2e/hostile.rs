//! Bodies that nobody should send: refused or taken, but never a fault of ours (CONTRACT §2).

use serde_json::json;

use crate::checks::{EVENTS, NO_WEBHOOK, SHOPS, WEBHOOKS, bad_body, send};
use crate::harness::Server;

mod data;
mod injection;

/// Nested far deeper than anything reads, within the size that may be sent.
const DEPTH: usize = 20_000;

fn not_objects() -> Vec<Vec<u8>> {
    let nested = |open: &str, close: &str| [open.repeat(DEPTH), close.repeat(DEPTH)].concat().into_bytes();
    let mut bodies = vec![
        nested("[", "]"),
        "[".repeat(DEPTH).into_bytes(),
        "{\"a\":".repeat(5_000).into_bytes(),
        b"\xff\xfe{\x00}\x00".to_vec(),
        b"{\"name\":\"\xff\"}".to_vec(),
        b"{\"\xc3\x28\":1}".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        b"{\"name\":\"a\x00b\"}".to_vec(),
        b"\x00".to_vec(),
    ];
    let texts = [
        "",
        " ",
        "[]",
        "[{}]",
        "null",
        "true",
        "0",
        "-",
        "\"\"",
        "\"{}\"",
        "{",
        "}",
        "{]",
        "{}{}",
        "{} x",
        "{,}",
        "{\"a\":1,}",
        "{'a':1}",
        "{a:1}",
        "{\"a\":01}",
        "{\"a\":NaN}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\n\"}",
        "{\"\\ud800\":1}",
        "url=https://example.com&events=order.created",
        "<webhook/>",
        "// {}",
        "{\"a\":1}\u{0}",
    ];
    bodies.extend(texts.map(|text| text.as_bytes().to_vec()));
    bodies
}

/// Objects whose fields no route can use: as text, since some are beyond what a value can hold.
fn strange_objects() -> Vec<String> {
    let deep = format!("{}{}", "[".repeat(2_000), "]".repeat(2_000));
    let strange = [
        "null",
        "[]",
        "{}",
        "[[]]",
        "[null]",
        "\"\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\u{202e}\u{feff}\"",
        "0",
        "-1",
        "1.5",
        "1e400",
        "-1e400",
        "99999999999999999999999999999999",
        "0.000000000000000000000000000001e-999",
        "true",
        &deep,
    ];
    let fields = [
        "name",
        "url",
        "events",
        "enabled",
        "activateIn",
        "event",
        "since",
        "until",
        "status",
        "subdomain",
        "dev",
        "scopes",
        "shop",
        "type",
        "data",
        "id",
        "createdAt",
    ];
    let mut bodies: Vec<_> = strange
        .iter()
        .map(|value| {
            let all: Vec<_> = fields.iter().map(|field| format!("\"{field}\":{value}")).collect();
            format!("{{{}}}", all.join(","))
        })
        .collect();
    bodies.push("{\"name\":1,\"name\":\"a\",\"name\":null}".to_owned());
    bodies.push(format!("{{\"{}\":1}}", "k".repeat(50_000)));
    bodies.push(format!("{{{}}}", vec!["\"a\":1"; 8_000].join(",")));
    bodies
}

#[tokio::test]
async fn what_is_no_json_object_is_one_problem_of_the_whole_body() {
    let server = Server::start().await;
    let shop = server.shop().await;
    for body in not_objects() {
        let answer = send(&server.anonymous, &shop.key, "POST", WEBHOOKS, None, &body).await;
        bad_body(&answer, &["[]"]);
    }
}

#[tokio::test]
async fn no_body_is_a_fault_of_ours_on_any_route() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let webhook = shop.webhook("https://127.0.0.1/hook", &["order.created"]).await;
    let (admin, platform) = (shop.key.as_str(), server.platform_key());
    let routes = [
        (admin, "POST", WEBHOOKS.to_owned()),
        (admin, "PATCH", webhook.path.clone()),
        (admin, "POST", format!("{}/rotate-secret", webhook.path)),
        (admin, "POST", format!("{}/test", webhook.path)),
        (admin, "POST", format!("{}/redeliver", webhook.path)),
        (platform, "POST", SHOPS.to_owned()),
        (platform, "PATCH", format!("{SHOPS}/{}", shop.id)),
        (platform, "POST", format!("{SHOPS}/{}/keys", shop.id)),
        (platform, "POST", EVENTS.to_owned()),
        (platform, "POST", format!("{EVENTS}/batch")),
    ];
    let mut bodies = not_objects();
    for object in strange_objects() {
        bodies.push(format!("{{\"events\":[{object},{object}]}}").into_bytes());
        bodies.push(object.into_bytes());
    }
    for (key, method, path) in &routes {
        for body in &bodies {
            let answer = send(&server.anonymous, key, method, path, None, body).await;
            let told = String::from_utf8_lossy(&body[..body.len().min(80)]);
            assert!((200..500).contains(&answer.status), "{method} {path} {told}: {}", answer.status);
            assert!(answer.status < 300 || !answer.code().is_empty());
            assert!(answer.body.len() < 100_000, "{method} {path} {told}: a long answer");
        }
    }
    server.anonymous.get("/api/health").await.expect(200);
}

#[tokio::test]
async fn of_a_field_given_twice_one_counts_and_is_checked() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let body = "{\"url\":\"ftp://x\",\"url\":\"ftp://y\",\"events\":[],\"events\":[\"order.created\"]}";
    let answer = send(&server.anonymous, &shop.key, "POST", WEBHOOKS, None, body.as_bytes()).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_body"));
    assert_eq!(shop.admin.get(WEBHOOKS).await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn a_whole_number_may_be_written_in_any_way_that_json_has() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let webhook = shop.webhook("https://127.0.0.1/hook", &["order.created"]).await;
    let path = format!("{}/rotate-secret", webhook.path);
    let rotate = async |number: &str| {
        let body = format!("{{\"activateIn\":{number}}}");
        send(&server.anonymous, &shop.key, "POST", &path, None, body.as_bytes()).await
    };
    for number in ["0", "-0", "-0.0", "60", "60.0", "6e1", "86400.00", "0.6E+2"] {
        rotate(number).await.expect(200);
    }
    for number in ["60.5", "-1", "-1.0", "86401.0", "1e300", "1e-9", "1e400", "\"60\"", "[60]"] {
        bad_body(&rotate(number).await, &[r#"["activateIn"]"#]);
    }
}

#[tokio::test]
async fn ids_of_any_shape_in_a_path_are_just_not_found() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let real = shop.webhook("https://127.0.0.1/hook", &["order.created"]).await;
    let upper = real.id.to_uppercase();
    let long = "a".repeat(8_000);
    for id in [
        "x",
        "%00",
        "%FF%FE",
        "..%2f..",
        "*",
        "wh_",
        "'%20OR%201=1--",
        "%F0%9F%98%80",
        "-1",
        "null",
        NO_WEBHOOK,
        &long,
        &upper,
        &format!("{}%20", real.id),
        &format!("{}%00", real.id),
        &real.id.replace("wh_", "sh_"),
    ] {
        for path in [
            format!("{WEBHOOKS}/{id}"),
            format!("{WEBHOOKS}/{id}/deliveries"),
            format!("{}/deliveries/{id}", real.path),
            format!("{}/redeliver/{id}", real.path),
        ] {
            let answer = shop.admin.get(&path).await;
            assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{path}");
        }
        let answer = server.platform.get(&format!("{SHOPS}/{id}")).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{id}");
    }
}
