//! What becomes of each way to answer, or not to.

use std::time::Duration;

use sellvik_domain::{Class, FailureKind, RESPONSE_BODY_BYTES_MAX, RetryAfter};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::receiver::{Receiver, answer, next_request};
use super::{AMPLE, BODY, egress, failed, request, settings, status};
use crate::Egress;

#[tokio::test]
async fn a_success_and_the_request_behind_it() {
    let receiver = Receiver::answering(vec![answer(200, "Retry-After: 120\r\n", "thanks")]).await;
    let outcome = egress().send(request(&receiver.url("/hook?shop=1&x=%20{|}"))).await;
    let got = outcome.result.as_ref().unwrap();
    assert_eq!((got.status, got.body.as_slice()), (200, &b"thanks"[..]));
    assert_eq!(got.retry_after, Some(RetryAfter::Delay(Duration::from_mins(2))));
    assert_eq!(outcome.final_host, "127.0.0.1");
    let sent = receiver.requests().remove(0);
    let (head, body) = sent.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, BODY);
    let mut lines: Vec<_> = head.lines().collect();
    assert_eq!(lines.remove(0), "POST /hook?shop=1&x=%20{|} HTTP/1.1");
    lines.sort_unstable();
    let host = format!("Host: {}", receiver.address);
    let length = format!("Content-Length: {}", BODY.len());
    assert_eq!(lines, [&length, "Content-Type: application/json", &host, "X-Sellvik-Event: order.created"]);
}

#[tokio::test]
async fn other_statuses_are_answers_too() {
    for code in [204, 300, 303, 304, 305, 400, 410, 429, 500, 599] {
        let receiver = Receiver::saying(format!("HTTP/1.1 {code} X\r\nLocation: /x\r\n\r\n")).await;
        let outcome = egress().send(request(&receiver.url("/"))).await;
        assert_eq!(status(&outcome), code);
        assert_eq!(receiver.connections(), 1);
    }
}

#[tokio::test]
async fn no_answer_in_time() {
    let receiver = Receiver::start(|_, mut stream, seen| async move {
        next_request(&mut stream, &seen).await;
        // Half a head is none.
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Le").await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let timeout = Duration::from_millis(300);
    let egress = Egress::new(crate::EgressSettings { timeout, ..settings() }).unwrap();
    let outcome = egress.send(request(&receiver.url("/"))).await;
    let detail = &failed(&outcome, FailureKind::Timeout).detail;
    assert!(detail.starts_with("no answer within 300 ms"), "{detail}");
    assert!(outcome.duration >= timeout);
    assert_eq!(outcome.status(), None);
}

#[tokio::test]
async fn nobody_listens() {
    // While this port is held on one loopback address, nobody gets it on another.
    let holder = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = holder.local_addr().unwrap().port();
    let outcome = egress().send(request(&format!("http://127.0.0.2:{port}/"))).await;
    let failure = failed(&outcome, FailureKind::Refused);
    assert_eq!(failure.detail, format!("nothing listens on port {port}"));
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_answer() {
    for said in ["", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"] {
        let receiver = Receiver::saying(said).await;
        let outcome = egress().send(request(&receiver.url("/"))).await;
        failed(&outcome, FailureKind::Reset);
        assert_eq!(receiver.connections(), 1, "a fresh connection's break is not repeated");
    }
}

#[tokio::test]
async fn answers_that_are_not_http() {
    for said in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "<html>\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ] {
        let receiver = Receiver::saying(said).await;
        let outcome = egress().send(request(&receiver.url("/"))).await;
        failed(&outcome, FailureKind::Protocol);
    }
}

#[tokio::test]
async fn heads_beyond_their_bounds() {
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(64 * 1024));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(101));
    for said in [long, many] {
        // Stays open, so that the verdict comes from the bytes and not from their end.
        let receiver = Receiver::answering(vec![said]).await;
        let outcome = egress().send(request(&receiver.url("/"))).await;
        let failure = failed(&outcome, FailureKind::Protocol);
        assert_eq!(failure.detail, "its header fields are too many or too large");
    }
    let fits = format!("HTTP/1.1 200 OK\r\n{}Content-Length: 0\r\n\r\n", "X: y\r\n".repeat(99));
    let receiver = Receiver::answering(vec![fits]).await;
    assert_eq!(status(&egress().send(request(&receiver.url("/"))).await), 200);
}

