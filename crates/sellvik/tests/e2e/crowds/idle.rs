//! Callers who connect and say nothing.

use std::time::Duration;

use super::callers::Caller;
use super::house::House;
use super::trickle::Trickle;
use super::{BUSY, HEAD_TIME_MAX, PEAK_KIB_MAX, turn};

const HEALTH: &[u8] = b"GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n";

/// Waits until all have been sent home, not before their time.
async fn sent_home(callers: Vec<Caller>) {
    let ends: Vec<_> = callers.into_iter().map(|caller| tokio::spawn(caller.end())).collect();
    for end in ends {
        let (said, after) = end.await.unwrap();
        assert_eq!(said, "");
        let early = HEAD_TIME_MAX.saturating_sub(Duration::from_millis(500));
        assert!(early < after && after < HEAD_TIME_MAX + BUSY, "{after:?}");
    }
}

#[tokio::test]
async fn ten_thousand_silent_callers_cost_little_delay_nobody_and_are_sent_home() {
    let _turn = turn().await;
    let house = House::open(&[]).await;
    let trickle = Trickle::start(&house).await;
    let mut callers = house.callers(10_000).await;
    // Every tenth asks one question and is silent then.
    for caller in callers.iter_mut().step_by(10) {
        assert!(caller.say(HEALTH).await);
        let answer = caller.hear().await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
    assert!(house.files() >= 10_000, "{} open files", house.files());
    sent_home(callers).await;
    trickle.stop().await.assert_prompt();
    assert!(house.peak_kib() < PEAK_KIB_MAX, "{} KiB", house.peak_kib());
}

#[tokio::test]
async fn crowds_of_callers_leave_nothing_behind() {
    let _turn = turn().await;
    let house = House::open(&[]).await;
    let mut peaks = Vec::new();
    for _ in 0..6 {
        house.forget_peak();
        let mut callers = house.callers(1_000).await;
        for caller in &mut callers {
            assert!(caller.say(HEALTH).await);
        }
        for caller in &mut callers {
            caller.hear().await;
        }
        peaks.push(house.peak_kib());
        drop(callers);
        house.has_files(|files| files < 50).await;
    }
    assert!(peaks[5] < peaks[2] + super::GROWTH_KIB_MAX, "{peaks:?}");
}
