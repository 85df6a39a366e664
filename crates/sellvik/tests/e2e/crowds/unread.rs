//! Callers who announce or send far too much, and callers who take no answers.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::callers::{STRANGER, head};
use super::house::House;
use super::trickle::Trickle;
use super::{BUSY, PEAK_KIB_MAX, turn};
use crate::durability::EVENTS;

#[tokio::test]
async fn a_body_that_is_only_announced_costs_nothing() {
    let _turn = turn().await;
    let house = House::open(&[]).await;
    let batch = head(&format!("POST {EVENTS}/batch"), &house.key, 8 << 20);
    let mut callers = house.callers(1_000).await;
    for caller in &mut callers {
        assert!(caller.say(batch.as_bytes()).await && caller.say(b"{").await);
    }
    let trickle = Trickle::start(&house).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    trickle.stop().await.assert_prompt();
    assert!(house.peak_kib() < PEAK_KIB_MAX / 2, "{} KiB", house.peak_kib());
}

#[tokio::test]
async fn a_stranger_is_refused_before_the_body_is_taken() {
    let _turn = turn().await;
    let house = House::open(&[]).await;
    let body = vec![b'a'; 8 << 20];
    for (number, caller) in house.callers(200).await.into_iter().enumerate() {
        let path = ["/api/v1/platform/events/batch", "/api/v1/admin/webhooks"][number % 2];
        let start = head(&format!("POST {path}"), STRANGER, body.len());
        let (mut reader, mut writer) = caller.stream.into_split();
        let write = async {
            writer.write_all(start.as_bytes()).await.unwrap();
            // It may be refused before it is through.
            writer.write_all(&body).await.is_ok()
        };
        let read = async {
            let mut status = [0; 12];
            reader.read_exact(&mut status).await.map(|_| status)
        };
        let (_, status) = timeout(BUSY, async { tokio::join!(write, read) }).await.unwrap();
        assert_eq!(&status.unwrap(), b"HTTP/1.1 401");
    }
    assert!(house.peak_kib() < PEAK_KIB_MAX / 2, "{} KiB", house.peak_kib());
}

#[tokio::test]
async fn answers_that_nobody_takes_cost_little_and_are_given_up() {
    let _turn = turn().await;
    let house = House::open(&[]).await;
    let trickle = Trickle::start(&house).await;
    let ask = "GET /api/v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
    let mut callers = house.callers(150).await;
    for caller in &mut callers {
        assert!(caller.say(ask.as_bytes()).await);
    }
    // A few files of the trickle's stay.
    house.has_files(|files| files < 50).await;
    trickle.stop().await.assert_prompt();
    assert!(house.peak_kib() < PEAK_KIB_MAX / 3, "{} KiB", house.peak_kib());
}
