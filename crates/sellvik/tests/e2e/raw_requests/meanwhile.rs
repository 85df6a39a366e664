//! Callers who stop in the middle: nobody waits for them.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{PATIENCE, connect, request};
use crate::checks::WEBHOOKS;
use crate::harness::Server;

/// Of each kind of half a request.
const EACH: usize = 50;

#[tokio::test]
async fn others_are_served_beside_half_requests_and_half_heads_are_cut_off() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let key = format!("Authorization: Bearer {}", shop.key);
    let half = |header: &str, body: &[u8]| request(&format!("POST {WEBHOOKS}"), &[&key, header], body);
    let heads = [b"".to_vec(), b"G".to_vec(), b"GET /api/health HTTP/1.1\r\nHost: x\r\nX".to_vec()];
    let bodies = [
        half("Content-Length: 60000", b"{\"url\":"),
        half("Transfer-Encoding: chunked", b"7\r\n{\"url\":\r\nff"),
        request(&format!("POST {WEBHOOKS}"), &[&key, "Content-Length: 2", "Expect: 100-continue"], b""),
    ];
    let (mut without_head, mut without_body) = (Vec::new(), Vec::new());
    for _ in 0..EACH {
        for (bytes, kept) in
            heads.iter().map(|head| (head, true)).chain(bodies.iter().map(|body| (body, false)))
        {
            let mut stream = connect(&server).await;
            stream.write_all(bytes).await.unwrap();
            if kept { without_head.push(stream) } else { without_body.push(stream) }
        }
    }
    for n in 0..EACH {
        server.anonymous.get("/api/health").await.expect(200);
        shop.webhook(&format!("https://127.0.0.1/{n}"), &["order.created"]).await;
    }
    for mut stream in without_head {
        let mut answer = Vec::new();
        let end = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        assert!(end.is_ok() && !answer.starts_with(b"HTTP/1.1 2"), "{}", answer.escape_ascii());
    }
    drop(without_body);
    shop.webhook("https://127.0.0.1/after", &["order.created"]).await;
}