#[tokio::test]
async fn an_endless_body_is_kept_in_part() {
    let receiver = Receiver::start(|_, mut stream, seen| async move {
        next_request(&mut stream, &seen).await;
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head).await.unwrap();
        while stream.write_all(b"400\r\n").await.is_ok()
            && stream.write_all(&[b'x'; 1024]).await.is_ok()
            && stream.write_all(b"\r\n").await.is_ok()
        {}
    })
    .await;
    let egress = egress();
    let outcome = egress.send(request(&receiver.url("/"))).await;
    assert_eq!(outcome.class(), Class::Success);
    assert_eq!(outcome.result.unwrap().body.len(), RESPONSE_BODY_BYTES_MAX);
    assert_eq!(egress.pool().total(), 0);
}

#[tokio::test]
async fn a_body_that_stalls_costs_a_second_and_not_the_verdict() {
    let receiver = Receiver::start(|_, mut stream, seen| async move {
        next_request(&mut stream, &seen).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let egress = egress();
    let started = Instant::now();
    let outcome = egress.send(request(&receiver.url("/"))).await;
    assert!(started.elapsed() < AMPLE);
    assert!(outcome.duration + Duration::from_secs(1) <= started.elapsed(), "the verdict came with the head");
    assert_eq!(outcome.result.unwrap().body, b"half");
    assert_eq!(egress.pool().total(), 0);
}

#[tokio::test]
async fn a_body_that_breaks_off_does_not_change_the_verdict() {
    for said in ["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "HTTP/1.1 200 OK\r\n\r\nhalf"] {
        let receiver = Receiver::saying(said).await;
        let egress = egress();
        let outcome = egress.send(request(&receiver.url("/"))).await;
        assert_eq!(outcome.result.unwrap().body, b"half");
        assert_eq!(egress.pool().total(), 0);
    }
}

#[tokio::test]
async fn informational_heads_before_the_final_one() {
    let flood = "HTTP/1.1 100 Continue\r\nX-Padding: some more bytes\r\n\r\n".repeat(1_000);
    let receiver = Receiver::answering(vec![flood + &answer(200, "", "at last")]).await;
    let outcome = egress().send(request(&receiver.url("/"))).await;
    assert_eq!(outcome.result.unwrap().body, b"at last");
}

#[tokio::test]
async fn informational_heads_without_end() {
    let receiver = Receiver::start(|_, mut stream, seen| async move {
        next_request(&mut stream, &seen).await;
        while stream.write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n").await.is_ok() {}
    })
    .await;
    let timeout = Duration::from_millis(300);
    let egress = Egress::new(crate::EgressSettings { timeout, ..settings() }).unwrap();
    failed(&egress.send(request(&receiver.url("/"))).await, FailureKind::Timeout);
}

#[tokio::test]
async fn switching_protocols_is_a_failure() {
    let upgrade = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    let receiver = Receiver::answering(vec![upgrade.to_owned()]).await;
    let egress = egress();
    let outcome = egress.send(request(&receiver.url("/"))).await;
    assert_eq!((outcome.status(), outcome.class()), (Some(101), Class::Failed));
    assert_eq!(egress.pool().total(), 0);
}

#[tokio::test]
async fn plain_http_needs_a_dev_shop() {
    let receiver = Receiver::answering(vec![answer(200, "", "")]).await;
    let strict = crate::Request { http_allowed: false, ..request(&receiver.url("/")) };
    failed(&egress().send(strict).await, FailureKind::Connect);
    assert_eq!(receiver.connections(), 0);
}
