//! Where a body ends: told twice, wrongly or not at all, nothing in it is ever taken for a request.

use serde_json::json;

use super::{answers, request, statuses};
use crate::checks::WEBHOOKS;
use crate::harness::{Server, Shop};

/// A request that would be answered 404 if it were taken for one.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

fn post(shop: &Shop, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let key = format!("Authorization: Bearer {}", shop.key);
    request(&format!("POST {WEBHOOKS}"), &[&[key.as_str()], headers].concat(), body)
}

#[tokio::test]
async fn a_length_that_is_not_one_number_is_refused() {
    let server = Server::start().await;
    let shop = server.shop().await;
    for lengths in [
        &["Content-Length: 2", "Content-Length: 3"][..],
        &["Content-Length: 0", "Content-Length: 2"],
        &["Content-Length: 2, 2"],
        &["Content-Length: 2, 3"],
        &["Content-Length: +2"],
        &["Content-Length: -2"],
        &["Content-Length: 0x2"],
        &["Content-Length: 2.0"],
        &["Content-Length: 2 2"],
        &["Content-Length: 18446744073709551618"],
        &["Content-Length: 99999999999999999999999999"],
        &["Content-Length:"],
        &["Content-Length: two"],
    ] {
        let bytes = post(&shop, lengths, format!("{{}}{SMUGGLED}").as_bytes());
        assert_eq!(statuses(&server, &bytes).await, [400], "{lengths:?}");
    }
    // The same length twice says nothing new.
    let bytes = post(&shop, &["Content-Length: 2"; 2], b"{}");
    assert_eq!(statuses(&server, &bytes).await, [400, 200]);
}

#[tokio::test]
async fn with_both_a_length_and_chunks_the_request_is_the_last_of_its_connection() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let (length, chunks) = ("Content-Length: 4", "Transfer-Encoding: chunked");
    for headers in [[length, chunks], [chunks, length]] {
        for body in [format!("0\r\n\r\n{SMUGGLED}"), format!("2\r\n{{}}\r\n0\r\n\r\n{SMUGGLED}")] {
            let bytes = post(&shop, &headers, body.as_bytes());
            assert_eq!(statuses(&server, &bytes).await, [400], "{headers:?} {body:?}");
        }
    }
}

#[tokio::test]
async fn an_encoding_that_does_not_end_in_chunks_is_refused() {
    let server = Server::start().await;
    let shop = server.shop().await;
    for encoding in [
        &["Transfer-Encoding: identity"][..],
        &["Transfer-Encoding: chunked, gzip"],
        &["Transfer-Encoding: xchunked"],
        &["Transfer-Encoding: chunked;q=1"],
        &["Transfer-Encoding: \"chunked\""],
        &["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
        &["Transfer-Encoding : chunked"],
        &["Transfer-Encoding: \x0bchunked"],
        &["Transfer-Encoding:"],
    ] {
        let bytes = post(&shop, encoding, format!("2\r\n{{}}\r\n0\r\n\r\n{SMUGGLED}").as_bytes());
        assert_eq!(statuses(&server, &bytes).await, [400], "{encoding:?}");
    }
    // HTTP/1.0 knows no chunks.
    let old = post(&shop, &["Transfer-Encoding: chunked"], b"2\r\n{}\r\n0\r\n\r\n");
    let old = String::from_utf8(old).unwrap().replacen("HTTP/1.1", "HTTP/1.0", 1);
    assert_eq!(statuses(&server, old.as_bytes()).await, [400]);
}

#[tokio::test]
async fn broken_chunks_are_an_invalid_body_and_the_end_of_the_connection() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let end = "\r\n0\r\n\r\n";
    for chunks in [
        "zz\r\n{}".to_owned(),
        "-2\r\n{}".to_owned(),
        "+2\r\n{}".to_owned(),
        "0x2\r\n{}".to_owned(),
        "\r\n{}".to_owned(),
        "2 2\r\n{}".to_owned(),
        "ffffffffffffffffff\r\n{}".to_owned(),
        "1\r\n{}".to_owned(),
        "2\n{}\n0\n\n".to_owned(),
        "2\r{}".to_owned(),
        format!("2;{}\r\n{{}}", "a".repeat(100_000)),
        format!("{}2\r\n{{}}", "1;a=b\r\n \r\n".repeat(20_000)),
        format!("2\r\n{{}}\r\n0\r\n{}", "X: a\r\n".repeat(20_000)),
        format!("2\r\n{{}}\r\n0\r\nX: {}", "a".repeat(100_000)),
    ] {
        let told = &chunks[..chunks.len().min(40)];
        let bytes =
            post(&shop, &["Transfer-Encoding: chunked"], format!("{chunks}{end}{SMUGGLED}").as_bytes());
        let all = answers(&server, &bytes).await;
        assert_eq!(all.iter().map(|one| one.status).collect::<Vec<_>>(), [400], "{told:?}");
        let text = String::from_utf8_lossy(&all[0].body);
        assert!(text.contains("\"invalid_body\""), "{told:?}: {text}");
    }
}

#[tokio::test]
async fn what_follows_the_last_chunk_is_no_header() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let webhook = json!({"url": "https://127.0.0.1/hook", "events": ["order.created"]}).to_string();
    let trailers = format!("Authorization: Bearer {}\r\nContent-Length: 7\r\nHost: y\r\n", shop.key);
    let body = format!("{:x};a=b\r\n{webhook}\r\n0\r\n{trailers}\r\n", webhook.len());
    let chunked = ["Transfer-Encoding: chunked", "Trailer: Authorization"];
    let without_key = request(&format!("POST {WEBHOOKS}"), &chunked, body.as_bytes());
    assert_eq!(statuses(&server, &without_key).await[0], 401);
    assert_eq!(statuses(&server, &post(&shop, &chunked, body.as_bytes())).await, [201, 200]);
}

#[tokio::test]
async fn a_refused_bodys_bytes_are_no_request() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let webhook = shop.webhook("https://127.0.0.1/hook", &["order.created"]).await;
    let key = format!("Authorization: Bearer {}", shop.key);
    let inner = request(&format!("DELETE {}", webhook.path), &[&key], b"").repeat(100);
    let length = format!("Content-Length: {}", inner.len());
    for (headers, status) in [
        (vec![&*length], 401),
        (vec![&*key, &length, "Content-Type: text/plain"], 415),
        (vec![&*key, "Content-Length: 70000"], 413),
        (vec![&*key, &length], 400),
    ] {
        let all = statuses(&server, &request(&format!("POST {WEBHOOKS}"), &headers, &inner)).await;
        assert!(all == [status] || all == [status, 200], "{headers:?}: {all:?}");
        shop.get(&webhook).await;
    }
}
