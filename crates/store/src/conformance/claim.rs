//! Claiming what is due: so much per lane, earliest first, each delivery once.

use std::collections::HashSet;

use sellvik_domain::{DeliveryState, Lane, Verdict};
use tokio::task::JoinSet;

use super::fixtures::{Ledger, ORDER, at, attempted, retry};
use crate::{ClaimLane, Settled};

fn dues(claimed: &[crate::Leased]) -> Vec<i64> {
    claimed.iter().map(|leased| leased.due.as_millis() / 1000 - at(0).as_secs()).collect()
}

pub(crate) async fn a_lane_gives_up_to_its_count_earliest_first(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    for second in [4, 2, 5, 1, 3] {
        ledger.order(&shop, at(second)).await;
    }
    let claimed = ledger.claim_from(&hook, 3, at(9)).await;
    assert_eq!(dues(&claimed.leased), [1, 2, 3]);
    assert_eq!(claimed.next, [(hook.lane, at(4))]);
    let claimed = ledger.claim_from(&hook, 3, at(9)).await;
    assert_eq!(dues(&claimed.leased), [4, 5]);
    assert_eq!(claimed.next, []);
    let claimed = ledger.claim_from(&hook, 3, at(9)).await;
    assert!(claimed.leased.is_empty() && claimed.next.is_empty());
}

pub(crate) async fn what_is_not_due_stays(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.order(&shop, at(10)).await;
    ledger.order(&shop, at(60)).await;
    let claimed = ledger.claim_from(&hook, 10, at(9)).await;
    assert!(claimed.leased.is_empty());
    assert_eq!(claimed.next, [(hook.lane, at(10))]);
    let claimed = ledger.claim_from(&hook, 10, at(10)).await;
    assert_eq!(dues(&claimed.leased), [10]);
    assert_eq!(claimed.next, [(hook.lane, at(60))]);
}

pub(crate) async fn a_long_lane_holds_back_no_other(ledger: &Ledger) {
    let (shop, other) = (ledger.shop("acme").await, ledger.shop("other").await);
    let long = ledger.hook(&shop, "long.example", &[ORDER]).await;
    let short = ledger.hook(&other, "short.example", &[ORDER]).await;
    let backlog = (0..5000).map(|_| ledger.event(&shop, ORDER, at(1))).collect();
    ledger.publish(backlog).await.unwrap();
    ledger.order(&other, at(2)).await;

    assert_eq!(ledger.lanes_waiting(None, 10).await.unwrap(), [(long.lane, at(1)), (short.lane, at(2))]);
    let lanes = [&long, &short].map(|hook| ClaimLane { lane: hook.lane, count: 10, tests_only: false });
    let claimed = ledger.claim(lanes.to_vec(), at(2)).await.unwrap();
    let of = |lane: Lane| claimed.leased.iter().filter(|leased| leased.lane == lane).count();
    assert_eq!((of(long.lane), of(short.lane)), (10, 1));
    assert_eq!(claimed.next, [(long.lane, at(1))]);
}

pub(crate) async fn lanes_are_counted_apart(ledger: &Ledger) {
    let shop = ledger.shop("acme").await;
    let hooks = [
        ledger.hook(&shop, "a.example", &[ORDER]).await,
        ledger.hook(&shop, "b.example", &[ORDER]).await,
        ledger.hook(&shop, "c.example", &[ORDER]).await,
    ];
    for second in 1..=3 {
        ledger.order(&shop, at(second)).await;
    }
    let wanted = [(0, 2), (1, 0), (2, 9)];
    let lanes = wanted.map(|(n, count)| ClaimLane { lane: hooks[n].lane, count, tests_only: false });
    let claimed = ledger.claim(lanes.to_vec(), at(9)).await.unwrap();
    for (n, expected) in [(0, 2), (1, 0), (2, 3)] {
        assert_eq!(claimed.leased.iter().filter(|leased| leased.lane == hooks[n].lane).count(), expected);
    }
    let mut next = claimed.next;
    next.sort_unstable();
    assert_eq!(next, [(hooks[0].lane, at(3)), (hooks[1].lane, at(1))]);
    let shared: Vec<_> = claimed.leased.iter().filter(|leased| leased.due == at(1)).collect();
    assert_eq!(shared.len(), 2);
    assert_eq!(shared[0].event.id, shared[1].event.id);
}

