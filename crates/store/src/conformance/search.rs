//! Looking back: searches over a webhook's deliveries, an event's deliveries, and hourly counts.

use std::time::Duration;

use sellvik_domain::{
    Delivery, DeliveryId, DeliveryStatus, DropReason, EventId, EventType, HourCounts, Timestamp, Verdict,
    WebhookHour,
};

use super::fixtures::{Hook, Ledger, ORDER, STOCK, at, attempt, retry};
use crate::{DeliverySearch, Found, Settled, Settling};

const HOUR_S: i64 = 3600;

impl Ledger {
    async fn search(
        &self,
        hook: &Hook,
        search: &DeliverySearch,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> Found {
        self.delivery_search(hook.shop, hook.id, search.clone(), after, limit).await.unwrap()
    }

    /// Everything a search finds, page by page, and how many pages that took.
    async fn walk(&self, hook: &Hook, search: &DeliverySearch, limit: u32) -> (Vec<DeliveryId>, usize) {
        let (mut all, mut after) = (Vec::new(), None);
        for pages in 1..200 {
            let found = self.search(hook, search, after, limit).await;
            let full = found.items.len() == limit as usize;
            assert!(found.items.len() <= limit as usize);
            assert!(!full || found.more_behind.is_none(), "a full page is gone on from by its last");
            after = if full { found.items.last().map(|delivery| delivery.id) } else { found.more_behind };
            all.extend(found.items.into_iter().map(|delivery| delivery.id));
            if after.is_none() {
                return (all, pages);
            }
        }
        panic!("the walk does not end");
    }

    async fn of_event(&self, hook: &Hook, event: &EventId, limit: u32) -> Vec<DeliveryId> {
        let found = self.delivery_of_event(hook.shop, hook.id, event.clone(), limit).await.unwrap();
        assert!(found.iter().all(|delivery| delivery.event == *event), "{found:?}");
        found.into_iter().map(|delivery| delivery.id).collect()
    }

    /// The first hundred deliveries made of one event.
    async fn made_of(&self, hook: &Hook, event: &EventId) -> Vec<DeliveryId> {
        let all = self.deliveries(hook).await;
        all.into_iter().filter(|delivery| delivery.event == *event).map(|delivery| delivery.id).collect()
    }

    async fn hours(&self, hook: &Hook, since: Timestamp) -> Vec<WebhookHour> {
        let mut found = self.webhook_hours(hook.shop, vec![hook.id], since).await.unwrap();
        assert_eq!(found.len(), 1);
        let (webhook, hours) = found.remove(0);
        assert_eq!(webhook, hook.id);
        hours
    }
}

fn of_kind(kind: &str) -> DeliverySearch {
    DeliverySearch { kind: EventType::parse(kind), ..DeliverySearch::default() }
}

/// Every choice of each filter, in every combination.
fn combinations() -> Vec<DeliverySearch> {
    let statuses = [None].into_iter().chain(DeliveryStatus::ALL.map(Some));
    let kinds = [None, EventType::parse(ORDER), EventType::parse(STOCK)];
    let moments = [None, Some(at(0)), Some(at(4)), Some(at(9)), Some(at(100))];
    let mut all = Vec::new();
    for status in statuses {
        for kind in &kinds {
            for since in moments {
                for until in moments {
                    all.push(DeliverySearch { status, kind: kind.clone(), since, until });
                }
            }
        }
    }
    all
}

fn meets(delivery: &Delivery, search: &DeliverySearch) -> bool {
    search.status.is_none_or(|status| delivery.state.status() == status)
        && search.kind.as_ref().is_none_or(|kind| delivery.kind == *kind)
        && search.since.is_none_or(|since| delivery.created_at >= since)
        && search.until.is_none_or(|until| delivery.created_at < until)
}

pub(crate) async fn a_search_finds_what_meets_all_of_it(ledger: &Ledger) {
    let shop = ledger.shop("acme").await;
    let hook = ledger.hook(&shop, "a.example", &[ORDER, STOCK]).await;
    let bystander = ledger.hook(&shop, "b.example", &[ORDER, STOCK]).await;
    let verdicts = [
        Some(Verdict::Succeeded),
        Some(retry(at(5000), 1)),
        Some(Verdict::Dropped(DropReason::ClientError)),
        None,
    ];
    for second in 0..16 {
        let kind = if second % 3 == 0 { STOCK } else { ORDER };
        ledger.send(ledger.event(&shop, kind, at(second))).await;
        let leased = ledger.claim_only(&hook, at(second)).await;
        let settled = match verdicts[usize::try_from(second).unwrap() % 4] {
            Some(verdict) => super::fixtures::attempted(at(second), verdict),
            None => Settled::Postponed { until: at(5000) },
        };
        ledger.settle_as(&leased, settled).await;
    }
    let all = ledger.deliveries(&hook).await;
    assert_eq!(all.len(), 16);
    let mut hits = 0;
    for search in combinations() {
        let expected: Vec<_> = all.iter().filter(|one| meets(one, &search)).map(|one| one.id).collect();
        let found = ledger.search(&hook, &search, None, 100).await;
        assert_eq!(found.items.iter().map(|one| one.id).collect::<Vec<_>>(), expected, "{search:?}");
        assert_eq!(found.more_behind, None, "{search:?}");
        assert_eq!(ledger.walk(&hook, &search, 3).await.0, expected, "{search:?}");
        hits += expected.len();
    }
    assert!(hits > 500, "{hits}");
    let everything = ledger.search(&hook, &DeliverySearch::default(), None, 100).await;
    assert_eq!(everything.items, all, "in full");
    assert_eq!(ledger.deliveries(&bystander).await.len(), 16);
}

pub(crate) async fn a_rare_type_is_searched_for_in_bounded_steps(ledger: &Ledger) {
    let shop = ledger.shop("acme").await;
    let hook = ledger.hook(&shop, "a.example", &[ORDER, STOCK]).await;
    let rare = [0, 1, 1099, 1100, 2399];
    let mut expected = Vec::new();
    for from in (0..2400).step_by(400) {
        let kind = |n| if rare.contains(&n) { STOCK } else { ORDER };
        let events = (from..from + 400).map(|n| ledger.event(&shop, kind(n), at(n))).collect();
        for published in ledger.publish(events).await.unwrap() {
            published.unwrap();
        }
        for n in rare.into_iter().filter(|n| (from..from + 400).contains(n)) {
            let moment = DeliverySearch { since: Some(at(n)), until: Some(at(n + 1)), ..of_kind(STOCK) };
            let found = ledger.search(&hook, &moment, None, 10).await;
            assert_eq!((found.items.len(), found.more_behind), (1, None), "{n}");
            expected.insert(0, found.items[0].id);
        }
    }
    let pending = DeliverySearch { status: Some(DeliveryStatus::Pending), ..of_kind(STOCK) };
    for search in [of_kind(STOCK), pending] {
        let first = ledger.search(&hook, &search, None, 10).await;
        assert_eq!(first.items.iter().map(|one| one.id).collect::<Vec<_>>(), expected[..1]);
        assert!(first.more_behind.is_some(), "2400 are more than one look");
        for limit in [1, 2, 10] {
            let (found, pages) = ledger.walk(&hook, &search, limit).await;
            assert_eq!(found, expected, "every one, once, newest first");
            assert!(pages <= 3 + expected.len(), "{pages} pages of {limit}");
        }
    }
    // A type that was never sent takes as many looks as there are steps, and ends.
    let (none, pages) = ledger.walk(&hook, &of_kind("order.paid"), 10).await;
    assert!(none.is_empty() && pages == 3, "{pages}");
}

pub(crate) async fn other_shops_look_back_at_nothing(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    let stranger = ledger.shop("stranger").await.id;
    ledger.attempted_order(&shop, &hook, at(1), Verdict::Succeeded).await;
    let event = ledger.deliveries(&hook).await[0].event.clone();
    let search = DeliverySearch::default();
    let unknown = sellvik_domain::WebhookId::new(at(0), [9; 10]);
    for (shop, webhook) in [(stranger, hook.id), (shop.id, unknown)] {
        assert_eq!(
            ledger.delivery_search(shop, webhook, search.clone(), None, 10).await.unwrap(),
            Found::default()
        );
        assert_eq!(ledger.delivery_of_event(shop, webhook, event.clone(), 10).await.unwrap(), []);
        assert_eq!(ledger.webhook_hours(shop, vec![webhook], at(0)).await.unwrap(), []);
    }
    assert_eq!(ledger.of_event(&hook, &event, 10).await.len(), 1);
    ledger.delete(&hook).await;
    assert_eq!(ledger.search(&hook, &search, None, 10).await, Found::default());
    assert!(ledger.of_event(&hook, &event, 10).await.is_empty());
    assert_eq!(ledger.webhook_hours(shop.id, vec![hook.id], at(0)).await.unwrap(), []);
}

pub(crate) async fn an_events_deliveries_are_found_by_its_id(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    let other = ledger.hook(&shop, "b.example", &[ORDER]).await;
    // Three of one moment, and neighbours a millisecond away.
    let mut events = Vec::new();
    for ms in [0, 1, 1, 1, 2] {
        let moment = Timestamp::from_millis(at(1).as_millis() + ms);
        events.push(ledger.order(&shop, moment).await.id);
    }
    for event in &events {
        for hook in [&hook, &other] {
            let made = ledger.made_of(hook, event).await;
            assert_eq!(made.len(), 1);
            assert_eq!(ledger.of_event(hook, event, 10).await, made);
        }
    }
    for id in ["evt_none", "evt_00000000000000000000000000000000"] {
        assert!(ledger.of_event(&hook, &EventId::parse(id).unwrap(), 10).await.is_empty());
    }
}

pub(crate) async fn an_events_deliveries_made_anew_are_found_too(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    let other = ledger.hook(&shop, "b.example", &[ORDER]).await;
    ledger.attempted_order(&shop, &hook, at(1), Verdict::Succeeded).await;
    let first = ledger.deliveries(&hook).await.remove(0);
    // At the very moment of the event, a moment later, and of one made anew.
    let mut from = first.id;
    for second in [1, 2, 500] {
        let anew = ledger.delivery_redeliver(shop.id, hook.id, from, at(second), ledger.seed()).await;
        from = anew.unwrap().unwrap().id;
        let leased = ledger.claim_only(&hook, at(second)).await;
        ledger.settle_as(&leased, super::fixtures::attempted(at(second), Verdict::Succeeded)).await;
    }
    ledger.order(&shop, at(1)).await;
    let made = ledger.made_of(&hook, &first.event).await;
    assert_eq!(made.len(), 4);
    assert_eq!(ledger.of_event(&hook, &first.event, 10).await, made, "newest first, each once");
    assert_eq!(ledger.of_event(&hook, &first.event, 2).await, made[..2], "the newest of them");
    assert_eq!(ledger.of_event(&other, &first.event, 10).await, ledger.made_of(&other, &first.event).await);
}

pub(crate) async fn what_ended_is_counted_by_the_hour(ledger: &mut Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    let other = ledger.hook(&shop, "b.example", &[STOCK]).await;
    let hour = at(0).as_millis() / (HOUR_S * 1000) * HOUR_S * 1000;
    let moment = |hours: i64, ms: i64| Timestamp::from_millis(hour + hours * HOUR_S * 1000 + ms);
    let last_ms = HOUR_S * 1000 - 1;
    for (at, verdict, duration_ms) in [
        (moment(0, 0), Verdict::Succeeded, 10),
        (moment(0, 5), retry(moment(500, 0), 1), 11),
        (moment(0, last_ms), Verdict::Dropped(DropReason::ClientError), 10_001),
        (moment(1, 0), Verdict::Succeeded, 10_000),
        (moment(3, last_ms), Verdict::Succeeded, 0),
    ] {
        ledger.order(&shop, at).await;
        let leased = ledger.claim_only(&hook, at).await;
        let mut attempt = attempt(at, verdict == Verdict::Succeeded);
        attempt.duration_ms = duration_ms;
        let settling = ledger.settle_as(&leased, Settled::Attempted { attempt, verdict }).await;
        assert_eq!(settling, Settling::Recorded);
    }
    let counts = |succeeded, failed, dropped, buckets: &[usize]| {
        let mut counts = HourCounts { succeeded, failed, dropped, ..HourCounts::default() };
        for bucket in buckets {
            counts.buckets[*bucket] += 1;
        }
        counts
    };
    let expected = [
        WebhookHour { begins: moment(0, 0), counts: counts(1, 2, 1, &[0, 1, 10]) },
        WebhookHour { begins: moment(1, 0), counts: counts(1, 0, 0, &[9]) },
        WebhookHour { begins: moment(3, 0), counts: counts(1, 0, 0, &[0]) },
    ];
    ledger.reopen().await;
    for (since, from) in [
        (moment(-5, 0), 0),
        (moment(0, 0), 0),
        (moment(0, last_ms), 0),
        (moment(1, 0), 1),
        (moment(2, 7), 2),
        (moment(3, last_ms), 2),
        (moment(4, 0), 3),
    ] {
        assert_eq!(ledger.hours(&hook, since).await, expected[from..], "since {since:?}");
    }
    assert_eq!(ledger.hours(&other, at(0).before(Duration::from_hours(24))).await, []);
}

pub(crate) async fn hours_are_told_of_several_webhooks_apart(ledger: &Ledger) {
    let shop = ledger.shop("acme").await;
    let mut hooks = Vec::new();
    for n in 1..=3 {
        let hook = ledger.hook(&shop, &format!("{n}.example.com"), &[]).await;
        for _ in 0..n {
            let test = ledger.event(&shop, ORDER, at(n));
            ledger.publish_test(hook.id, test).await.unwrap().unwrap();
            let leased = ledger.claim_only(&hook, at(n)).await;
            ledger.settle_as(&leased, super::fixtures::attempted(at(n), Verdict::Succeeded)).await;
        }
        hooks.push(hook);
    }
    let asked = vec![hooks[2].id, hooks[0].id];
    let found = ledger.webhook_hours(shop.id, asked.clone(), at(0)).await.unwrap();
    assert_eq!(found.iter().map(|(webhook, _)| *webhook).collect::<Vec<_>>(), asked);
    for ((_, hours), many) in found.iter().zip([3, 1]) {
        assert_eq!(hours.iter().map(|hour| hour.counts.succeeded).sum::<u32>(), many);
    }
    assert_eq!(ledger.webhook_hours(shop.id, Vec::new(), at(0)).await.unwrap(), []);
}
