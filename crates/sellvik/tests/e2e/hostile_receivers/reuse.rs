//! Connections that are kept: one that has died, or says what nobody asked, harms no later delivery.

use std::time::Duration;

use sellvik_testkit::{Gate, Move, Stranger};
use serde_json::json;

use super::{FINE, assert_recorded, saying, succeeded};
use crate::harness::{Server, Shop, Webhook};

/// A stranger with these scripts, and a webhook there.
async fn at(scripts: impl IntoIterator<Item = Vec<Move>>) -> (Server, Shop, Webhook, Stranger) {
    let (server, stranger) = (Server::start().await, Stranger::start(scripts).await);
    let shop = server.shop().await;
    let webhook = shop.webhook(&stranger.url("/hook"), &["order.paid"]).await;
    (server, shop, webhook, stranger)
}

/// Publishes an event: delivered at its first attempt, with this answer.
async fn delivered(server: &Server, shop: &Shop, webhook: &Webhook, body: &str) {
    server.advance(Duration::from_millis(1));
    let id = shop.publish_body(json!({"type": "order.paid", "data": {}})).await["id"].clone();
    let ended = |delivery: &serde_json::Value| delivery["eventId"] == id && delivery["attempts"] == 1;
    let delivery = shop.newest(webhook, "the attempt", ended).await;
    assert_recorded(body, &delivery, &succeeded(200, body));
}

#[tokio::test]
async fn a_kept_connection_that_died_idle_is_replaced() {
    for last in [vec![Move::Reset], vec![], vec![Move::Cut]] {
        let first = [&[Move::Hear, Move::say(FINE)], &last[..]].concat();
        let (server, shop, webhook, stranger) = at([first, saying(FINE)]).await;
        delivered(&server, &shop, &webhook, "fine").await;
        stranger.wait_for_closed(1).await;
        delivered(&server, &shop, &webhook, "fine").await;
        assert_eq!((stranger.connections(), stranger.requests()), (2, 2));
    }
}

#[tokio::test]
async fn a_kept_connection_that_dies_under_the_next_request_is_replaced_at_once() {
    let keep = [Move::Hear, Move::say(FINE)];
    for last in [vec![Move::Hear, Move::Cut], vec![Move::HearBytes(20), Move::Reset], vec![Move::Hear]] {
        let first = [&keep[..], &last[..]].concat();
        let (server, shop, webhook, stranger) = at([first, saying(FINE)]).await;
        delivered(&server, &shop, &webhook, "fine").await;
        delivered(&server, &shop, &webhook, "fine").await;
        assert_eq!(stranger.connections(), 2);
    }
}

#[tokio::test]
async fn what_follows_an_answer_is_nobody_elses_answer() {
    let stolen = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n";
    for (answer, follows) in [
        (FINE, stolen),
        (FINE, "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"),
        (FINE, "HTTP/1.1 100 Continue\r\n\r\n"),
        (FINE, "HTTP/1.1 20"),
        (FINE, "and more than its length"),
        (chunked, stolen),
        ("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nfine", stolen),
    ] {
        let said = [answer, follows].concat();
        let first = vec![Move::Hear, Move::say(said), Move::Silence];
        let (server, shop, webhook, stranger) = at([first, saying(FINE)]).await;
        delivered(&server, &shop, &webhook, "fine").await;
        // The connection is given up, not kept with the rest in it.
        stranger.wait_for_closed(1).await;
        delivered(&server, &shop, &webhook, "fine").await;
        assert_eq!((stranger.connections(), stranger.requests()), (2, 2));
    }
}

/// A connection that is kept, on which this comes while nobody asks.
async fn assert_ended_by(uncalled: &'static str) {
    let gate = Gate::new();
    let later = [Move::Await(gate.clone()), Move::say(uncalled), Move::Silence];
    let first = [&[Move::Hear, Move::say(FINE)], &later[..]].concat();
    let (server, shop, webhook, stranger) = at([first, saying(FINE)]).await;
    delivered(&server, &shop, &webhook, "fine").await;
    gate.open();
    // Also when no attempt comes by.
    stranger.wait_for_closed(1).await;
    delivered(&server, &shop, &webhook, "fine").await;
    assert_eq!((stranger.connections(), stranger.requests()), (2, 2));
}

#[tokio::test]
async fn an_answer_that_comes_while_nobody_asks_ends_the_connection() {
    let timed_out = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    tokio::join!(
        assert_ended_by("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen"),
        assert_ended_by(timed_out),
        assert_ended_by("x"),
    );
}

#[tokio::test]
async fn a_kept_connection_that_answers_in_part_and_breaks_is_a_failure_and_not_repeated() {
    let first = vec![Move::Hear, Move::say(FINE), Move::Hear, Move::say("HTTP/1.1 2"), Move::Cut];
    let (server, shop, webhook, stranger) = at([first, saying(FINE)]).await;
    delivered(&server, &shop, &webhook, "fine").await;
    server.advance(Duration::from_millis(1));
    shop.publish("order.paid").await;
    let delivery = shop.reached(&webhook, "failed").await;
    assert_recorded("in part", &delivery, &super::failed(super::CLOSED));
    assert_eq!((stranger.connections(), stranger.requests()), (1, 2));
}