pub(crate) async fn overdue_retries_leave_half_of_a_claim_to_first_attempts(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    for _ in 0..8 {
        ledger.attempted_order(&shop, &hook, at(1), retry(at(2), 1)).await;
    }
    for second in [10, 11, 12, 60] {
        ledger.order(&shop, at(second)).await;
    }
    let claimed = ledger.claim_from(&hook, 4, at(20)).await;
    assert_eq!(dues(&claimed.leased), [2, 2, 10, 11], "the earliest of each");
    assert_eq!(claimed.next, [(hook.lane, at(2))]);
    assert_eq!(dues(&ledger.claim_from(&hook, 1, at(20)).await.leased), [2], "half of one is none");
    let rest = ledger.claim_from(&hook, 4, at(20)).await.leased;
    assert_eq!(dues(&rest), [2, 2, 2, 12], "and no more than there are");
    assert_eq!(dues(&ledger.claim_from(&hook, 9, at(20)).await.leased), [2, 2]);
}

pub(crate) async fn a_claim_says_which_lanes_failed_last(ledger: &mut Ledger) {
    let shop = ledger.shop("acme").await;
    let [good, bad] = [
        ledger.hook(&shop, "good.example", &["order.paid"]).await,
        ledger.hook(&shop, "bad.example", &[ORDER]).await,
    ];
    ledger.attempted_order(&shop, &bad, at(1), retry(at(2), 1)).await;
    ledger.send(ledger.event(&shop, "order.paid", at(1))).await;
    ledger.reopen().await;
    let lanes = [&good, &bad].map(|hook| ClaimLane { lane: hook.lane, count: 1, tests_only: false });
    let claimed = ledger.claim(lanes.to_vec(), at(2)).await.unwrap();
    assert_eq!(claimed.failing, [bad.lane]);
    ledger.settle_as(&claimed.leased[1], attempted(at(3), Verdict::Succeeded)).await;
    assert!(ledger.claim(lanes.to_vec(), at(3)).await.unwrap().failing.is_empty());
}

pub(crate) async fn waiting_lanes_are_walked_in_order(ledger: &Ledger) {
    let mut expected = Vec::new();
    for n in 1..=4 {
        let shop = ledger.shop(&format!("shop-{n}")).await;
        let hook = ledger.hook(&shop, "a.example", &[ORDER]).await;
        for second in [50 - n, 20 - n, 80] {
            ledger.order(&shop, at(second)).await;
        }
        expected.push((hook.lane, at(20 - n)));
    }
    let idle = ledger.shop("idle").await;
    ledger.hook(&idle, "a.example", &[ORDER]).await;
    let (mut walked, mut after) = (Vec::new(), None);
    for _ in 0..20 {
        let page = ledger.lanes_waiting(after, 3).await.unwrap();
        assert!(page.len() <= 3);
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        walked.extend(page);
    }
    assert_eq!(walked, expected);
}

pub(crate) async fn a_held_lane_gives_its_tests_alone(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.order(&shop, at(1)).await;
    for second in [5, 3, 60] {
        ledger.publish_test(hook.id, ledger.event(&shop, ORDER, at(second))).await.unwrap();
    }
    let claim = |count| async move {
        let lane = ClaimLane { lane: hook.lane, count, tests_only: true };
        let leased = ledger.claim(vec![lane], at(9)).await.unwrap().leased;
        assert!(leased.iter().all(|leased| leased.chain.test));
        dues(&leased)
    };
    let mut first = claim(1).await;
    assert_eq!(first.len(), 1);
    first.extend(claim(9).await);
    first.sort_unstable();
    assert_eq!(first, [3, 5]);
    assert!(claim(9).await.is_empty());
}

pub(crate) async fn concurrent_claims_share_nothing(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    let events = (0..100).map(|_| ledger.event(&shop, ORDER, at(1))).collect();
    ledger.publish(events).await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let (store, lane) = (ledger.handle(), ClaimLane { lane: hook.lane, count: 7, tests_only: false });
        tasks.spawn(async move { store.claim(vec![lane], at(1)).await.unwrap().leased });
    }
    let leased: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(leased.len(), 100);
    assert_eq!(leased.iter().map(|leased| leased.delivery).collect::<HashSet<_>>().len(), 100);
}

pub(crate) async fn a_claim_knows_how_far_its_delivery_has_come(ledger: &mut Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.order(&shop, at(1)).await;
    let verdict = Verdict::RetryAt { at: at(40), entry: 3, client_error: true };
    let first = ledger.claim_only(&hook, at(1)).await;
    ledger.settle_as(&first, attempted(at(2), verdict)).await;
    ledger.reopen().await;
    let second = ledger.claim_only(&hook, at(40)).await;
    assert_eq!((second.delivery, second.attempts, second.due), (first.delivery, 1, at(40)));
    assert_eq!((second.chain.origin, second.chain.entry), (at(1), 3));
    assert!(second.chain.client_error && !second.chain.test);
    assert_eq!(second.event.envelope, first.event.envelope);

    ledger.settle_as(&second, Settled::Released).await;
    let state = ledger.only_delivery(&hook).await.delivery.state;
    assert_eq!(state, DeliveryState::Failed { due: at(40) });
}
