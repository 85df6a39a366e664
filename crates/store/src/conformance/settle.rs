//! Writing what became of an attempt. A lease is consumed by it.

use sellvik_domain::{DeliveryState, DropReason, Verdict};

use super::fixtures::{Ledger, ORDER, at, attempt, attempted, retry, settlement};
use crate::{Settled, Settling};

pub(crate) async fn a_success_is_final(ledger: &mut Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.attempted_order(&shop, &hook, at(1), Verdict::Succeeded).await;
    ledger.reopen().await;
    let detail = ledger.only_delivery(&hook).await;
    assert_eq!(detail.delivery.state, DeliveryState::Succeeded { at: at(1) });
    assert_eq!((detail.delivery.attempts, detail.delivery.last), (1, Some(attempt(at(1), true))));
    assert_eq!(detail.attempts, [attempt(at(1), true)]);
    assert_eq!(ledger.lanes_waiting(None, 10).await.unwrap(), []);
}

pub(crate) async fn a_retry_waits_for_its_moment(ledger: &mut Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.attempted_order(&shop, &hook, at(1), retry(at(30), 1)).await;
    ledger.reopen().await;
    let delivery = ledger.only_delivery(&hook).await.delivery;
    assert_eq!(delivery.state, DeliveryState::Failed { due: at(30) });
    assert_eq!((delivery.attempts, delivery.last), (1, Some(attempt(at(1), false))));
    assert_eq!(ledger.lanes_waiting(None, 10).await.unwrap(), [(hook.lane, at(30))]);
    assert!(ledger.claim_from(&hook, 10, at(29)).await.leased.is_empty());
    assert_eq!(ledger.claim_only(&hook, at(30)).await.chain.entry, 1);
}

pub(crate) async fn a_drop_is_final_and_says_why(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    for (second, reason) in (0..).step_by(2).zip(DropReason::ALL) {
        ledger.attempted_order(&shop, &hook, at(second), Verdict::Dropped(reason)).await;
        let delivery = ledger.deliveries(&hook).await.remove(0);
        assert_eq!(delivery.state, DeliveryState::Dropped { reason });
        assert_eq!((delivery.attempts, delivery.last), (1, Some(attempt(at(second), false))));

        ledger.order(&shop, at(second + 1)).await;
        let leased = ledger.claim_only(&hook, at(second + 1)).await;
        let settled = Settled::Dropped { reason, at: at(second + 1) };
        assert_eq!(ledger.settle_as(&leased, settled).await, Settling::Recorded);
        let delivery = ledger.deliveries(&hook).await.remove(0);
        assert_eq!(delivery.state, DeliveryState::Dropped { reason });
        assert_eq!((delivery.attempts, delivery.last), (0, None), "without another attempt");
    }
    assert_eq!(ledger.lanes_waiting(None, 10).await.unwrap(), []);
}

pub(crate) async fn every_attempt_stays_on_record_oldest_first(ledger: &mut Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.order(&shop, at(1)).await;
    let ends = [(1, retry(at(30), 1)), (30, retry(at(120), 2)), (120, Verdict::Succeeded)];
    for (number, (end, verdict)) in (0..).zip(ends) {
        let leased = ledger.claim_only(&hook, at(end)).await;
        assert_eq!(leased.attempts, number);
        ledger.settle_as(&leased, attempted(at(end), verdict)).await;
    }
    ledger.reopen().await;
    let detail = ledger.only_delivery(&hook).await;
    assert_eq!(detail.attempts, [attempt(at(1), false), attempt(at(30), false), attempt(at(120), true)]);
    assert_eq!((detail.delivery.attempts, detail.delivery.last), (3, Some(attempt(at(120), true))));
}

pub(crate) async fn a_drop_without_an_attempt_keeps_the_last_one(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.attempted_order(&shop, &hook, at(1), retry(at(30), 1)).await;
    let leased = ledger.claim_only(&hook, at(30)).await;
    let settled = Settled::Dropped { reason: DropReason::WebhookDeleted, at: at(31) };
    ledger.settle_as(&leased, settled).await;
    let detail = ledger.only_delivery(&hook).await;
    assert_eq!(detail.delivery.last, Some(attempt(at(1), false)));
    assert_eq!((detail.delivery.attempts, detail.attempts), (1, vec![attempt(at(1), false)]));
    assert_eq!(ledger.webhook(&hook).await.last_delivery_at, Some(at(1)));
}

pub(crate) async fn an_attempt_without_an_answer_is_kept_as_it_was(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.order(&shop, at(1)).await;
    let leased = ledger.claim_only(&hook, at(1)).await;
    let mut silent = attempt(at(1), false);
    (silent.status, silent.body, silent.error) = (None, None, Some("no answer in time".to_owned()));
    let settled = Settled::Attempted { attempt: silent.clone(), verdict: retry(at(30), 1) };
    ledger.settle_as(&leased, settled).await;
    assert_eq!(ledger.only_delivery(&hook).await.attempts, [silent]);
}

