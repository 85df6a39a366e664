//! Publishing: which deliveries an event makes, and that they are kept.

use std::collections::HashSet;

use sellvik_domain::{DeliveryState, Patch, Subdomain, WebhookPatch, delivery_id_of_family};
use tokio::task::JoinSet;

use super::fixtures::{Ledger, ORDER, STOCK, at, kinds, with_data};
use super::intake::Recorder;
use crate::{ClaimLane, NewEvent, Published, StoreError};

pub(crate) async fn an_event_goes_to_who_wants_it(ledger: &Ledger) {
    let (shop, other) = (ledger.shop("acme").await, ledger.shop("other").await);
    let both = ledger.hook(&shop, "both.example", &[STOCK, ORDER]).await;
    let orders = ledger.hook(&shop, "orders.example", &[ORDER]).await;
    let silent = [
        ledger.hook(&shop, "stock.example", &[STOCK]).await,
        ledger.hook(&shop, "disabled.example", &[ORDER]).await,
        ledger.hook(&shop, "deleted.example", &[ORDER]).await,
        ledger.hook(&other, "other.example", &[ORDER]).await,
    ];
    ledger.enable(&silent[1], false).await;
    ledger.delete(&silent[2]).await;

    let event = ledger.event(&shop, ORDER, at(5));
    let published = ledger.send(event.clone()).await;
    assert_eq!(published, Published { id: event.id.clone(), deliveries: 2, duplicate: false });
    for hook in [&both, &orders] {
        let delivery = ledger.only_delivery(hook).await.delivery;
        assert_eq!((&delivery.event, &delivery.kind), (&event.id, &event.kind));
        assert_eq!((delivery.created_at, delivery.state), (at(5), DeliveryState::Pending { due: at(5) }));
        assert_eq!((delivery.attempts, delivery.last), (0, None));
        assert_eq!((delivery.test, delivery.redelivery_of), (false, None));
    }
    for hook in &silent {
        assert_eq!(ledger.deliveries(hook).await, []);
        assert!(ledger.claim_from(hook, 10, at(9)).await.leased.is_empty());
    }
}

pub(crate) async fn every_change_of_a_webhook_holds_for_the_next_event(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    let events = |names: &[&str]| WebhookPatch { events: Some(kinds(names)), ..WebhookPatch::default() };
    assert_eq!(ledger.order(&shop, at(1)).await.deliveries, 1);
    ledger.patch(&hook, events(&[STOCK])).await;
    assert_eq!(ledger.order(&shop, at(2)).await.deliveries, 0);
    ledger.patch(&hook, events(&[ORDER])).await;
    assert_eq!(ledger.order(&shop, at(3)).await.deliveries, 1);
    ledger.enable(&hook, false).await;
    assert_eq!(ledger.order(&shop, at(4)).await.deliveries, 0);
    ledger.enable(&hook, true).await;
    assert_eq!(ledger.order(&shop, at(5)).await.deliveries, 1);
    ledger.delete(&hook).await;
    assert_eq!(ledger.order(&shop, at(6)).await.deliveries, 0);
    ledger.hook(&shop, "b.example", &[ORDER]).await;
    assert_eq!(ledger.order(&shop, at(7)).await.deliveries, 1);
}

pub(crate) async fn the_envelope_is_exact_and_data_untouched(ledger: &mut Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    let data = "{ \"total\" : 1.50,\n\"name\":\"\\u015eirin\", \"a\":1,\"a\":2 }";
    let event = NewEvent { created_at: at(1), ..with_data(ledger.event(&shop, ORDER, at(5)), data) };
    ledger.send(event.clone()).await;
    let renamed = Subdomain::parse("renamed").ok();
    ledger.shop_update(shop.id, renamed, Patch::Leave).await.unwrap();

    let envelope = format!(
        "{{\"id\":\"{}\",\"type\":\"order.created\",\"createdAt\":\"2026-05-27T13:45:01.000Z\",\
         \"shopSubdomain\":\"acme\",\"shopId\":\"{}\",\"data\":{data}}}",
        event.id, shop.id
    );
    assert_eq!(ledger.only_delivery(&hook).await.body, envelope);
    let second = ledger.event(&shop, ORDER, at(6));
    ledger.send(second.clone()).await;
    ledger.reopen().await;
    let leased = ledger.claim_only(&hook, at(5)).await;
    assert_eq!(leased.event.envelope, envelope);
    assert_eq!((&leased.event.id, &leased.event.kind), (&event.id, &event.kind));
    assert_eq!(leased.event.subdomain.as_str(), "acme", "the subdomain of acceptance");

    let leased = ledger.claim_only(&hook, at(6)).await;
    assert_eq!((&leased.event.id, leased.event.subdomain.as_str()), (&second.id, "renamed"));
}

