//! Thousands of hostile receivers due at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::house::{House, Shop};
use super::mob::{MANNERS, Manner, Mob};
use super::trickle::Trickle;
use super::{GROWTH_KIB_MAX, PEAK_KIB_MAX, side_by_side, turn};
use crate::durability::EVENTS;
use crate::harness::assert_shows;

/// Webhooks to a shop, which is as many as it may have.
const PER_SHOP: usize = 100;

/// What the ledger's writer keeps of its file in memory, in KiB.
const LEDGER_CACHE_KIB: u64 = 32 << 10;

/// Shops with nothing but hostile receivers, each with an origin of its own.
struct Crowd {
    mob: Mob,
    shops: Vec<Arc<Shop>>,
}

impl Crowd {
    async fn gather(house: &House, shops: u8) -> Self {
        let mob = Arc::new(Mob::at(shops));
        let mut gathered = Vec::new();
        for origin in 0..usize::from(shops) {
            let shop = Arc::new(house.shop(&format!("hostile-{origin}")).await);
            gathered.push(shop);
        }
        let (all, urls) = (gathered.clone(), mob.clone());
        side_by_side(gathered.len() * PER_SHOP, 64, move |number| {
            let (shop, origin) = (all[number % all.len()].clone(), number % all.len());
            let url = urls.url(origin, MANNERS[number / all.len() % MANNERS.len()], number);
            async move { drop(shop.webhook(&url, "order.paid").await) }
        })
        .await;
        Self { mob: Arc::into_inner(mob).unwrap(), shops: gathered }
    }

    fn len(&self) -> usize {
        self.shops.len() * PER_SHOP
    }

    /// Publishes an event for everybody, all at once.
    async fn call(&self, house: &House, id: &str) {
        let event = |shop: &Arc<Shop>| json!({"shop": shop.id, "type": "order.paid", "id": id, "data": {"order": {"id": "ord_1"}}});
        let events: Vec<_> = self.shops.iter().map(event).collect();
        let batch = json!({"events": events});
        let answer = house.node.platform.post(&format!("{EVENTS}/batch"), &batch).await.expect(202);
        for result in answer["results"].as_array().unwrap() {
            assert_eq!(result["deliveries"], json!(PER_SHOP), "{result}");
        }
    }

    /// Waits until each has failed so many attempts.
    async fn failed(&self, attempts: usize, patience: Duration) {
        let started = Instant::now();
        for shop in &self.shops {
            loop {
                let webhooks = shop.webhooks().await;
                assert_eq!(webhooks.len(), PER_SHOP);
                if webhooks.iter().all(|one| one["failureCount"] == json!(attempts)) {
                    break;
                }
                assert!(started.elapsed() < patience, "{webhooks:#?}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

#[tokio::test]
async fn five_thousand_hostile_receivers_at_once_cost_little_and_delay_nobody() {
    let _turn = turn().await;
    let house = House::open(&["--delivery-timeout", "2s", "--retry-schedule", "0s,1h"]).await;
    let crowd = Crowd::gather(&house, 50).await;
    let trickle = Trickle::start(&house).await;
    crowd.call(&house, "evt_1").await;
    crowd.failed(1, Duration::from_mins(1)).await;
    trickle.stop().await.assert_prompt();
    assert!(house.peak_kib() < PEAK_KIB_MAX, "{} KiB", house.peak_kib());
    assert_eq!(crowd.mob.asked(), crowd.len());
    for shop in &crowd.shops[..2] {
        for webhook in shop.webhooks().await {
            let manner = Manner::of(webhook["url"].as_str().unwrap());
            let delivery = shop.deliveries(webhook["id"].as_str().unwrap()).await.remove(0);
            assert_shows(&delivery, &json!({"status": "failed", "attempts": 1, "lastError": words(manner)}));
        }
    }
}

#[tokio::test]
async fn a_crowd_with_ten_seconds_each_delays_nobody() {
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let house = House::open(&[]).await;
    let crowd = Crowd::gather(&house, 12).await;
    let trickle = Trickle::start(&house).await;
    crowd.call(&house, "evt_1").await;
    crowd.failed(1, Duration::from_secs(40)).await;
    trickle.stop().await.assert_prompt();
    assert!(house.peak_kib() < PEAK_KIB_MAX, "{} KiB", house.peak_kib());
}

#[tokio::test]
async fn crowds_of_hostile_receivers_leave_nothing_behind() {
    let _turn = turn().await;
    let house = House::open(&["--delivery-timeout", "500ms", "--retry-schedule", "0s,1h"]).await;
    let crowd = Crowd::gather(&house, 8).await;
    let mut peaks = Vec::new();
    for round in 1..=6 {
        house.forget_peak();
        crowd.call(&house, &format!("evt_{round}")).await;
        crowd.failed(round, Duration::from_secs(30)).await;
        peaks.push(house.peak_kib());
    }
    // The ledger's own cache fills meanwhile.
    assert!(peaks[5] < peaks[0] + LEDGER_CACHE_KIB + GROWTH_KIB_MAX, "{peaks:?}");
    house.has_files(|files| files < 50).await;
}

/// What is recorded of an attempt at a receiver of this manner.
fn words(manner: Manner) -> &'static str {
    match manner {
        Manner::Mute | Manner::Drip | Manner::Interim => "no answer in time: no answer within 2 s",
        Manner::Megabytes => "the answer was not valid HTTP: its header fields are too many or too large",
        Manner::Endless => "the endpoint answered 500",
    }
}