pub(crate) async fn failures_count_up_until_a_success(ledger: &mut Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    let steps = [
        (1, retry(at(1000), 1), 1),
        (2, Verdict::Dropped(DropReason::ClientError), 2),
        (3, Verdict::Succeeded, 0),
        (4, retry(at(1000), 1), 1),
    ];
    for (second, verdict, failures) in steps {
        ledger.attempted_order(&shop, &hook, at(second), verdict).await;
        let webhook = ledger.webhook(&hook).await;
        assert_eq!((webhook.failure_count, webhook.last_delivery_at), (failures, Some(at(second))));
    }
    ledger.reopen().await;
    assert_eq!(ledger.webhook(&hook).await.failure_count, 1);
    assert_eq!(ledger.webhook_list(shop.id, None, 1).await.unwrap(), [ledger.webhook(&hook).await]);
}

pub(crate) async fn settlements_that_share_a_commit_are_all_counted(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    for (fate, expected) in [(None, 40), (Some(17), 22)] {
        let events = (0..40).map(|_| ledger.event(&shop, ORDER, at(1))).collect();
        ledger.publish(events).await.unwrap();
        let leased = ledger.claim_from(&hook, 40, at(1)).await.leased;
        let settlements = (0..).zip(&leased).map(|(n, leased)| {
            let verdict = if fate == Some(n) { Verdict::Succeeded } else { retry(at(1000), 1) };
            settlement(leased, attempted(at(n), verdict))
        });
        let settled = ledger.settle(settlements.collect()).await.unwrap();
        assert_eq!(settled, [Settling::Recorded; 40]);
        let webhook = ledger.webhook(&hook).await;
        assert_eq!((webhook.failure_count, webhook.last_delivery_at), (expected, Some(at(39))));
    }
}

pub(crate) async fn tests_leave_the_failure_count_alone(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.attempted_order(&shop, &hook, at(1), retry(at(1000), 1)).await;
    for (second, verdict) in [(2, Verdict::Dropped(DropReason::TestFailed)), (3, Verdict::Succeeded)] {
        ledger.publish_test(hook.id, ledger.event(&shop, ORDER, at(second))).await.unwrap();
        let leased = ledger.claim_only(&hook, at(second)).await;
        ledger.settle_as(&leased, attempted(at(second), verdict)).await;
        let webhook = ledger.webhook(&hook).await;
        assert_eq!((webhook.failure_count, webhook.last_delivery_at), (1, Some(at(second))));
    }
}

pub(crate) async fn a_lease_settles_once(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    let ways = || {
        [
            attempted(at(2), Verdict::Succeeded),
            attempted(at(2), retry(at(1000), 1)),
            attempted(at(2), Verdict::Dropped(DropReason::ClientError)),
            Settled::Dropped { reason: DropReason::EndpointUnavailable, at: at(2) },
            Settled::Postponed { until: at(1000) },
            Settled::Released,
        ]
    };
    for first in ways() {
        ledger.order(&shop, at(1)).await;
        let leased = ledger.claim_only(&hook, at(1)).await;
        assert_eq!(ledger.settle_as(&leased, first.clone()).await, Settling::Recorded);
        let (webhook, deliveries) = (ledger.webhook(&hook).await, ledger.deliveries(&hook).await);
        for second in ways() {
            let settling = ledger.settle_as(&leased, second.clone()).await;
            assert_eq!(settling, Settling::LeaseLost, "{second:?} after {first:?}");
        }
        assert_eq!(ledger.webhook(&hook).await, webhook, "after {first:?}");
        assert_eq!(ledger.deliveries(&hook).await, deliveries, "after {first:?}");
    }
}

pub(crate) async fn a_released_delivery_is_as_before(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.order(&shop, at(1)).await;
    let before = ledger.only_delivery(&hook).await.delivery;
    let leased = ledger.claim_only(&hook, at(5)).await;
    assert_eq!(ledger.settle_as(&leased, Settled::Released).await, Settling::Recorded);
    assert_eq!(ledger.only_delivery(&hook).await.delivery, before);
    let again = ledger.claim_only(&hook, at(5)).await;
    assert_eq!((again.delivery, again.due, again.attempts), (leased.delivery, at(1), 0));
    assert_ne!(again.lease, leased.lease);
}

pub(crate) async fn a_postponed_delivery_counts_no_attempt(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    let before = ledger.webhook(&hook).await;
    ledger.order(&shop, at(1)).await;
    let leased = ledger.claim_only(&hook, at(1)).await;
    let settled = Settled::Postponed { until: at(30) };
    assert_eq!(ledger.settle_as(&leased, settled).await, Settling::Recorded);
    let delivery = ledger.only_delivery(&hook).await.delivery;
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Pending { due: at(30) }, 0));
    assert_eq!(ledger.webhook(&hook).await, before);
    assert!(ledger.claim_from(&hook, 10, at(29)).await.leased.is_empty());
    let again = ledger.claim_only(&hook, at(30)).await;
    assert_eq!((again.chain, again.attempts), (leased.chain, 0));
}
