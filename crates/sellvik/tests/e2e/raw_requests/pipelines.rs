//! Several requests in one packet.

use serde_json::{Value, json};

use super::{answers, request, statuses};
use crate::checks::WEBHOOKS;
use crate::harness::Server;

#[tokio::test]
async fn requests_in_one_packet_are_answered_in_their_order_one_each() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let key = format!("Authorization: Bearer {}", shop.key);
    let mut packet = Vec::new();
    for n in 0..30 {
        let body = json!({"url": format!("https://127.0.0.1/{n}"), "events": ["order.created"]}).to_string();
        let length = format!("Content-Length: {}", body.len());
        packet.extend(request(&format!("POST {WEBHOOKS}"), &[&key, &length], body.as_bytes()));
        packet.extend(request("GET /nothing", &[], b""));
        let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        let headers = [key.as_str(), "Transfer-Encoding: chunked"];
        packet.extend(request(&format!("POST {WEBHOOKS}"), &headers, chunked.as_bytes()));
    }
    let all = answers(&server, &packet).await;
    assert_eq!(all.len(), 91);
    for (n, three) in all[..90].chunks(3).enumerate() {
        assert_eq!(three.iter().map(|one| one.status).collect::<Vec<_>>(), [201, 404, 409]);
        let created: Value = serde_json::from_slice(&three[0].body).unwrap();
        assert_eq!(created["url"], format!("https://127.0.0.1/{n}"));
    }
}

#[tokio::test]
async fn a_bad_request_among_them_ends_the_connection_and_those_behind_it_are_not_done() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let key = format!("Authorization: Bearer {}", shop.key);
    let body = json!({"url": "https://127.0.0.1/hook", "events": ["order.created"]}).to_string();
    let length = format!("Content-Length: {}", body.len());
    let create = request(&format!("POST {WEBHOOKS}"), &[&key, &length], body.as_bytes());
    let health = request("GET /api/health", &[], b"");
    for bad in [
        &b"garbage\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\nA : b\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n{}",
    ] {
        let packet = [&health, bad, &create].concat();
        assert_eq!(statuses(&server, &packet).await, [200, 400], "{}", bad.escape_ascii());
    }
    assert_eq!(shop.admin.get(WEBHOOKS).await.expect(200)["items"], json!([]));
    assert_eq!(statuses(&server, &[&health[..], &create].concat()).await, [200, 201, 200]);
}
