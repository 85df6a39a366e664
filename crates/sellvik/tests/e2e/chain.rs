//! The 24-hour chain on a hand-driven clock (CONTRACT §5).

use std::time::Duration;

use sellvik_testkit::{Receiver, Reply};

use crate::harness::{Server, moment};

/// The schedule's entries in seconds.
const ENTRIES: [i64; 9] = [0, 30, 120, 600, 1800, 7200, 21_600, 64_800, 86_400];

#[tokio::test]
async fn nine_attempts_in_a_day_each_within_its_jitter_then_dropped() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let shop = server.shop().await;
    receiver.script("/hook", [Reply::status(500).with_body("no")]);
    let webhook = shop.webhook(&receiver.url("/hook"), &["order.cancelled"]).await;
    let accepted = server.now();
    shop.publish("order.cancelled").await;
    for attempt in 1..=9_usize {
        receiver.wait_for("/hook", attempt).await;
        let delivery = shop.attempted(&webhook, attempt as u64).await;
        if attempt == 9 {
            assert_eq!(delivery["status"], "dropped");
            assert_eq!(delivery["dropReason"], "attempts_exhausted");
            assert_eq!(delivery["nextAttemptAt"], serde_json::Value::Null);
            break;
        }
        assert_eq!(delivery["status"], "failed");
        let next = moment(&delivery["nextAttemptAt"]);
        let offset = next.as_millis() - accepted.as_millis();
        let (nominal, gap) = (ENTRIES[attempt] * 1000, (ENTRIES[attempt] - ENTRIES[attempt - 1]) * 1000);
        let latest = if attempt == 8 { nominal } else { nominal + gap / 10 };
        assert!((nominal - gap / 10..=latest).contains(&offset), "attempt {}: {offset} ms", attempt + 1);
        // A moment before it is due nothing happens; the attempt is made by the moment itself.
        server.advance(next.since(server.now()) - Duration::from_millis(1));
        assert_eq!(
            shop.attempted(&webhook, attempt as u64).await["nextAttemptAt"],
            delivery["nextAttemptAt"]
        );
        server.advance(Duration::from_millis(1));
    }
    assert_eq!(receiver.received_at("/hook").len(), 9);
}
