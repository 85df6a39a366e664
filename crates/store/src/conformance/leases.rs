//! Leases: correctness never depends on a holder.

use std::time::{Duration, Instant};

use sellvik_domain::{DeliveryState, DeliveryStatus, Verdict};

use super::fixtures::{Ledger, ORDER, PATIENCE, SHORT_LEASE, at, attempt, attempted, retry};
use super::intake::Recorder;
use crate::{ClaimLane, Settled, Settling};

pub(crate) async fn a_lease_that_ran_out_is_claimed_anew(ledger: &mut Ledger) {
    ledger.reopen_with_lease(SHORT_LEASE).await;
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.order(&shop, at(1)).await;
    let old = ledger.claim_only(&hook, at(1)).await;
    assert_eq!(ledger.expired().await, [(hook.lane, at(1))]);
    assert_eq!(ledger.lanes_waiting(None, 10).await.unwrap(), [(hook.lane, at(1))]);
    let new = ledger.claim_only(&hook, at(1)).await;
    assert_eq!((new.delivery, new.attempts), (old.delivery, 0));
    assert_ne!(new.lease, old.lease);

    let late = [
        attempted(at(9), Verdict::Succeeded),
        attempted(at(9), retry(at(30), 1)),
        Settled::Dropped { reason: sellvik_domain::DropReason::EndpointUnavailable, at: at(9) },
        Settled::Postponed { until: at(30) },
        Settled::Released,
    ];
    for settled in late {
        assert_eq!(ledger.settle_as(&old, settled).await, Settling::LeaseLost);
    }
    let delivery = ledger.only_delivery(&hook).await.delivery;
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Pending { due: at(1) }, 0));
    assert_eq!(ledger.webhook(&hook).await.last_delivery_at, None);
    let settling = ledger.settle_as(&new, attempted(at(9), Verdict::Succeeded)).await;
    assert_eq!(settling, Settling::Recorded);
}

pub(crate) async fn a_holder_who_is_too_late_leaves_the_log_alone(ledger: &mut Ledger) {
    ledger.reopen_with_lease(SHORT_LEASE).await;
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.attempted_order(&shop, &hook, at(1), retry(at(30), 1)).await;
    let old = ledger.claim_only(&hook, at(30)).await;
    ledger.expired().await;
    let new = ledger.claim_only(&hook, at(30)).await;
    let late = ledger.settle_as(&old, attempted(at(31), Verdict::Succeeded)).await;
    assert_eq!(late, Settling::LeaseLost);
    assert_eq!(ledger.only_delivery(&hook).await.attempts, [attempt(at(1), false)]);
    let settling = ledger.settle_as(&new, attempted(at(32), Verdict::Succeeded)).await;
    assert_eq!(settling, Settling::Recorded);
    assert_eq!(ledger.only_delivery(&hook).await.attempts, [attempt(at(1), false), attempt(at(32), true)]);
}

pub(crate) async fn a_late_holder_is_heard_while_nobody_claimed(ledger: &mut Ledger) {
    ledger.reopen_with_lease(SHORT_LEASE).await;
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.order(&shop, at(1)).await;
    let old = ledger.claim_only(&hook, at(1)).await;
    ledger.expired().await;
    assert_eq!(ledger.settle_as(&old, attempted(at(2), Verdict::Succeeded)).await, Settling::Recorded);
    assert_eq!(ledger.lanes_waiting(None, 10).await.unwrap(), []);
    assert_eq!(ledger.ids_of(&hook, DeliveryStatus::Succeeded).await, [old.delivery]);
}

