//! The others: a shop with receivers that answer, and a steady trickle of events to them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sellvik_testkit::{Client, Receiver};
use serde_json::json;
use tokio::task::JoinHandle;

use super::house::House;
use crate::durability::EVENTS;

/// Receivers of each event.
const RECEIVERS: usize = 4;

/// The pause between two events.
const PAUSE: Duration = Duration::from_millis(20);

/// A trickle that flows until it is stopped.
pub(super) struct Trickle {
    receiver: Arc<Receiver>,
    stopping: Arc<AtomicBool>,
    /// When each event was sent, and how long its publisher waited for the answer.
    published: JoinHandle<BTreeMap<String, (Instant, Duration)>>,
}

/// How long everything took, in order of duration.
#[derive(Debug)]
pub(super) struct Waits {
    answers: Vec<Duration>,
    arrivals: Vec<Duration>,
}

impl Trickle {
    /// Starts it once each receiver has answered an event, as receivers of long standing have.
    pub(super) async fn start(house: &House) -> Self {
        let shop = house.shop("healthy").await;
        let receiver = Arc::new(Receiver::start().await);
        for number in 0..RECEIVERS {
            shop.webhook(&receiver.url(&format!("/healthy/{number}")), "order.cancelled").await;
        }
        let platform = house.node.platform.clone();
        publish(&platform, &shop.id, "evt_first").await;
        for number in 0..RECEIVERS {
            receiver.wait_for(&format!("/healthy/{number}"), 1).await;
        }
        let stopping = Arc::new(AtomicBool::new(false));
        let flag = stopping.clone();
        let published = tokio::spawn(async move {
            let mut published = BTreeMap::new();
            while !flag.load(Ordering::Relaxed) {
                let (id, sent) = (format!("evt_{}", published.len()), Instant::now());
                publish(&platform, &shop.id, &id).await;
                published.insert(id, (sent, sent.elapsed()));
                tokio::time::sleep(PAUSE).await;
            }
            published
        });
        Self { receiver, stopping, published }
    }

    /// Stops it and waits for the last arrival; fails unless each event came to each receiver once.
    pub(super) async fn stop(self) -> Waits {
        self.stopping.store(true, Ordering::Relaxed);
        let published = self.published.await.unwrap();
        let mut waits = Waits { answers: Vec::new(), arrivals: Vec::new() };
        for number in 0..RECEIVERS {
            let path = format!("/healthy/{number}");
            let mut came = self.receiver.wait_for(&path, published.len() + 1).await;
            came.retain(|one| one.header("x-sellvik-event-id") != "evt_first");
            assert_eq!(came.len(), published.len(), "once each at {path}");
            for one in came {
                let (sent, _) = published[one.header("x-sellvik-event-id")];
                waits.arrivals.push(one.at - sent);
            }
        }
        waits.answers = published.into_values().map(|(_, waited)| waited).collect();
        waits.answers.sort_unstable();
        waits.arrivals.sort_unstable();
        waits
    }
}

async fn publish(platform: &Client, shop: &str, id: &str) {
    let data = json!({"order": {"id": "ord_1"}});
    let event = json!({"shop": shop, "type": "order.cancelled", "id": id, "data": data});
    platform.post(EVENTS, &event).await.expect(202);
}

impl Waits {
    /// Fails unless half of everything took a moment, nearly all of it at most two seconds, and the last
    /// at most five, as on a busy machine.
    #[track_caller]
    pub(super) fn assert_prompt(&self) {
        for (what, waits) in [("answers", &self.answers), ("arrivals", &self.arrivals)] {
            let part = |percent: usize| waits[(waits.len() - 1) * percent / 100];
            let told = format!("{} {what}: {:?}, {:?}, {:?}", waits.len(), part(50), part(99), part(100));
            println!("{told}");
            assert!(part(50) <= Duration::from_millis(300), "{told}");
            assert!(part(99) <= Duration::from_secs(2) && part(100) <= Duration::from_secs(5), "{told}");
        }
    }
}
