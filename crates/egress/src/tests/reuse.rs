//! Connections that serve more than one attempt.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use http_body_util::Full;
use sellvik_domain::FailureKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::coop;
use tokio::time::{Instant, timeout};

use super::receiver::{Receiver, answer, next_request};
use super::{AMPLE, egress, failed, request, status};
use crate::body;
use crate::connection::Connection;
use crate::pool::IDLE_PER_ORIGIN_MAX;
use crate::stream::Stream;

#[tokio::test]
async fn two_attempts_share_a_connection() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n".to_owned();
    let long = answer(200, "", &"x".repeat(2048));
    let receiver = Receiver::answering(vec![chunked, long, answer(204, "", "")]).await;
    let egress = egress();
    for expected in [200, 200, 204] {
        assert_eq!(status(&egress.send(request(&receiver.url("/"))).await), expected);
        assert_eq!(egress.pool().total(), 1);
    }
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_receiver_that_closes_is_taken_at_its_word() {
    let receiver = Receiver::answering(vec![answer(200, "Connection: close\r\n", "bye")]).await;
    let egress = egress();
    for connections in [1, 2] {
        assert_eq!(status(&egress.send(request(&receiver.url("/"))).await), 200);
        assert_eq!((egress.pool().total(), receiver.connections()), (0, connections));
    }
}

#[tokio::test]
async fn a_dead_idle_connection_is_replaced() {
    // The first connection answers once and closes when the second request has come over it: that is
    // the moment which no look at the connection can foresee.
    let receiver = Receiver::start(|number, mut stream, seen| async move {
        while next_request(&mut stream, &seen).await.is_some() {
            if number == 0 && seen.requests.lock().len() == 2 {
                return;
            }
            stream.write_all(answer(200, "", "ok").as_bytes()).await.unwrap();
        }
    })
    .await;
    let egress = egress();
    assert_eq!(status(&egress.send(request(&receiver.url("/1"))).await), 200);
    assert_eq!(status(&egress.send(request(&receiver.url("/2"))).await), 200);
    assert_eq!(receiver.connections(), 2);
    let asked: Vec<_> = receiver.requests().iter().map(|sent| sent[5..7].to_owned()).collect();
    assert_eq!(asked, ["/1", "/2", "/2"]);
}

