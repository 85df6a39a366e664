//! `webhook.failed`: a drop is told to the shop's other webhooks.

use sellvik_domain::{DropReason, Verdict, WEBHOOK_FAILED};

use super::fixtures::{Hook, Ledger, ORDER, at, attempted, settlement};
use super::intake::Recorder;
use crate::{NewEvent, Settled, Settlement, Settling};

const BOTH: [&str; 2] = [ORDER, WEBHOOK_FAILED];

impl Ledger {
    /// Gives up the hook's one due delivery with this notice.
    async fn drop_with_notice(&self, hook: &Hook, notice: &NewEvent) {
        let leased = self.claim_only(hook, at(1)).await;
        let settled = attempted(at(2), Verdict::Dropped(DropReason::ClientError));
        let settlement = Settlement { notice: Some(notice.clone()), ..settlement(&leased, settled) };
        assert_eq!(self.settle_one(settlement.clone()).await, Settling::Recorded);
        assert_eq!(self.settle_one(settlement).await, Settling::LeaseLost, "and tells nobody twice");
    }
}

pub(crate) async fn a_drop_is_told_to_the_shops_other_webhooks(ledger: &Ledger) {
    let (shop, stranger) = (ledger.shop("acme").await, ledger.shop("stranger").await);
    let failing = ledger.hook(&shop, "failing.example", &BOTH).await;
    ledger.order(&shop, at(1)).await;
    let told = ledger.hook(&shop, "told.example", &BOTH).await;
    let also_told = ledger.hook(&shop, "also-told.example", &[WEBHOOK_FAILED]).await;
    let silent = [
        ledger.hook(&shop, "orders.example", &[ORDER]).await,
        ledger.hook(&shop, "disabled.example", &BOTH).await,
        ledger.hook(&shop, "deleted.example", &BOTH).await,
        ledger.hook(&stranger, "stranger.example", &BOTH).await,
    ];
    ledger.enable(&silent[1], false).await;
    ledger.delete(&silent[2]).await;
    let intake = Recorder::with_room(1);
    ledger.attach(intake.clone());

    let notice = ledger.event(&shop, WEBHOOK_FAILED, at(2));
    ledger.drop_with_notice(&failing, &notice).await;
    for hook in [&told, &also_told] {
        let detail = ledger.only_delivery(hook).await;
        assert_eq!((&detail.delivery.event, detail.delivery.created_at), (&notice.id, at(2)));
        let body = String::from_utf8(detail.body.to_vec()).unwrap();
        assert!(body.contains("\"type\":\"webhook.failed\""), "{body}");
    }
    for hook in &silent {
        assert_eq!(ledger.deliveries(hook).await, []);
    }
    assert_eq!(ledger.deliveries(&failing).await.len(), 1, "never to itself");
    let heard = intake.told();
    assert_eq!(heard.handed_over.iter().map(|leased| leased.lane).collect::<Vec<_>>(), [told.lane]);
    assert_eq!(heard.waiting, [(also_told.lane, at(2))]);
}

pub(crate) async fn a_drop_that_nobody_hears_of_makes_no_event(ledger: &Ledger) {
    let shop = ledger.shop("acme").await;
    let failing = ledger.hook(&shop, "failing.example", &BOTH).await;
    ledger.hook(&shop, "b.example", &[ORDER]).await;
    ledger.order(&shop, at(1)).await;
    let notice = ledger.event(&shop, WEBHOOK_FAILED, at(2));
    ledger.drop_with_notice(&failing, &notice).await;
    assert_eq!(ledger.deliveries(&failing).await.len(), 1);
    assert!(!ledger.send(notice).await.duplicate, "its id was never taken");
}

pub(crate) async fn a_drop_without_an_attempt_is_told_too(ledger: &mut Ledger) {
    let shop = ledger.shop("acme").await;
    let failing = ledger.hook(&shop, "failing.example", &[ORDER]).await;
    let told = ledger.hook(&shop, "told.example", &[WEBHOOK_FAILED]).await;
    ledger.order(&shop, at(1)).await;
    let leased = ledger.claim_only(&failing, at(1)).await;
    let settled = Settled::Dropped { reason: DropReason::EndpointUnavailable, at: at(2) };
    let notice = Some(ledger.event(&shop, WEBHOOK_FAILED, at(2)));
    let settlement = Settlement { notice: notice.clone(), ..settlement(&leased, settled) };
    assert_eq!(ledger.settle_one(settlement).await, Settling::Recorded);
    ledger.reopen().await;
    let heard = ledger.claim_only(&told, at(2)).await;
    assert_eq!(Some(&heard.event.id), notice.as_ref().map(|notice| &notice.id));
}
