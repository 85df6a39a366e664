//! Answers without end, too large, too slow, or none at all.

use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use sellvik_testkit::{Move, Receiver, Reply};
use serde_json::json;

use super::{
    FINE, HASTY, NOT_HTTP, Party, TOO_LARGE, TOO_LATE, answered, assert_recorded, failed, saying,
    saying_forever, serves_others, succeeded,
};
use crate::harness::Scene;

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

#[tokio::test]
async fn heads_without_end_or_measure() {
    let megabytes = |start: &str| [start, &"a".repeat(4 << 20), "\r\n\r\n"].concat();
    let thousands = "X-One-More: y\r\n".repeat(5_000);
    let ok = "HTTP/1.1 200 OK\r\n";
    let cases = vec![
        ("header fields for ever", saying_forever(ok, "X-More: of the same\r\n"), failed(TOO_LARGE)),
        ("a header field for ever", saying_forever("HTTP/1.1 200 OK\r\nX: ", "aaaa"), failed(TOO_LARGE)),
        ("a header name for ever", saying_forever(ok, "aaaa"), failed(TOO_LARGE)),
        ("a reason for ever", saying_forever("HTTP/1.1 200 ", "OK "), failed(TOO_LARGE)),
        ("empty lines for ever", saying_forever("", "\r\n"), failed(TOO_LARGE)),
        ("a header field of megabytes", saying(megabytes("HTTP/1.1 200 OK\r\nX: ")), failed(TOO_LARGE)),
        ("a reason of megabytes", saying(megabytes("HTTP/1.1 200 ")), failed(TOO_LARGE)),
        ("thousands of header fields", saying(format!("{ok}{thousands}\r\n")), failed(TOO_LARGE)),
        (
            "a Location of a megabyte",
            saying(["HTTP/1.1 307 Go\r\nLocation: /", &"a".repeat(1 << 20), "\r\n\r\n"].concat()),
            failed(TOO_LARGE),
        ),
        ("noise for ever", saying_forever("", &b"\x00\xff\x10\x80"[..]), failed(NOT_HTTP)),
    ];
    Party::of(&[], cases).await.take_place(json!({})).await;
}

#[tokio::test]
async fn bodies_without_end() {
    let kept = "x".repeat(2048);
    let length = "HTTP/1.1 202 Accepted\r\nContent-Length: 99999999999\r\n\r\n";
    let cases = vec![
        ("until the connection ends", saying_forever("HTTP/1.1 200 OK\r\n\r\n", "xx"), succeeded(200, &kept)),
        ("by an HTTP/1.0 server", saying_forever("HTTP/1.0 200 OK\r\n\r\n", "xx"), succeeded(200, &kept)),
        ("as long as it says", saying_forever(length, "xx"), succeeded(202, &kept)),
        ("in chunks of a byte", saying_forever(CHUNKED, "1\r\nx\r\n"), succeeded(200, &kept)),
        (
            "in one endless chunk",
            saying_forever(&format!("{CHUNKED}FFFFFFFFFFFF\r\n"), "xx"),
            succeeded(200, &kept),
        ),
        ("a chunk's size", saying_forever(CHUNKED, "0"), succeeded(200, "")),
        (
            "a chunk's extension",
            saying_forever(&format!("{CHUNKED}4\r\nhalf\r\n1;"), "a=b;"),
            succeeded(200, "half"),
        ),
        (
            "trailers",
            saying_forever(&format!("{CHUNKED}4\r\nhalf\r\n0\r\n"), "X: y\r\n"),
            succeeded(200, "half"),
        ),
        ("of a refusal", saying_forever("HTTP/1.1 500 Oops\r\n\r\n", "xx"), answered(500, &kept)),
        (
            "of a redirect that is not followed",
            saying_forever("HTTP/1.1 303 Other\r\nLocation: /\r\n\r\n", "xx"),
            answered(303, &kept),
        ),
    ];
    Party::of(&[], cases).await.take_place(json!({})).await;
}

