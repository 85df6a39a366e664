//! Connections that break: by a reset, by an end in good order, by a socket that is just gone, in every
//! phase of an exchange.

use std::time::Duration;

use sellvik_testkit::{Move, Stranger, TestCa};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::{CLOSED, Case, Party, answered, assert_recorded, failed, serves_others, succeeded};
use crate::harness::Server;

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// The phases of an answer: what has been said of it so far, and what that comes to if no more comes.
fn phases() -> Vec<(&'static str, String, Value)> {
    let head = "HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\n";
    let chunked = |part: &str| format!("{CHUNKED}{part}");
    vec![
        ("before a byte", String::new(), failed(CLOSED)),
        ("in the status line", "HTTP/1.1 20".into(), failed(CLOSED)),
        ("in the head", "HTTP/1.1 200 OK\r\nContent-Len".into(), failed(CLOSED)),
        ("before the head's last byte", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r".into(), failed(CLOSED)),
        ("after an interim head", "HTTP/1.1 103 Early Hints\r\n\r\n".into(), failed(CLOSED)),
        ("between head and body", head.into(), succeeded(201, "")),
        ("in the body", format!("{head}half"), succeeded(201, "half")),
        ("before a chunk", chunked(""), succeeded(200, "")),
        ("in a chunk's size", chunked("4\r\nhalf\r\n1"), succeeded(200, "half")),
        ("in a chunk", chunked("8\r\nhalf"), succeeded(200, "half")),
        ("behind a chunk", chunked("4\r\nhalf"), succeeded(200, "half")),
        ("before the last chunk", chunked("4\r\nhalf\r\n"), succeeded(200, "half")),
        ("in the trailers", chunked("4\r\nhalf\r\n0\r\nX-Trai"), succeeded(200, "half")),
        (
            "in the body of a refusal",
            "HTTP/1.1 500 Oops\r\nContent-Length: 9\r\n\r\nhalf".into(),
            answered(500, "half"),
        ),
    ]
}

/// Every phase, broken off by these last moves.
fn broken_by(last: &[Move]) -> Vec<Case> {
    let script = |said: String| [&[Move::Hear, Move::say(said)], last].concat();
    phases().into_iter().map(|(what, said, expected)| (what, script(said), expected)).collect()
}

#[tokio::test]
async fn a_reset_in_any_phase_of_the_answer() {
    Party::of(&[], broken_by(&[Move::Reset])).await.take_place(json!({})).await;
}

#[tokio::test]
async fn an_end_in_good_order_in_any_phase_of_the_answer() {
    Party::of(&[], broken_by(&[])).await.take_place(json!({})).await;
    Party::of(&[], broken_by(&[Move::Cut])).await.take_place(json!({})).await;
}

#[tokio::test]
async fn a_break_in_the_middle_of_the_request() {
    let half = || Move::HearBytes(100_000);
    let cases = vec![
        ("a reset in the head", vec![Move::HearBytes(50), Move::Reset], failed(CLOSED)),
        ("an end in the head", vec![Move::HearBytes(50)], failed(CLOSED)),
        ("a reset in the body", vec![half(), Move::Reset], failed(CLOSED)),
        ("an end in the body", vec![half()], failed(CLOSED)),
        ("a socket gone in the body", vec![half(), Move::Cut], failed(CLOSED)),
        ("half an answer", vec![half(), Move::say("HTTP/1.1 200 OK\r\n"), Move::Reset], failed(CLOSED)),
    ];
    let filling = "x".repeat(250_000);
    Party::of(&[], cases).await.take_place(json!({"order": {"note": filling}})).await;
}

#[tokio::test]
async fn a_connection_that_breaks_as_soon_as_it_is_made() {
    let server = Server::start().await;
    let shop = server.shop().await;
    for script in [vec![Move::Reset], vec![], vec![Move::Cut]] {
        let stranger = Stranger::start([script]).await;
        let webhook = shop.webhook(&stranger.url("/hook"), &["order.paid"]).await;
        shop.publish("order.paid").await;
        let delivery = shop.attempted(&webhook, 1).await;
        // The break may be noticed while connecting already, which is then said as well.
        let error = delivery["lastError"].as_str().unwrap();
        assert!([CLOSED, &format!("{CLOSED}: the host broke the connection off")].contains(&error));
        assert_recorded("at once", &delivery, &failed(error));
        shop.admin.delete(&webhook.path).await.expect(204);
    }
    serves_others(&server, &shop).await;
}

#[tokio::test]
async fn a_break_in_the_body_of_a_redirect_does_not_keep_it_from_being_followed() {
    let head = "HTTP/1.1 307 Elsewhere\r\nLocation: /next\r\nContent-Length: 99\r\n\r\nhalf";
    for last in [vec![Move::Reset], vec![], vec![Move::Silence]] {
        let moved = [&[Move::Hear, Move::say(head)], &last[..]].concat();
        let stranger = Stranger::start([moved, super::saying(super::FINE)]).await;
        let server = Server::start().await;
        let shop = server.shop().await;
        let webhook = shop.webhook(&stranger.url("/hook"), &["order.paid"]).await;
        shop.publish("order.paid").await;
        let delivery = shop.attempted(&webhook, 1).await;
        assert_recorded("the hop after it", &delivery, &succeeded(200, "fine"));
        assert_eq!((stranger.connections(), stranger.requests()), (2, 2));
    }
}

#[tokio::test]
async fn the_same_inside_tls_with_and_without_its_goodbye() {
    let (ca, file) = (TestCa::new(), NamedTempFile::new().unwrap());
    std::fs::write(file.path(), ca.pem()).unwrap();
    let server = Server::start_with(&["--endpoint-ca", file.path().to_str().unwrap()]).await;
    let tls = ca.server(&["127.0.0.1"]);
    for last in [vec![], vec![Move::Cut], vec![Move::Reset]] {
        let shop = server.shop().await;
        let mut guests = Vec::new();
        for (what, script, expected) in broken_by(&last) {
            let stranger = Stranger::start_tls(&tls, [script]).await;
            let webhook = shop.webhook(&stranger.url("/hook"), &["order.paid"]).await;
            guests.push((what, webhook, expected, stranger));
        }
        shop.publish("order.paid").await;
        for (what, webhook, expected, stranger) in &guests {
            assert_recorded(what, &shop.attempted(webhook, 1).await, expected);
            stranger.wait_for_closed(1).await;
        }
        serves_others(&server, &shop).await;
    }
}

#[tokio::test]
async fn a_break_in_the_middle_of_a_handshake() {
    let server = Server::start_with(&super::HASTY).await;
    let shop = server.shop().await;
    let closed = "the TLS handshake failed: the connection was closed during the handshake";
    let late = "no answer in time: no answer within 1 s; the connection was still being made";
    // The start of a record that would be the server's greeting.
    let greeting = &b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03half"[..];
    let heard = |more: &[Move]| [&[Move::HearBytes(100)], more].concat();
    let drip = Move::Drip(bytes::Bytes::from_static(greeting), Duration::from_millis(80));
    let mut guests = Vec::new();
    for (script, error) in [
        (heard(&[Move::Reset]), closed),
        (heard(&[]), closed),
        (heard(&[Move::say(greeting), Move::Reset]), closed),
        (heard(&[Move::say(greeting)]), closed),
        (heard(&[Move::say(greeting), Move::Silence]), late),
        (heard(&[drip]), late),
    ] {
        let stranger = Stranger::start([script]).await;
        let url = stranger.url("/hook").replace("http:", "https:");
        guests.push((shop.webhook(&url, &["order.paid"]).await, error, stranger));
    }
    shop.publish("order.paid").await;
    for (webhook, error, stranger) in &guests {
        assert_recorded("handshake", &shop.attempted(webhook, 1).await, &failed(error));
        stranger.wait_for_closed(1).await;
    }
    serves_others(&server, &shop).await;
}
