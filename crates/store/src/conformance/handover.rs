//! What dispatch is told of a commit, and what it is handed.

use sellvik_domain::Verdict;

use super::fixtures::{Ledger, ORDER, at, attempted, retry};
use super::intake::Recorder;
use crate::{Settled, Settling};

pub(crate) async fn without_an_intake_everything_waits(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.order(&shop, at(1)).await;
    assert_eq!(ledger.lanes_waiting(None, 10).await.unwrap(), [(hook.lane, at(1))]);
}

pub(crate) async fn a_delivery_that_finds_room_is_handed_over_leased(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    let intake = Recorder::accepting();
    ledger.attach(intake.clone());
    let event = ledger.event(&shop, ORDER, at(1));
    ledger.send(event.clone()).await;

    let told = intake.told();
    let [leased] = &told.handed_over[..] else { panic!("{:?}", told.handed_over) };
    let detail = ledger.only_delivery(&hook).await;
    assert_eq!(told.reserved, [(hook.lane, detail.body.len())]);
    assert!(told.waiting.is_empty() && told.cancelled.is_empty());
    assert_eq!((leased.lane, leased.delivery, &leased.event.id), (hook.lane, detail.delivery.id, &event.id));
    assert_eq!((leased.due, leased.attempts, leased.chain.entry), (at(1), 0, 0));
    assert_eq!((leased.chain.origin, leased.chain.client_error, leased.chain.test), (at(1), false, false));
    assert_eq!(leased.event.envelope, detail.body);

    assert_eq!(ledger.lanes_waiting(None, 10).await.unwrap(), [], "it is leased");
    assert!(ledger.claim_from(&hook, 10, at(9)).await.leased.is_empty());
    let settling = ledger.settle_as(leased, attempted(at(1), Verdict::Succeeded)).await;
    assert_eq!(settling, Settling::Recorded);
}

pub(crate) async fn a_delivery_that_finds_no_room_waits(ledger: &Ledger) {
    let shop = ledger.shop("acme").await;
    let first = ledger.hook(&shop, "a.example", &[ORDER]).await;
    let second = ledger.hook(&shop, "b.example", &[ORDER]).await;
    let intake = Recorder::with_room(1);
    ledger.attach(intake.clone());
    ledger.order(&shop, at(1)).await;
    let told = intake.told();
    assert_eq!(told.handed_over.iter().map(|leased| leased.lane).collect::<Vec<_>>(), [first.lane]);
    assert_eq!(told.waiting, [(second.lane, at(1))]);
    assert_eq!(ledger.lanes_waiting(None, 10).await.unwrap(), [(second.lane, at(1))]);
    ledger.claim_only(&second, at(1)).await;
}

pub(crate) async fn what_waits_again_is_told(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    let intake = Recorder::refusing();
    ledger.attach(intake.clone());
    let settled = [
        (attempted(at(1), retry(at(30), 1)), Some(at(30))),
        (Settled::Postponed { until: at(40) }, Some(at(40))),
        (Settled::Released, Some(at(1))),
        (attempted(at(1), Verdict::Succeeded), None),
    ];
    for (settled, told) in settled {
        ledger.order(&shop, at(1)).await;
        let leased = ledger.claim_only(&hook, at(1)).await;
        intake.told();
        ledger.settle_as(&leased, settled.clone()).await;
        let expected: Vec<_> = told.map(|due| (hook.lane, due)).into_iter().collect();
        assert_eq!(intake.told().waiting, expected, "{settled:?}");

        ledger.settle_as(&leased, settled.clone()).await;
        assert!(intake.told().waiting.is_empty(), "a lost lease moves nothing: {settled:?}");
        for rest in ledger.claim_from(&hook, 10, at(1)).await.leased {
            ledger.settle_as(&rest, attempted(at(1), Verdict::Succeeded)).await;
        }
    }
}
