//! Callers who send their heads or bodies a byte at a time.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};

use super::callers::{Caller, STRANGER, head};
use super::house::House;
use super::trickle::Trickle;
use super::{BUSY, HEAD_TIME_MAX, PEAK_KIB_MAX};
use crate::durability::EVENTS;

/// How long a body may take.
const BODY_TIME_MAX: Duration = Duration::from_secs(30);

/// Between two bytes of a slow caller.
const DRIP: Duration = Duration::from_millis(500);

/// Says the start and then a byte at a time, until nobody listens any more; what was answered, and how
/// long after the start.
async fn drip(mut caller: Caller, start: String) -> (String, Duration) {
    assert!(caller.say(start.as_bytes()).await);
    let (mut reader, mut writer) = caller.stream.into_split();
    let began = Instant::now();
    let dripping = tokio::spawn(async move {
        while writer.write_all(b" ").await.is_ok() {
            sleep(DRIP).await;
        }
    });
    let mut answer = Vec::new();
    let read = reader.read_to_end(&mut answer);
    // A reset is an end too.
    let end = timeout(BODY_TIME_MAX + 2 * BUSY, read).await;
    assert!(end.is_ok(), "still listened to");
    dripping.abort();
    (String::from_utf8_lossy(&answer).into_owned(), began.elapsed())
}

#[tokio::test]
async fn callers_who_drip_are_cut_off_and_delay_nobody() {
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let house = House::open(&[]).await;
    let trickle = Trickle::start(&house).await;
    let post = format!("POST {EVENTS}");
    let starts = [
        ("a head", format!("{post} HTTP/1.1\r\nX-Slow:")),
        ("a body", head(&post, &house.key, 100_000)),
        ("a stranger's body", head(&post, STRANGER, 100_000)),
    ];
    let mut ends = Vec::new();
    for (number, caller) in house.callers(1_500).await.into_iter().enumerate() {
        let (what, start) = starts[number % starts.len()].clone();
        ends.push((what, tokio::spawn(drip(caller, start))));
    }
    for (what, end) in ends {
        let (answer, after) = end.await.unwrap();
        let (status, within) = match what {
            "a head" => ("", HEAD_TIME_MAX + BUSY),
            "a body" => ("HTTP/1.1 400 Bad Request\r\n", BODY_TIME_MAX + BUSY),
            _ => ("HTTP/1.1 401 Unauthorized\r\n", BUSY),
        };
        assert!(answer.starts_with(status) && answer.is_empty() == status.is_empty(), "{what}: {answer}");
        assert!(what != "a body" || answer.contains("within 30 s"), "{answer}");
        assert!(after < within, "{what}: {after:?}");
    }
    trickle.stop().await.assert_prompt();
    assert!(house.peak_kib() < PEAK_KIB_MAX / 2, "{} KiB", house.peak_kib());
}