pub(crate) async fn a_repeated_event_is_answered_and_not_sent(ledger: &mut Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    let event = ledger.event(&shop, ORDER, at(1));
    ledger.send(event.clone()).await;
    ledger.hook(&shop, "b.example", &[ORDER]).await;
    ledger.reopen().await;
    let intake = Recorder::accepting();
    ledger.attach(intake.clone());

    let again = NewEvent { accepted_at: at(9), seed: ledger.seed(), ..event.clone() };
    let answer = ledger.send(again.clone()).await;
    assert_eq!(answer, Published { id: event.id.clone(), deliveries: 1, duplicate: true });
    assert_eq!(ledger.only_delivery(&hook).await.delivery.created_at, at(1));

    let other = with_data(again, "{\"other\":true}");
    let answer = ledger.publish(vec![other.clone()]).await.unwrap().remove(0);
    assert!(matches!(answer, Err(StoreError::EventIdConflict)));
    let told = intake.told();
    assert!(told.reserved.is_empty() && told.handed_over.is_empty() && told.waiting.is_empty());

    let elsewhere = ledger.shop("other").await;
    let answer = ledger.send(NewEvent { shop: elsewhere.id, ..other }).await;
    assert!(!answer.duplicate, "ids are unique per shop");
}

pub(crate) async fn an_id_is_remembered_even_if_nobody_wanted_the_event(ledger: &mut Ledger) {
    let shop = ledger.shop("acme").await;
    let event = ledger.event(&shop, ORDER, at(1));
    assert_eq!(ledger.send(event.clone()).await.deliveries, 0);
    let hook = ledger.hook(&shop, "a.example", &[ORDER]).await;
    ledger.reopen().await;
    let answer = ledger.send(event.clone()).await;
    assert_eq!(answer, Published { id: event.id.clone(), deliveries: 0, duplicate: true });
    let other = with_data(event, "{\"other\":true}");
    let answer = ledger.publish(vec![other]).await.unwrap().remove(0);
    assert!(matches!(answer, Err(StoreError::EventIdConflict)));
    assert_eq!(ledger.deliveries(&hook).await, []);
}

pub(crate) async fn a_refused_event_leaves_its_neighbours_alone(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    let first = ledger.event(&shop, ORDER, at(1));
    let conflict = with_data(first.clone(), "{\"other\":true}");
    let unknown = ledger.event(&ledger.new_shop("nobody"), ORDER, at(1));
    let last = ledger.event(&shop, ORDER, at(1));
    let events = vec![unknown, first.clone(), conflict, first.clone(), last.clone()];
    let answers = ledger.publish(events).await.unwrap();
    let answer = |id: &NewEvent, duplicate| Published { id: id.id.clone(), deliveries: 1, duplicate };
    assert!(matches!(&answers[0], Err(StoreError::ShopUnknown)));
    assert_eq!(answers[1].as_ref().ok(), Some(&answer(&first, false)));
    assert!(matches!(&answers[2], Err(StoreError::EventIdConflict)));
    assert_eq!(answers[3].as_ref().ok(), Some(&answer(&first, true)));
    assert_eq!(answers[4].as_ref().ok(), Some(&answer(&last, false)));
    let sent: Vec<_> = ledger.deliveries(&hook).await.into_iter().map(|found| found.event).collect();
    assert_eq!(sent, [last.id, first.id], "newest first, also within a moment");
    assert!(ledger.publish(Vec::new()).await.unwrap().is_empty());
}

pub(crate) async fn concurrent_publishes_are_all_kept(ledger: &mut Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    let mut tasks = JoinSet::new();
    for _ in 0..200 {
        let (store, event) = (ledger.handle(), ledger.event(&shop, ORDER, at(1)));
        tasks.spawn(async move { store.publish(vec![event]).await.unwrap().remove(0).unwrap() });
    }
    let published: HashSet<_> = tasks.join_all().await.into_iter().map(|answer| answer.id).collect();
    assert_eq!(published.len(), 200);
    ledger.reopen().await;
    let leased = ledger.claim_from(&hook, 1000, at(1)).await.leased;
    assert_eq!(leased.len(), 200);
    assert_eq!(leased.into_iter().map(|leased| leased.event.id.clone()).collect::<HashSet<_>>(), published);
}

pub(crate) async fn a_test_event_goes_to_one_webhook_even_a_disabled_one(ledger: &mut Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    let stranger = ledger.shop("stranger").await;
    let other = ledger.hook(&shop, "b.example", &[STOCK]).await;
    ledger.enable(&hook, false).await;
    let event = ledger.event(&shop, STOCK, at(1));
    let answer = ledger.publish_test(hook.id, event.clone()).await.unwrap().unwrap();
    assert_eq!(answer.id, delivery_id_of_family(at(1), event.seed, 0));
    ledger.reopen().await;
    let found = ledger.only_delivery(&hook).await;
    assert!(answer.test && answer == found.delivery);
    assert_eq!(
        found.body,
        format!(
            "{{\"id\":\"{}\",\"type\":\"inventory.low_stock\",\"createdAt\":\"2026-05-27T13:45:01.000Z\",\
             \"shopSubdomain\":\"acme\",\"shopId\":\"{}\",\"test\":true,\"data\":{{}}}}",
            event.id, shop.id
        )
    );
    assert_eq!(ledger.deliveries(&other).await, []);

    let tests = ClaimLane { lane: hook.lane, count: 10, tests_only: true };
    let leased = ledger.claim(vec![tests], at(1)).await.unwrap().leased;
    assert!(leased.len() == 1 && leased[0].chain.test);

    let foreign = NewEvent { shop: stranger.id, ..ledger.event(&shop, ORDER, at(2)) };
    assert_eq!(ledger.publish_test(hook.id, foreign).await.unwrap(), None);
    ledger.delete(&other).await;
    let late = ledger.event(&shop, STOCK, at(2));
    assert_eq!(ledger.publish_test(other.id, late).await.unwrap(), None);
}
