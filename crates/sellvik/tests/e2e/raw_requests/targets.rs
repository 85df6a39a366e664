//! Other ways to write a method or a path: none of them leads past a route's own checks.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{PATIENCE, answers, connect, request, statuses};
use crate::checks::{SHOPS, WEBHOOKS};
use crate::harness::Server;

#[tokio::test]
async fn other_spellings_of_a_path_are_no_route() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let webhook = shop.webhook("https://127.0.0.1/hook", &["order.created"]).await;
    let key = format!("Authorization: Bearer {}", shop.key);
    let id = &webhook.id;
    for target in [
        format!("//x{WEBHOOKS}/{id}"),
        format!("/{WEBHOOKS}/{id}"),
        format!("/api/v1/admin//webhooks/{id}"),
        format!("/api/v1/admin/./webhooks/{id}"),
        format!("/api/v1/platform/../admin/webhooks/{id}"),
        format!("/api/v1/platform/%2e%2e/admin/webhooks/{id}"),
        format!("/api/v1/%61dmin/webhooks/{id}"),
        format!("/api/v1/admin%2fwebhooks/{id}"),
        format!("/api/v1/admin/webhooks%2f{id}"),
        format!("/api/v1/admin/webhooks;x/{id}"),
        format!("{WEBHOOKS}/{id};x"),
        format!("{WEBHOOKS}/{id}/"),
        format!("{WEBHOOKS}/{id}%20"),
        format!("{WEBHOOKS}/{id}\\"),
        format!("{WEBHOOKS}/{id}.json"),
        format!("{WEBHOOKS}/%0d%0aX-Evil:%201"),
        format!("/API/v1/admin/webhooks/{id}"),
        format!("/api/v1/Admin/Webhooks/{id}"),
        format!("/v1/Admin/webhooks/{id}"),
        format!("/v1//admin/webhooks/{id}"),
        format!("http://x//api/v1/admin/webhooks/{id}"),
        SHOPS.replace("/api", ""),
        "/v1/admin/../platform/shops".to_owned(),
        "/v1/admin/%2e%2e/platform/shops".to_owned(),
        "*".to_owned(),
        "x:443".to_owned(),
    ] {
        for method in ["GET", "DELETE", "PATCH", "OPTIONS", "CONNECT"] {
            let all = statuses(&server, &request(&format!("{method} {target}"), &[&key], b"")).await;
            // Where only the id is another, the route is there and the method counts.
            let route = target.starts_with(&format!("{WEBHOOKS}/")) && !target.ends_with('/');
            let other = route && ["OPTIONS", "CONNECT"].contains(&method);
            assert_eq!(all, [if other { 405 } else { 404 }, 200], "{method} {target}");
        }
    }
    shop.get(&webhook).await;
}

#[tokio::test]
async fn a_whole_url_as_target_is_its_path_with_all_checks() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let key = format!("Authorization: Bearer {}", shop.key);
    for authority in ["http://elsewhere.example", "https://user:password@elsewhere.example:1"] {
        for path in [WEBHOOKS.to_owned(), WEBHOOKS.replace("/api", ""), format!("{WEBHOOKS}#fragment")] {
            let line = format!("GET {authority}{path}");
            assert_eq!(statuses(&server, &request(&line, &[], b"")).await, [401, 200], "{line}");
            assert_eq!(statuses(&server, &request(&line, &[&key], b"")).await, [200, 200], "{line}");
        }
        let line = format!("GET {authority}{SHOPS}");
        assert_eq!(statuses(&server, &request(&line, &[&key], b"")).await, [401, 200], "{line}");
    }
}

#[tokio::test]
async fn nothing_but_the_request_line_chooses_method_and_route() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let webhook = shop.webhook("https://127.0.0.1/hook", &["order.created"]).await;
    let key = format!("Authorization: Bearer {}", shop.key);
    let line = format!("GET {}?_method=DELETE&method=DELETE", webhook.path);
    for header in [
        "X-HTTP-Method-Override: DELETE",
        "X-HTTP-Method: DELETE",
        "X-Method-Override: DELETE",
        "X-Original-URL: /api/v1/platform/shops",
        "X-Rewrite-URL: /api/v1/platform/shops",
        "X-Forwarded-Prefix: /api/v1/platform",
        "Host: /api/v1/platform/shops",
        "Expect: nonsense",
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13",
        "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk",
        "Upgrade: TLS/1.2, HTTP/1.1\r\nConnection: Upgrade",
        "Connection: Authorization",
    ] {
        let all = answers(&server, &request(&line, &[&key, header], b"")).await;
        assert_eq!(all.iter().map(|one| one.status).collect::<Vec<_>>(), [200, 200], "{header}");
        assert!(String::from_utf8_lossy(&all[0].body).contains(&webhook.id), "{header}");
    }
    for method in ["get", "Delete", "TRACE", "CONNECT", "DELETE2", "X".repeat(5_000).as_str()] {
        let line = format!("{method} {}", webhook.path);
        let all = statuses(&server, &request(&line, &[&key], b"")).await;
        assert_eq!(all, [405, 200], "{}", &line[..20]);
    }
    shop.get(&webhook).await;
}

#[tokio::test]
async fn a_head_request_is_answered_without_a_body() {
    let server = Server::start().await;
    let mut stream = connect(&server).await;
    let bytes = request(&format!("HEAD {WEBHOOKS}"), &["Connection: close"], b"");
    stream.write_all(&bytes).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.ends_with("\r\n\r\n"), "{answer}");
    assert_eq!(answer.matches("\r\n\r\n").count(), 1, "{answer}");
}

#[tokio::test]
async fn who_asks_first_is_told_to_go_on_or_why_not() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let key = format!("Authorization: Bearer {}", shop.key);
    let ask = ["Content-Length: 2", "Expect: 100-continue"];
    let line = format!("POST {WEBHOOKS}");
    let mut stream = connect(&server).await;
    stream.write_all(&request(&line, &[&[key.as_str()], &ask[..]].concat(), b"")).await.unwrap();
    let mut told = [0; 25];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut told)).await.unwrap().unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"{}").await.unwrap();
    let mut told = [0; 13];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut told)).await.unwrap().unwrap();
    assert_eq!(&told, b"HTTP/1.1 400 ");
    // Whose key is refused is not told to send the body.
    assert_eq!(statuses(&server, &request(&line, &ask, b"")).await[0], 401);
}
