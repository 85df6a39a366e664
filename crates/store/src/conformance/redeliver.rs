//! Sending a delivery again.

use sellvik_domain::{Delivery, DeliveryId, DeliveryState, DropReason, Verdict, delivery_id_of_family};

use super::fixtures::{Hook, Ledger, ORDER, at, attempt, attempted, retry};
use super::intake::Recorder;
use crate::{Settled, Settling, StoreError};

impl Ledger {
    async fn redeliver(&self, hook: &Hook, id: DeliveryId, second: i64) -> Delivery {
        let answer = self.delivery_redeliver(hook.shop, hook.id, id, at(second), self.seed()).await;
        answer.unwrap().unwrap()
    }
}

pub(crate) async fn a_failed_delivery_becomes_due_now(ledger: &mut Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.attempted_order(&shop, &hook, at(1), retry(at(600), 3)).await;
    let before = ledger.only_delivery(&hook).await.delivery;
    let intake = Recorder::accepting();
    ledger.attach(intake.clone());

    let answer = ledger.redeliver(&hook, before.id, 100).await;
    let expected = Delivery { state: DeliveryState::Failed { due: at(100) }, ..before };
    assert_eq!(answer, expected);
    assert_eq!(intake.told().waiting, [(hook.lane, at(100))]);
    assert_eq!(ledger.redeliver(&hook, expected.id, 101).await, expected, "it is due already");
    ledger.reopen().await;
    assert_eq!(ledger.only_delivery(&hook).await.delivery, expected);
    let leased = ledger.claim_only(&hook, at(100)).await;
    assert_eq!(leased.chain.entry, 2, "the entry it was waiting for is still to come");
    assert_eq!((leased.delivery, leased.attempts, leased.chain.origin), (expected.id, 1, at(1)));
}

pub(crate) async fn a_pending_delivery_becomes_due_now(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.order(&shop, at(1)).await;
    let leased = ledger.claim_only(&hook, at(1)).await;
    ledger.settle_as(&leased, Settled::Postponed { until: at(600) }).await;
    let answer = ledger.redeliver(&hook, leased.delivery, 100).await;
    assert_eq!((answer.id, answer.state), (leased.delivery, DeliveryState::Pending { due: at(100) }));
    assert_eq!(ledger.claim_only(&hook, at(100)).await.chain, leased.chain);
}

pub(crate) async fn an_attempt_under_way_is_the_redelivery(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.attempted_order(&shop, &hook, at(1), retry(at(30), 1)).await;
    let leased = ledger.claim_only(&hook, at(30)).await;
    let answer = ledger.redeliver(&hook, leased.delivery, 20).await;
    assert_eq!((answer.id, answer.state), (leased.delivery, DeliveryState::Failed { due: at(30) }));
    assert!(ledger.claim_from(&hook, 10, at(99)).await.leased.is_empty());
    let settling = ledger.settle_as(&leased, attempted(at(31), retry(at(99), 2))).await;
    assert_eq!(settling, Settling::Recorded);
    assert_eq!(ledger.claim_only(&hook, at(99)).await.chain.entry, 2);
}

pub(crate) async fn a_decided_delivery_is_made_anew(ledger: &mut Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    for verdict in [Verdict::Succeeded, Verdict::Dropped(DropReason::AttemptsExhausted)] {
        ledger.attempted_order(&shop, &hook, at(1), verdict).await;
        let old = ledger.deliveries(&hook).await.remove(0);
        let seed = ledger.seed();
        let answer =
            ledger.delivery_redeliver(shop.id, hook.id, old.id, at(100), seed).await.unwrap().unwrap();
        let expected = Delivery {
            id: delivery_id_of_family(at(100), seed, 0),
            event: old.event.clone(),
            kind: old.kind.clone(),
            created_at: at(100),
            state: DeliveryState::Pending { due: at(100) },
            attempts: 0,
            last: None,
            test: false,
            redelivery_of: Some(old.id),
        };
        assert_eq!(answer, expected);
        ledger.reopen().await;
        let detail = |id| ledger.delivery_get(shop.id, hook.id, id);
        let (was, is) = (detail(old.id).await.unwrap().unwrap(), detail(answer.id).await.unwrap().unwrap());
        assert_eq!((was.delivery, was.attempts.len()), (old, 1), "what was decided stays");
        assert_eq!((is.delivery, is.attempts), (expected, vec![]));
        assert_eq!(is.body, was.body);
        let leased = ledger.claim_only(&hook, at(100)).await;
        assert_eq!((leased.chain.origin, leased.chain.entry), (at(100), 0), "its own schedule, from now");
        assert_eq!(leased.event.envelope, was.body);
        ledger.settle_as(&leased, attempted(at(101), Verdict::Succeeded)).await;
        assert_eq!(detail(answer.id).await.unwrap().unwrap().attempts, [attempt(at(101), true)]);
    }
}

pub(crate) async fn a_delivery_made_anew_is_handed_over(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.attempted_order(&shop, &hook, at(1), Verdict::Succeeded).await;
    let old = ledger.only_delivery(&hook).await;
    let intake = Recorder::accepting();
    ledger.attach(intake.clone());
    let new = ledger.redeliver(&hook, old.delivery.id, 100).await;
    let told = intake.told();
    assert_eq!(told.reserved, [(hook.lane, old.body.len())]);
    assert_eq!(told.handed_over.iter().map(|leased| leased.delivery).collect::<Vec<_>>(), [new.id]);
}

pub(crate) async fn a_test_made_anew_stays_a_test(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.publish_test(hook.id, ledger.event(&shop, ORDER, at(1))).await.unwrap();
    let leased = ledger.claim_only(&hook, at(1)).await;
    ledger.settle_as(&leased, attempted(at(1), Verdict::Dropped(DropReason::TestFailed))).await;
    assert!(ledger.redeliver(&hook, leased.delivery, 100).await.test);
    assert!(ledger.claim_only(&hook, at(100)).await.chain.test);
}

pub(crate) async fn a_disabled_webhook_redelivers_nothing(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.attempted_order(&shop, &hook, at(1), Verdict::Succeeded).await;
    ledger.attempted_order(&shop, &hook, at(2), retry(at(600), 1)).await;
    ledger.enable(&hook, false).await;
    let before = ledger.deliveries(&hook).await;
    for delivery in &before {
        let answer = ledger.delivery_redeliver(shop.id, hook.id, delivery.id, at(9), ledger.seed()).await;
        assert!(matches!(answer, Err(StoreError::WebhookDisabled)));
    }
    let unknown = DeliveryId::new(at(1), [9; 10]);
    let answer = ledger.delivery_redeliver(shop.id, hook.id, unknown, at(9), ledger.seed()).await;
    assert!(answer.unwrap().is_none(), "not found comes first");
    assert_eq!(ledger.deliveries(&hook).await, before);
}