pub(crate) async fn a_renewed_lease_holds(ledger: &mut Ledger) {
    // Long enough that a busy machine gets from a renewal to the look behind it.
    ledger.reopen_with_lease(Duration::from_secs(2)).await;
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.order(&shop, at(1)).await;
    ledger.order(&shop, at(2)).await;
    let claimed = ledger.claim_from(&hook, 2, at(2)).await.leased;
    let (kept, left) = (&claimed[0], &claimed[1]);
    let started = Instant::now();
    loop {
        let (renewed, expired) = tokio::join!(biased; ledger.renew(vec![kept.lease]), ledger.expire_leases());
        renewed.unwrap();
        let expired = expired.unwrap();
        if !expired.is_empty() {
            assert_eq!(expired, [(hook.lane, left.due)]);
            break;
        }
        assert!(started.elapsed() < PATIENCE, "no lease ran out");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(ledger.claim_only(&hook, at(9)).await.delivery, left.delivery);
    assert_eq!(ledger.settle_as(kept, attempted(at(9), Verdict::Succeeded)).await, Settling::Recorded);
}

pub(crate) async fn a_lost_lease_cannot_be_renewed(ledger: &mut Ledger) {
    ledger.reopen_with_lease(SHORT_LEASE).await;
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.order(&shop, at(1)).await;
    let old = ledger.claim_only(&hook, at(1)).await;
    ledger.expired().await;
    ledger.renew(vec![old.lease]).await.unwrap();
    let new = ledger.claim_only(&hook, at(1)).await;
    let started = Instant::now();
    while ledger.expire_leases().await.unwrap().is_empty() {
        ledger.renew(vec![old.lease]).await.unwrap();
        assert!(started.elapsed() < PATIENCE, "the old lease prolonged the new one");
    }
    ledger.settle_as(&new, attempted(at(2), Verdict::Succeeded)).await;
    ledger.renew(vec![new.lease, old.lease]).await.unwrap();
    assert_eq!(ledger.ids_of(&hook, DeliveryStatus::Succeeded).await, [new.delivery]);
}

pub(crate) async fn a_lost_hand_over_is_claimed_again(ledger: &mut Ledger) {
    ledger.reopen_with_lease(SHORT_LEASE).await;
    let (shop, hook) = ledger.shop_and_hook().await;
    let intake = Recorder::accepting();
    ledger.attach(intake.clone());
    ledger.order(&shop, at(1)).await;
    let lost = intake.told().handed_over.remove(0);
    assert_eq!(ledger.expired().await, [(hook.lane, at(1))]);
    let new = ledger.claim_only(&hook, at(1)).await;
    assert_eq!(new.delivery, lost.delivery);
    let settling = ledger.settle_as(&lost, attempted(at(2), Verdict::Succeeded)).await;
    assert_eq!(settling, Settling::LeaseLost);
}

pub(crate) async fn what_a_dead_node_held_is_claimed_again(ledger: &mut Ledger) {
    ledger.reopen_with_lease(SHORT_LEASE).await;
    let (shop, hook) = ledger.shop_and_hook().await;
    let intake = Recorder::with_room(3);
    ledger.attach(intake.clone());
    for second in 1..=6 {
        ledger.order(&shop, at(second)).await;
    }
    let mut held: Vec<_> = intake.told().handed_over.iter().map(|leased| leased.delivery).collect();
    let claimed = ledger.claim_from(&hook, 2, at(9)).await.leased;
    held.extend(claimed.iter().map(|leased| leased.delivery));
    assert_eq!(held.len(), 5);

    ledger.reopen_with_lease(SHORT_LEASE).await;
    let (mut again, started) = (Vec::new(), Instant::now());
    while again.len() < 6 {
        // A database that does not void them at once lets them run out.
        ledger.expire_leases().await.unwrap();
        let lane = ClaimLane { lane: hook.lane, count: 10, tests_only: false };
        for leased in ledger.claim(vec![lane], at(9)).await.unwrap().leased {
            ledger.settle_as(&leased, attempted(at(9), Verdict::Succeeded)).await;
            again.push(leased.delivery);
        }
        assert!(started.elapsed() < PATIENCE, "{again:?}");
    }
    assert!(held.iter().all(|delivery| again.contains(delivery)));
    assert_eq!(ledger.ids_of(&hook, DeliveryStatus::Succeeded).await.len(), 6);
    assert_eq!(ledger.webhook(&hook).await.failure_count, 0);
    ledger.send(ledger.event(&shop, ORDER, at(10))).await;
}