#[tokio::test]
async fn interim_heads_without_end() {
    let cases = vec![
        ("100", saying_forever("", "HTTP/1.1 100 Continue\r\n\r\n"), failed(TOO_LATE)),
        ("102", saying_forever("", "HTTP/1.1 102 Processing\r\n\r\n"), failed(TOO_LATE)),
        ("103", saying_forever("", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), failed(TOO_LATE)),
        (
            "100, byte by byte",
            vec![
                Move::Hear,
                Move::Drip(Bytes::from("HTTP/1.1 100 Continue\r\n\r\n"), Duration::from_millis(2)),
            ],
            failed(TOO_LATE),
        ),
        (
            "many, and then an answer",
            saying(["HTTP/1.1 103 Early Hints\r\n\r\n".repeat(2_000), FINE.to_owned()].concat()),
            succeeded(200, "fine"),
        ),
    ];
    // The last one's connection would be kept: it is closed by the end of its script.
    Party::of(&HASTY, cases).await.take_place(json!({})).await;
}

#[tokio::test]
async fn what_comes_byte_by_byte_is_read_like_everything_else() {
    let spell = |bytes: &str| vec![Move::Hear, Move::Spell(bytes.to_owned().into())];
    let chunks = format!("{CHUNKED}2;x=y\r\nfi\r\n2\r\nne\r\n0\r\nX-Trailer: z\r\n\r\n");
    let slowly = |bytes: &'static str| {
        vec![Move::Hear, Move::Drip(Bytes::from_static(bytes.as_bytes()), Duration::from_millis(20))]
    };
    let cases = vec![
        ("of known length", spell(FINE), succeeded(200, "fine")),
        ("in chunks", spell(&chunks), succeeded(200, "fine")),
        ("to the connection's end", spell("HTTP/1.1 503 Busy\r\n\r\nlater"), answered(503, "later")),
        ("a status line too slow", slowly("HTTP/1.1 200 OK OK OK OK OK OK OK OK OK OK "), failed(TOO_LATE)),
        ("empty lines too slow", slowly("\r\n"), failed(TOO_LATE)),
    ];
    Party::of(&HASTY, cases).await.take_place(json!({})).await;
}

#[tokio::test]
async fn a_request_that_is_never_read_and_one_that_is_answered_too_soon() {
    let early = |said: &'static str, last: Move| vec![Move::HearBytes(100), Move::say(said), last];
    let refusal = "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig";
    let cases = vec![
        ("answered after its first bytes", early(FINE, Move::Cut), succeeded(200, "fine")),
        ("refused and cut off", early(refusal, Move::Cut), answered(413, "big")),
        ("refused and reset", early(refusal, Move::Reset), answered(413, "big")),
        ("refused and read to the end", early(refusal, Move::Silence), answered(413, "big")),
        ("heard in part, never answered", vec![Move::HearBytes(100), Move::Silence], failed(TOO_LATE)),
        (
            "not read in time",
            vec![Move::Ignore(Duration::from_millis(1_500)), Move::Silence],
            failed(TOO_LATE),
        ),
    ];
    let filling = json!({"order": {"note": "x".repeat(250_000)}});
    Party::of(&HASTY, cases).await.take_place(filling).await;
}

#[tokio::test]
async fn a_compressed_bomb_is_kept_as_it_came() {
    let bomb = "import gzip, sys; sys.stdout.buffer.write(gzip.compress(bytes(20_000_000)))";
    let bomb = Command::new("python3").args(["-c", bomb]).output().unwrap().stdout;
    assert!((2_049..100_000).contains(&bomb.len()), "{} bytes", bomb.len());
    let kept = String::from_utf8_lossy(&bomb[..2048]).replace('\0', "\u{fffd}");
    let receiver = Receiver::start().await;
    let packed = |status, coding| {
        Reply::status(status).with_header("Content-Encoding", coding).with_body(bomb.clone())
    };
    receiver.script("/hook", [packed(200, "gzip"), packed(200, "gzip, gzip"), packed(500, "deflate, br")]);
    let scene = Scene::with([]).await;
    scene.shop.patch(&scene.webhook, json!({"url": receiver.url("/hook")})).await;
    for expected in [succeeded(200, &kept), succeeded(200, &kept), answered(500, &kept)] {
        scene.server.advance(Duration::from_millis(1));
        assert_recorded("a bomb", &scene.first_attempt().await, &expected);
    }
    assert!(receiver.received().iter().all(|one| !one.headers.contains_key("accept-encoding")));
    assert_eq!(receiver.received().len(), 3);
    serves_others(&scene.server, &scene.shop).await;
}
