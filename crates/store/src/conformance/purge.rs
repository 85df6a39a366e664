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

/// So many seconds into a day: a ledger may remove whole days alone.
fn on(day: i64, second: i64) -> Timestamp {
    let days = at(0).as_millis() / 86_400_000 + day;
    Timestamp::from_millis(days * 86_400_000 + second * 1000)
}

pub(crate) async fn what_is_old_is_removed(ledger: &mut Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.order(&shop, on(1, 0)).await;
    for (second, verdict) in [(0, retry(on(1, 1), 1)), (1, retry(on(1, 2), 2)), (2, Verdict::Succeeded)] {
        let leased = ledger.claim_only(&hook, on(1, second)).await;
        ledger.settle_as(&leased, attempted(on(1, second), verdict)).await;
    }
    let old = ledger.only_delivery(&hook).await;
    assert_eq!(old.attempts.len(), 3);
    ledger.attempted_order(&shop, &hook, on(2, 0), Verdict::Dropped(DropReason::ClientError)).await;
    ledger.order(&shop, on(2, 1)).await;
    let kept = ledger.deliveries(&hook).await;

    ledger.purge_all(on(1, 0), 10).await;
    assert_eq!(ledger.deliveries(&hook).await.len(), 3, "made at the cutoff is kept");
    ledger.purge_all(on(2, 0), 10).await;
    ledger.reopen().await;
    assert_eq!(ledger.deliveries(&hook).await, kept[..2]);
    assert!(ledger.delivery_get(shop.id, hook.id, old.delivery.id).await.unwrap().is_none());
    let redelivered = ledger.delivery_redeliver(shop.id, hook.id, old.delivery.id, on(3, 0), [9; 10]).await;
    assert!(redelivered.unwrap().is_none());
    assert_eq!(ledger.claim_only(&hook, on(2, 1)).await.delivery, kept[0].id);
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
    let event = ledger.event(&shop, ORDER, on(1, 0));
    ledger.send(event.clone()).await;
    let leased = ledger.claim_only(&hook, on(1, 0)).await;
    ledger.settle_as(&leased, attempted(on(1, 0), Verdict::Succeeded)).await;
    let again = ledger.delivery_redeliver(shop.id, hook.id, leased.delivery, on(3, 0), [9; 10]).await;
    let again = again.unwrap().unwrap();
    ledger.order(&shop, on(1, 1)).await;

    for day in [2, 2, 3] {
        ledger.purge_all(on(day, 0), 1).await;
    }
    let detail = ledger.only_delivery(&hook).await;
    assert_eq!(detail.delivery, again);
    assert_eq!(detail.body, leased.event.envelope);
    let leased_again = ledger.claim_only(&hook, on(3, 0)).await;
    assert_eq!(leased_again.event.envelope, leased.event.envelope);
    assert!(ledger.send(event.clone()).await.duplicate, "and so does its id");

    ledger.settle_as(&leased_again, attempted(on(3, 0), Verdict::Succeeded)).await;
    let found = ledger.delivery_of_event(shop.id, hook.id, event.id.clone(), 10).await.unwrap();
    assert_eq!(found.iter().map(|one| one.id).collect::<Vec<_>>(), [again.id]);
    ledger.purge_all(on(4, 0), 1).await;
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
