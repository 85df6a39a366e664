//! Request lines and headers that are none, or too many.

use super::{request, statuses};
use crate::checks::WEBHOOKS;
use crate::harness::Server;

#[tokio::test]
async fn a_head_without_measure_is_refused_and_the_connection_ends() {
    let server = Server::start().await;
    let long = "a".repeat(100_000);
    for (what, bytes) in [
        ("a target of 100 KB", request(&format!("GET /{long}"), &[], b"")),
        ("a query of 100 KB", request(&format!("GET /api/health?{long}"), &[], b"")),
        ("a method of 100 KB", request(&format!("{long} /"), &[], b"")),
        ("a value of 100 KB", request("GET /api/health", &[&format!("X: {long}")], b"")),
        ("a name of 100 KB", request("GET /api/health", &[&format!("{long}: x")], b"")),
        ("101 headers", request("GET /api/health", &["X: a"; 101], b"")),
        ("10,000 headers", request("GET /api/health", &vec!["X: a"; 10_000], b"")),
        ("100 KB of empty lines", "\r\n".repeat(50_000).into_bytes()),
    ] {
        assert_eq!(statuses(&server, &bytes).await, [431], "{what}");
    }
    // What is only large is read.
    let bytes = request(&format!("GET /{}", &long[..20_000]), &["X: a"; 60], b"");
    assert_eq!(statuses(&server, &bytes).await, [404, 200]);
}

#[tokio::test]
async fn a_broken_request_line_is_refused_and_the_connection_ends() {
    let server = Server::start().await;
    for line in [
        &b"GET  /api/health HTTP/1.1"[..],
        b"GET /api/health  HTTP/1.1",
        b"GET /api/health HTTP/1.1 ",
        b"GET /api/health x HTTP/1.1",
        b" GET /api/health HTTP/1.1",
        b"GET\t/api/health\tHTTP/1.1",
        b"GET\0/api/health HTTP/1.1",
        b"G@T /api/health HTTP/1.1",
        b"GET /api/health",
        b"GET /api/health HTTP/1.2",
        b"GET /api/health HTTP/2.0",
        b"GET /api/health HTTP/9",
        b"GET /api/health http/1.1",
        b"GET /api/health\0 HTTP/1.1",
        b"GET /api/health\xff HTTP/1.1",
        b"GET /api/health?\0 HTTP/1.1",
        b"GET /api/health?\xc3\x28 HTTP/1.1",
        b"GET /api/health\r HTTP/1.1",
        b"GET api/health HTTP/1.1",
        b"GET ?x HTTP/1.1",
        b"GET http:///api/health HTTP/1.1",
        b"GET http://a b/api/health HTTP/1.1",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2",
    ] {
        let bytes = [line, b"\r\nHost: x\r\n\r\n"].concat();
        assert_eq!(statuses(&server, &bytes).await, [400], "{}", line.escape_ascii());
    }
    // HTTP/2's greeting gets no answer that such a client could take for one.
    assert!(statuses(&server, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.is_empty());
}

#[tokio::test]
async fn a_broken_header_is_refused_and_the_connection_ends() {
    let server = Server::start().await;
    for header in [
        &b"A: b\r\n folded"[..],
        b"A: b\r\n\tfolded",
        b" A: b",
        b"A : b",
        b"A b: c",
        b"A\t: b",
        b": b",
        b"A",
        b"A\0: b",
        b"A\xff: b",
        b"A: b\0c",
        b"A: b\rc",
        b"A: b\r\r\nB: c",
        b"A: \x01",
        b"A: \x7f",
        b"A(b): c",
    ] {
        let bytes = [b"GET /api/health HTTP/1.1\r\nHost: x\r\n", header, b"\r\n\r\n"].concat();
        assert_eq!(statuses(&server, &bytes).await, [400], "{}", header.escape_ascii());
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_in_a_value_are_a_value_that_means_nothing() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let key = format!("Authorization: Bearer {}", shop.key);
    let post = |header: &[u8]| {
        let head = format!("POST {WEBHOOKS} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n");
        [head.as_bytes(), header, b"\r\n\r\n{}"].concat()
    };
    assert_eq!(statuses(&server, &post(b"Authorization: Bearer \xff\xfe")).await, [401, 200]);
    let typed = [key.as_bytes(), b"\r\nContent-Type: \xff\xfe"].concat();
    assert_eq!(statuses(&server, &post(&typed)).await, [415, 200]);
    let other = [key.as_bytes(), b"\r\nX-Name: \xf0\x9f\x98\x80 \xc3\x28"].concat();
    assert_eq!(statuses(&server, &post(&other)).await, [400, 200]);
}

#[tokio::test]
async fn lines_may_end_without_a_carriage_return() {
    let server = Server::start().await;
    assert_eq!(statuses(&server, b"GET /api/health HTTP/1.1\nHost: x\n\n").await, [200, 200]);
    assert_eq!(statuses(&server, b"\nGET /nothing HTTP/1.1\nHost: x\r\n\n").await, [404, 200]);
}
