//! Dropping what a held lane keeps no longer, and ending drains.

use sellvik_domain::{DeliveryState, DeliveryStatus, DropReason, Verdict, WebhookSecret};

use super::fixtures::{Hook, Ledger, ORDER, at, attempted, retry};
use super::intake::Recorder;
use crate::{Settling, Waiting};

impl Ledger {
    async fn sweep(&self, hook: &Hook, which: Waiting, limit: u32) -> u32 {
        self.drop_waiting(hook.lane, which, DropReason::WebhookDisabled, at(500), limit).await.unwrap()
    }
}

pub(crate) async fn all_that_waits_is_dropped_in_bites(ledger: &mut Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.attempted_order(&shop, &hook, at(0), retry(at(900), 1)).await;
    for second in 1..=5 {
        ledger.order(&shop, at(second)).await;
    }
    let other = ledger.hook(&shop, "b.example", &[ORDER]).await;
    ledger.order(&shop, at(6)).await;
    let leased = ledger.claim_from(&hook, 1, at(1)).await.leased.remove(0);

    let mut bites = Vec::new();
    for _ in 0..4 {
        bites.push(ledger.sweep(&hook, Waiting::All, 2).await);
    }
    assert_eq!(bites, [2, 2, 2, 0]);
    ledger.sweep(&hook, Waiting::All, 2).await;
    let dropped = ledger.ids_of(&hook, DeliveryStatus::Dropped).await;
    assert_eq!(dropped.len(), 6);
    for delivery in ledger.deliveries(&hook).await.iter().filter(|found| found.id != leased.delivery) {
        assert_eq!(delivery.state, DeliveryState::Dropped { reason: DropReason::WebhookDisabled });
        assert_eq!(delivery.attempts, u32::from(delivery.created_at == at(0)), "no attempt is counted");
    }
    assert_eq!(ledger.lanes_waiting(None, 10).await.unwrap(), [(other.lane, at(6))]);
    let settling = ledger.settle_as(&leased, attempted(at(9), Verdict::Succeeded)).await;
    assert_eq!(settling, Settling::Recorded, "a leased one is left alone");
    ledger.reopen().await;
    assert_eq!(ledger.ids_of(&hook, DeliveryStatus::Dropped).await, dropped);
}

pub(crate) async fn what_was_made_by_a_moment_is_dropped(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    for second in [3, 1, 4, 2] {
        ledger.order(&shop, at(second)).await;
    }
    let made = |found: Vec<sellvik_domain::Delivery>, status| {
        let mut seconds: Vec<_> = found
            .iter()
            .filter(|found| found.state.status() == status)
            .map(|found| found.created_at.as_secs() - at(0).as_secs())
            .collect();
        seconds.sort_unstable();
        seconds
    };
    assert_eq!(ledger.sweep(&hook, Waiting::MadeBy(at(0)), 10).await, 0);
    assert_eq!(ledger.sweep(&hook, Waiting::MadeBy(at(3)), 2).await, 2);
    assert_eq!(ledger.sweep(&hook, Waiting::MadeBy(at(3)), 2).await, 1);
    assert_eq!(ledger.sweep(&hook, Waiting::MadeBy(at(3)), 2).await, 0);
    assert_eq!(made(ledger.deliveries(&hook).await, DeliveryStatus::Dropped), [1, 2, 3]);
    assert_eq!(made(ledger.deliveries(&hook).await, DeliveryStatus::Pending), [4]);
}

pub(crate) async fn a_drains_end_erases_the_secrets(ledger: &mut Ledger) {
    let (_, hook) = ledger.shop_and_hook().await;
    let rotated = WebhookSecret::new(&[1; 32]);
    assert!(ledger.webhook_rotate(hook.shop, hook.id, rotated, at(0), at(0)).await.unwrap());
    assert!(ledger.drains_ended(at(9000), 10).await.unwrap().is_empty(), "a living one has no drain");
    ledger.delete(&hook).await;
    ledger.reopen().await;
    let intake = Recorder::refusing();
    ledger.attach(intake.clone());
    assert!(ledger.drains_ended(at(299), 10).await.unwrap().is_empty());
    assert!(ledger.endpoint_of(&hook).await.signer.is_some());

    assert_eq!(ledger.drains_ended(at(300), 10).await.unwrap(), [hook.lane]);
    assert!(ledger.endpoint_of(&hook).await.signer.is_none());
    assert_eq!(intake.told().changed, [hook.lane]);
    assert_eq!(ledger.drains_ended(at(300), 10).await.unwrap(), [hook.lane], "until it is done");
    assert!(intake.told().changed.is_empty());
    ledger.drain_done(hook.lane).await.unwrap();
    assert!(ledger.drains_ended(at(9000), 10).await.unwrap().is_empty());
    ledger.reopen().await;
    assert!(ledger.drains_ended(at(9000), 10).await.unwrap().is_empty());
    assert!(ledger.endpoint_of(&hook).await.signer.is_none());
}

pub(crate) async fn a_drain_is_done_once_nothing_is_undecided(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.attempted_order(&shop, &hook, at(1), Verdict::Succeeded).await;
    ledger.attempted_order(&shop, &hook, at(2), retry(at(900), 1)).await;
    ledger.order(&shop, at(3)).await;
    let leased = ledger.claim_only(&hook, at(3)).await;
    ledger.drain_done(hook.lane).await.unwrap();
    ledger.delete(&hook).await;

    let done = || async {
        ledger.drain_done(hook.lane).await.unwrap();
        ledger.drains_ended(at(300), 10).await.unwrap().is_empty()
    };
    assert!(!done().await, "one waits and one is leased");
    assert_eq!(ledger.sweep(&hook, Waiting::All, 10).await, 1);
    assert!(!done().await, "what the lease brings back must be dropped too");
    ledger.settle_as(&leased, attempted(at(4), retry(at(900), 1))).await;
    assert!(!done().await);
    assert_eq!(ledger.sweep(&hook, Waiting::All, 10).await, 1);
    assert!(done().await);
}

pub(crate) async fn drains_end_in_bites(ledger: &Ledger) {
    let shop = ledger.shop("acme").await;
    let mut lanes = Vec::new();
    for n in 0..3 {
        let hook = ledger.hook(&shop, &format!("{n}.example.com"), &[ORDER]).await;
        ledger.delete(&hook).await;
        lanes.push(hook.lane);
    }
    let mut ended = Vec::new();
    for expected in [2, 1, 0] {
        let bite = ledger.drains_ended(at(300), 2).await.unwrap();
        assert_eq!(bite.len(), expected);
        for lane in bite {
            ledger.drain_done(lane).await.unwrap();
            ended.push(lane);
        }
    }
    ended.sort_unstable();
    assert_eq!(ended, lanes);
}