#[tokio::test]
async fn a_started_answer_is_not_asked_for_again() {
    let receiver = Receiver::start(|_, mut stream, seen| async move {
        next_request(&mut stream, &seen).await;
        stream.write_all(answer(200, "", "ok").as_bytes()).await.unwrap();
        next_request(&mut stream, &seen).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
    })
    .await;
    let egress = egress();
    assert_eq!(status(&egress.send(request(&receiver.url("/"))).await), 200);
    failed(&egress.send(request(&receiver.url("/"))).await, FailureKind::Reset);
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_second_break_is_a_reset() {
    let receiver = Receiver::start(|number, mut stream, seen| async move {
        next_request(&mut stream, &seen).await;
        if number == 0 {
            stream.write_all(answer(200, "", "ok").as_bytes()).await.unwrap();
            next_request(&mut stream, &seen).await;
        }
    })
    .await;
    let egress = egress();
    assert_eq!(status(&egress.send(request(&receiver.url("/"))).await), 200);
    failed(&egress.send(request(&receiver.url("/"))).await, FailureKind::Reset);
    assert_eq!((receiver.connections(), receiver.requests().len()), (2, 3));
}

#[tokio::test]
async fn an_answer_nobody_asked_for_spoils_the_connection() {
    let twice = answer(200, "", "one") + &answer(500, "", "two");
    let receiver = Receiver::answering(vec![twice, answer(200, "", "three")]).await;
    let egress = egress();
    assert_eq!(egress.send(request(&receiver.url("/"))).await.body_text().as_deref(), Some("one"));
    assert_eq!(egress.send(request(&receiver.url("/"))).await.body_text().as_deref(), Some("three"));
}

/// Whether the connection seems idle to a task that has used up its turn.
async fn is_idle_to_the_spent(connection: &mut Connection) -> bool {
    poll_fn(|cx| {
        while coop::has_budget_remaining() {
            assert!(pin!(coop::consume_budget()).poll(cx).is_ready());
        }
        Poll::Ready(connection.is_idle())
    })
    .await
}

#[tokio::test]
async fn a_connection_is_looked_at_also_by_a_task_that_has_used_up_its_turn() {
    let (speak, spoken) = oneshot::channel();
    let spoken = parking_lot::Mutex::new(Some(spoken));
    let receiver = Receiver::start(move |_, mut stream, seen| {
        let spoken = spoken.lock().take();
        async move {
            next_request(&mut stream, &seen).await;
            stream.write_all(answer(200, "", "ok").as_bytes()).await.unwrap();
            spoken.unwrap().await.unwrap();
            stream.write_all(answer(200, "", "uncalled").as_bytes()).await.unwrap();
            let _ = stream.read(&mut [0]).await;
        }
    })
    .await;
    // By itself, because the pool would have it looked at by others as well.
    let stream = Stream::plain(TcpStream::connect(receiver.address).await.unwrap());
    let mut connection = Connection::open(stream, receiver.address).await.unwrap();
    let asking = http::Request::post("/").header("content-length", "0").body(Full::default()).unwrap();
    let body = connection.ask(asking).await.unwrap().into_body();
    assert!(body::read(&mut connection, body, AMPLE).await.finished);
    assert!(is_idle_to_the_spent(&mut connection).await);
    speak.send(()).unwrap();
    let noticed = async {
        while is_idle_to_the_spent(&mut connection).await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(AMPLE, noticed).await.unwrap();
}

#[tokio::test]
async fn rest_has_an_end() {
    let receiver = Receiver::answering(vec![answer(200, "", "ok")]).await;
    let egress = egress();
    assert_eq!(status(&egress.send(request(&receiver.url("/"))).await), 200);
    let now = Instant::now();
    assert!(!egress.pool().sweep(now));
    assert_eq!(egress.pool().total(), 1);
    assert!(egress.pool().sweep(now + Duration::from_secs(31)));
    assert_eq!(egress.pool().total(), 0);
}

#[tokio::test]
async fn the_pool_keeps_its_bounds() {
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let waiting = Arc::clone(&gate);
    let receiver = Receiver::start(move |_, mut stream, seen| {
        let (arrived, gate) = (arrived.clone(), Arc::clone(&waiting));
        async move {
            next_request(&mut stream, &seen).await;
            arrived.send(()).unwrap();
            let _open = gate.acquire().await.unwrap();
            stream.write_all(answer(200, "", "ok").as_bytes()).await.unwrap();
            let _ = stream.read(&mut [0]).await;
        }
    })
    .await;
    let egress = egress();
    let mut sends = tokio::task::JoinSet::new();
    let many = IDLE_PER_ORIGIN_MAX + 6;
    for _ in 0..many {
        let (egress, request) = (egress.clone(), request(&receiver.url("/")));
        sends.spawn(async move { egress.send(request).await });
    }
    for _ in 0..many {
        arrivals.recv().await.unwrap();
    }
    gate.add_permits(many);
    assert!(sends.join_all().await.iter().all(|outcome| status(outcome) == 200));
    assert_eq!(egress.pool().total(), IDLE_PER_ORIGIN_MAX);
}

#[tokio::test]
async fn an_attempt_that_is_given_up_closes_its_connection() {
    let (asked, was_asked) = oneshot::channel();
    let (closed, was_closed) = oneshot::channel();
    let ends = parking_lot::Mutex::new(Some((asked, closed)));
    let receiver = Receiver::start(move |_, mut stream, seen| {
        let ends = ends.lock().take();
        async move {
            let (asked, closed) = ends.unwrap();
            next_request(&mut stream, &seen).await;
            asked.send(()).unwrap();
            closed.send(stream.read(&mut [0]).await.unwrap_or(0)).unwrap();
        }
    })
    .await;
    let (egress, asking) = (egress(), request(&receiver.url("/")));
    tokio::select! {
        outcome = egress.send(asking) => panic!("{outcome:?}"),
        asked = was_asked => asked.unwrap(),
    }
    assert_eq!(timeout(AMPLE, was_closed).await.unwrap().unwrap(), 0);
    assert_eq!(receiver.seen.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_pool_goes_with_its_last_handle() {
    let (closed, was_closed) = oneshot::channel();
    let closed = parking_lot::Mutex::new(Some(closed));
    let receiver = Receiver::start(move |_, mut stream, seen| {
        let closed = closed.lock().take();
        async move {
            next_request(&mut stream, &seen).await;
            stream.write_all(answer(200, "", "ok").as_bytes()).await.unwrap();
            closed.unwrap().send(stream.read(&mut [0]).await.unwrap_or(0)).unwrap();
        }
    })
    .await;
    let egress = egress();
    assert_eq!(status(&egress.clone().send(request(&receiver.url("/"))).await), 200);
    let pool = Arc::downgrade(egress.pool());
    drop(egress);
    assert_eq!(timeout(AMPLE, was_closed).await.unwrap().unwrap(), 0);
    assert_eq!(pool.strong_count(), 0);
}
