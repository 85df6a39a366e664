//! Retention.

use sellvik_domain::{DropReason, Timestamp, Verdict};

use super::fixtures::{Ledger, ORDER, at, attempted, retry, with_data};

impl Ledger {
    /// Purges until nothing more is to do; how many calls it took.
    pub(crate) async fn purge_all(&self, cutoff: Timestamp, limit: u32) -> u32 {
        let mut calls = 1;
        while self.purge(cutoff, limit).await.unwrap() {
            calls += 1;
            assert!(calls < 100, "the purge does not end");
        }
        calls
    }
}

pub(crate) async fn what_is_old_is_removed(ledger: &mut Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.order(&shop, at(1)).await;
    for (second, verdict) in [(1, retry(at(2), 1)), (2, retry(at(3), 2)), (3, Verdict::Succeeded)] {
        let leased = ledger.claim_only(&hook, at(second)).await;
        ledger.settle_as(&leased, attempted(at(second), verdict)).await;
    }
    let old = ledger.only_delivery(&hook).await;
    assert_eq!(old.attempts.len(), 3);
    ledger.attempted_order(&shop, &hook, at(100), Verdict::Dropped(DropReason::ClientError)).await;
    ledger.order(&shop, at(101)).await;
    let kept = ledger.deliveries(&hook).await;

    ledger.purge_all(at(1), 10).await;
    assert_eq!(ledger.deliveries(&hook).await.len(), 3, "made at the cutoff is kept");
    ledger.purge_all(at(100), 10).await;
    ledger.reopen().await;
    assert_eq!(ledger.deliveries(&hook).await, kept[..2]);
    assert!(ledger.delivery_get(shop.id, hook.id, old.delivery.id).await.unwrap().is_none());
    let redelivered = ledger.delivery_redeliver(shop.id, hook.id, old.delivery.id, at(200), [9; 10]).await;
    assert!(redelivered.unwrap().is_none());
    assert_eq!(ledger.claim_only(&hook, at(101)).await.delivery, kept[0].id);
}

pub(crate) async fn an_old_id_is_forgotten(ledger: &Ledger) {
    let shop = ledger.shop("acme").await;
    let unwanted = ledger.event(&shop, ORDER, at(1));
    ledger.send(unwanted.clone()).await;
    ledger.hook(&shop, "a.example", &[ORDER]).await;
    let wanted = ledger.event(&shop, ORDER, at(2));
    let recent = ledger.event(&shop, ORDER, at(3));
    for event in [&wanted, &recent] {
        ledger.send(event.clone()).await;
    }
    ledger.purge_all(at(1), 10).await;
    for event in [&unwanted, &wanted, &recent] {
        assert!(ledger.send(event.clone()).await.duplicate);
    }
    ledger.purge_all(at(3), 10).await;
    assert!(ledger.send(recent.clone()).await.duplicate);
    for event in [unwanted, wanted] {
        let other = with_data(crate::NewEvent { accepted_at: at(9), ..event }, "{\"other\":true}");
        assert!(!ledger.send(other).await.duplicate);
    }
}

pub(crate) async fn an_event_stays_while_a_redelivery_needs_it(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    let event = ledger.event(&shop, ORDER, at(1));
    ledger.send(event.clone()).await;
    let leased = ledger.claim_only(&hook, at(1)).await;
    ledger.settle_as(&leased, attempted(at(1), Verdict::Succeeded)).await;
    let redelivered = ledger.delivery_redeliver(shop.id, hook.id, leased.delivery, at(100), [9; 10]).await;
    let redelivered = redelivered.unwrap().unwrap();
    ledger.order(&shop, at(2)).await;

    for cutoff in [50, 50, 100] {
        ledger.purge_all(at(cutoff), 1).await;
    }
    let detail = ledger.only_delivery(&hook).await;
    assert_eq!(detail.delivery, redelivered);
    assert_eq!(detail.body, leased.event.envelope);
    assert_eq!(ledger.claim_only(&hook, at(100)).await.event.envelope, leased.event.envelope);
    assert!(ledger.send(event.clone()).await.duplicate, "and so does its id");

    ledger.purge_all(at(101), 1).await;
    assert!(ledger.deliveries(&hook).await.is_empty());
    assert!(!ledger.send(event).await.duplicate);
}

pub(crate) async fn a_purge_takes_bounded_bites(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    for second in 1..=7 {
        ledger.order(&shop, at(second)).await;
    }
    let mut left = Vec::new();
    for _ in 0..20 {
        let more = ledger.purge(at(6), 2).await.unwrap();
        left.push(ledger.deliveries(&hook).await.len());
        if !more {
            break;
        }
    }
    assert!(left.starts_with(&[5, 3, 2]), "{left:?}");
    assert_eq!(left.last(), Some(&2));
    assert!(!ledger.purge(at(6), 2).await.unwrap());
}

pub(crate) async fn an_event_outlives_its_deliveries(ledger: &Ledger) {
    let shop = ledger.shop("acme").await;
    let mut hooks = Vec::new();
    for n in 0..3 {
        hooks.push(ledger.hook(&shop, &format!("{n}.example.com"), &[ORDER]).await);
    }
    let event = ledger.order(&shop, at(1)).await.id;
    ledger.purge(at(50), 1).await.unwrap();

    // A bite may leave deliveries behind; they must never be taken for those of a newer event.
    let stranger = ledger.shop("stranger").await;
    ledger.hook(&stranger, "stranger.example", &[ORDER]).await;
    ledger.order(&stranger, at(100)).await;
    for hook in &hooks {
        let found = ledger.deliveries(hook).await;
        assert!(found.iter().all(|delivery| delivery.event == event), "{found:?}");
        for leased in ledger.claim_from(hook, 10, at(100)).await.leased {
            assert_eq!(leased.event.id, event);
        }
    }
    ledger.purge_all(at(50), 1).await;
    for hook in &hooks {
        assert!(ledger.deliveries(hook).await.is_empty());
        assert!(ledger.claim_from(hook, 10, at(100)).await.next.is_empty());
    }
}
