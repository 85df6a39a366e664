//! Webhooks, as their shop manages them.

use sellvik_domain::{EndpointUrl, Name, Patch, Verdict, WebhookId, WebhookPatch, WebhookSecret};

use super::fixtures::{Hook, Ledger, ORDER, STOCK, at, kinds, retry};
use crate::{NewWebhook, StoreError};

impl Ledger {
    pub(crate) async fn patch(&self, hook: &Hook, patch: WebhookPatch) {
        assert!(self.webhook_update(hook.shop, hook.id, patch, at(0)).await.unwrap().is_some());
    }

    pub(crate) async fn enable(&self, hook: &Hook, enabled: bool) {
        self.patch(hook, WebhookPatch { enabled: Some(enabled), ..WebhookPatch::default() }).await;
    }

    pub(crate) async fn delete(&self, hook: &Hook) {
        assert!(self.webhook_delete(hook.shop, hook.id, at(0), at(300)).await.unwrap());
    }
}

pub(crate) fn to_url(url: &str) -> WebhookPatch {
    WebhookPatch { url: Some(EndpointUrl::parse(url).unwrap()), ..WebhookPatch::default() }
}

pub(crate) async fn a_webhook_survives_as_it_was_written(ledger: &mut Ledger) {
    let shop = ledger.shop("acme").await;
    let mut new = ledger.new_webhook(&shop, "HTTPS://A.example:443/Hook?x=%7e", &[STOCK, ORDER]);
    new.webhook.name = Some(Name::parse("Depo").unwrap());
    new.webhook.enabled = false;
    ledger.webhook_create(new.clone()).await.unwrap();
    ledger.reopen().await;
    let found = ledger.webhook_get(shop.id, new.webhook.id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&new.webhook), "order of events and spelling of the URL are kept");
    assert_eq!(ledger.webhook_get(shop.id, WebhookId::new(at(0), [9; 10])).await.unwrap(), None);
}

pub(crate) async fn a_webhook_needs_its_shop(ledger: &Ledger) {
    let new = ledger.new_webhook(&ledger.new_shop("nobody"), "https://a.example/", &[ORDER]);
    assert!(matches!(ledger.webhook_create(new).await, Err(StoreError::ShopUnknown)));
}

pub(crate) async fn a_url_is_registered_once_in_a_shop(ledger: &Ledger) {
    let (shop, other) = (ledger.shop("acme").await, ledger.shop("other").await);
    let hook = ledger.hook(&shop, "a.example", &[ORDER]).await;
    ledger.enable(&hook, false).await;
    for same in ["https://a.example/hook", "HTTPS://A.EXAMPLE.:443/hook", "https://a.example/x/../hook"] {
        let new = ledger.new_webhook(&shop, same, &[STOCK]);
        let answer = ledger.webhook_create(new).await;
        assert!(matches!(answer, Err(StoreError::DuplicateEndpoint)), "a disabled one counts: {same}");
    }
    ledger.webhook_create(ledger.new_webhook(&shop, "https://a.example/hook/", &[ORDER])).await.unwrap();
    ledger.webhook_create(ledger.new_webhook(&other, "https://a.example/hook", &[ORDER])).await.unwrap();
}

pub(crate) async fn a_patch_cannot_take_a_registered_url(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    let second = ledger.hook(&shop, "b.example", &[ORDER]).await;
    ledger.enable(&hook, false).await;
    let before = ledger.webhook(&second).await;
    let taken = WebhookPatch { enabled: Some(false), ..to_url("https://A.example/hook") };
    let answer = ledger.webhook_update(shop.id, second.id, taken, at(1)).await;
    assert!(matches!(answer, Err(StoreError::DuplicateEndpoint)));
    assert_eq!(ledger.webhook(&second).await, before, "nothing of a refused PATCH is kept");

    ledger.patch(&second, to_url("https://B.example/hook")).await;
    assert_eq!(
        ledger.webhook(&second).await.url.as_sent(),
        "https://B.example/hook",
        "its own is no conflict"
    );
}

pub(crate) async fn a_deleted_webhook_is_gone_and_its_url_free(ledger: &mut Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    let second = ledger.hook(&shop, "b.example", &[ORDER]).await;
    ledger.delete(&hook).await;
    ledger.reopen().await;
    assert_eq!(ledger.webhook_get(shop.id, hook.id).await.unwrap(), None);
    assert_eq!(ledger.webhook_list(shop.id, None, 10).await.unwrap(), [ledger.webhook(&second).await]);
    let patch = WebhookPatch { enabled: Some(true), ..WebhookPatch::default() };
    assert_eq!(ledger.webhook_update(shop.id, hook.id, patch, at(1)).await.unwrap(), None);
    assert!(!ledger.webhook_delete(shop.id, hook.id, at(1), at(2)).await.unwrap());
    let secret = WebhookSecret::new(&[1; 32]);
    assert!(!ledger.webhook_rotate(shop.id, hook.id, secret, at(1), at(1)).await.unwrap());
    ledger.patch(&second, to_url("https://a.example/hook")).await;
    ledger.delete(&second).await;
    ledger.hook(&shop, "a.example", &[ORDER]).await;
}

