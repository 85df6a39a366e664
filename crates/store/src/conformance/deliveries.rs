//! Looking at deliveries.

use sellvik_domain::{DeliveryId, DeliveryStatus, DropReason, Verdict};

use super::fixtures::{Ledger, ORDER, STOCK, at, retry};

pub(crate) async fn deliveries_are_listed_by_status_newest_first(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    let other = ledger.hook(&shop, "b.example", &[STOCK]).await;
    let verdicts = [
        Some(Verdict::Succeeded),
        Some(retry(at(1000), 1)),
        Some(Verdict::Dropped(DropReason::ClientError)),
        None,
    ];
    for (second, verdict) in (0..).zip(verdicts.into_iter().cycle().take(8)) {
        match verdict {
            Some(verdict) => ledger.attempted_order(&shop, &hook, at(second), verdict).await,
            // Not due while the others are claimed.
            None => drop(ledger.order(&shop, at(500 + second)).await),
        }
    }
    let all = ledger.deliveries(&hook).await;
    assert_eq!(all.len(), 8);
    assert!(all.is_sorted_by(|a, b| a.id > b.id));
    for status in DeliveryStatus::ALL {
        let expected: Vec<_> =
            all.iter().filter(|found| found.state.status() == status).map(|found| found.id).collect();
        assert_eq!(expected.len(), 2, "{status:?}");
        assert_eq!(ledger.ids_of(&hook, status).await, expected);
        let behind = ledger.delivery_list(shop.id, hook.id, Some(status), Some(expected[0]), 10).await;
        assert_eq!(behind.unwrap().iter().map(|found| found.id).collect::<Vec<_>>(), expected[1..]);
    }
    assert_eq!(ledger.deliveries(&other).await, []);
}

pub(crate) async fn a_walk_over_deliveries_holds_while_they_grow(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    for second in [1, 1, 2, 3, 3] {
        ledger.order(&shop, at(second)).await;
    }
    let expected: Vec<_> = ledger.deliveries(&hook).await.into_iter().map(|found| found.id).collect();
    assert_eq!(expected.len(), 5);
    for status in [None, Some(DeliveryStatus::Pending)] {
        let (mut walked, mut after) = (Vec::new(), Some(expected[0]));
        for _ in 0..20 {
            let page = ledger.delivery_list(shop.id, hook.id, status, after, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            walked.extend(page.into_iter().map(|found| found.id));
            ledger.order(&shop, at(3)).await;
        }
        assert_eq!(walked, expected[1..]);
    }
}

pub(crate) async fn a_leased_delivery_is_shown_as_due(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.order(&shop, at(1)).await;
    let before = ledger.only_delivery(&hook).await.delivery;
    ledger.claim_only(&hook, at(1)).await;
    assert_eq!(ledger.only_delivery(&hook).await.delivery, before);
}

pub(crate) async fn deliveries_are_one_webhooks_of_one_shop(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    let second = ledger.hook(&shop, "b.example", &[STOCK]).await;
    let stranger = ledger.shop("stranger").await.id;
    ledger.order(&shop, at(1)).await;
    let id = ledger.only_delivery(&hook).await.delivery.id;
    assert!(ledger.delivery_list(stranger, hook.id, None, None, 10).await.unwrap().is_empty());
    for (shop, webhook, id) in [
        (stranger, hook.id, id),
        (shop.id, second.id, id),
        (shop.id, hook.id, DeliveryId::new(at(1), [9; 10])),
    ] {
        assert!(ledger.delivery_get(shop, webhook, id).await.unwrap().is_none());
        assert!(ledger.delivery_redeliver(shop, webhook, id, at(2), [8; 10]).await.unwrap().is_none());
    }
    ledger.delete(&hook).await;
    assert!(ledger.deliveries(&hook).await.is_empty());
    assert!(ledger.delivery_get(shop.id, hook.id, id).await.unwrap().is_none());
    assert!(ledger.delivery_redeliver(shop.id, hook.id, id, at(2), [8; 10]).await.unwrap().is_none());
    assert_eq!(ledger.claim_only(&hook, at(1)).await.delivery, id, "what is queued goes on");
}

pub(crate) async fn a_narrower_subscription_stops_no_delivery(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.order(&shop, at(1)).await;
    let events = Some(super::fixtures::kinds(&[STOCK]));
    ledger.patch(&hook, sellvik_domain::WebhookPatch { events, ..Default::default() }).await;
    ledger.enable(&hook, false).await;
    ledger.enable(&hook, true).await;
    assert_eq!(ledger.claim_only(&hook, at(1)).await.event.kind.as_str(), ORDER);
}