pub(crate) async fn a_shop_has_so_many_webhooks_and_no_more(ledger: &Ledger) {
    let (shop, other) = (ledger.shop("acme").await, ledger.shop("other").await);
    let new = |n: u8| NewWebhook {
        limit: 2,
        ..ledger.new_webhook(&shop, &format!("https://{n}.example.com/"), &[ORDER])
    };
    let first = new(1);
    ledger.webhook_create(first.clone()).await.unwrap();
    ledger.webhook_create(new(2)).await.unwrap();
    assert!(matches!(ledger.webhook_create(new(3)).await, Err(StoreError::WebhookLimit { limit: 2 })));
    ledger.hook(&other, "a.example", &[ORDER]).await;
    assert!(ledger.webhook_delete(shop.id, first.webhook.id, at(1), at(2)).await.unwrap());
    ledger.webhook_create(new(3)).await.unwrap();
    assert!(matches!(ledger.webhook_create(new(4)).await, Err(StoreError::WebhookLimit { limit: 2 })));
}

pub(crate) async fn another_shops_webhook_does_not_exist(ledger: &Ledger) {
    let (_, hook) = ledger.shop_and_hook().await;
    let stranger = ledger.shop("stranger").await.id;
    let before = ledger.webhook(&hook).await;
    let secret = WebhookSecret::new(&[1; 32]);
    assert_eq!(ledger.webhook_get(stranger, hook.id).await.unwrap(), None);
    assert_eq!(ledger.webhook_list(stranger, None, 10).await.unwrap(), []);
    let patch = WebhookPatch { enabled: Some(false), ..WebhookPatch::default() };
    assert_eq!(ledger.webhook_update(stranger, hook.id, patch, at(1)).await.unwrap(), None);
    assert!(!ledger.webhook_delete(stranger, hook.id, at(1), at(2)).await.unwrap());
    assert!(!ledger.webhook_rotate(stranger, hook.id, secret, at(1), at(1)).await.unwrap());
    assert_eq!(ledger.webhook(&hook).await, before);
}

pub(crate) async fn a_patch_changes_what_it_names(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    let mut expected = ledger.webhook(&hook).await;
    let name = Name::parse("Depo").unwrap();
    let patches = [
        WebhookPatch { name: Patch::Set(name), ..WebhookPatch::default() },
        WebhookPatch { events: Some(kinds(&[STOCK, ORDER])), ..WebhookPatch::default() },
        to_url("https://b.example/"),
        WebhookPatch { enabled: Some(false), ..WebhookPatch::default() },
        WebhookPatch { name: Patch::Clear, ..WebhookPatch::default() },
        WebhookPatch::default(),
    ];
    for patch in patches {
        expected.name = patch.name.clone().apply(expected.name);
        expected.events = patch.events.clone().unwrap_or(expected.events);
        expected.url = patch.url.clone().unwrap_or(expected.url);
        expected.enabled = patch.enabled.unwrap_or(expected.enabled);
        let answer = ledger.webhook_update(shop.id, hook.id, patch, at(1)).await.unwrap();
        assert_eq!(answer.as_ref(), Some(&expected));
        assert_eq!(ledger.webhook(&hook).await, expected);
    }
}

pub(crate) async fn re_enabling_clears_the_failure_count(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.attempted_order(&shop, &hook, at(1), retry(at(100), 1)).await;
    ledger.enable(&hook, true).await;
    assert_eq!(ledger.webhook(&hook).await.failure_count, 1, "it was enabled all along");
    ledger.enable(&hook, false).await;
    assert_eq!(ledger.webhook(&hook).await.failure_count, 1);
    let patch = WebhookPatch { enabled: Some(true), ..WebhookPatch::default() };
    let answer = ledger.webhook_update(shop.id, hook.id, patch, at(9)).await.unwrap().unwrap();
    assert_eq!((answer.failure_count, answer.last_delivery_at), (0, Some(at(1))));
    assert_eq!(ledger.webhook(&hook).await, answer);
    assert_eq!(ledger.endpoint_of(&hook).await.enabled_at, at(9));
    ledger.attempted_order(&shop, &hook, at(10), Verdict::Succeeded).await;
    assert_eq!(ledger.webhook(&hook).await.failure_count, 0);
}

pub(crate) async fn a_walk_over_webhooks_holds_while_they_grow(ledger: &Ledger) {
    let shop = ledger.shop("acme").await;
    let mut expected = Vec::new();
    for n in 0..5 {
        expected.insert(0, ledger.hook(&shop, &format!("{n}.example.com"), &[ORDER]).await.id);
    }
    let (mut walked, mut after) = (Vec::new(), None);
    for _ in 0..20 {
        let page = ledger.webhook_list(shop.id, after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        walked.extend(page.into_iter().map(|webhook| webhook.id));
        ledger.hook(&shop, &format!("late-{}.example.com", walked.len()), &[ORDER]).await;
    }
    assert_eq!(walked, expected);
}
