//! What attempts need to know of webhooks: as of now, whatever is kept at hand.

use sellvik_domain::{Endpoint, Lane, Name, Patch, Signer, Standing, Timestamp, WebhookPatch, WebhookSecret};

use super::fixtures::{Hook, Ledger, ORDER, at};
use super::intake::Recorder;
use super::webhooks::to_url;

/// Checks at these moments that the endpoint signs like a signer of these secrets.
fn signs_like(endpoint: &Endpoint, expected: &Signer, moments: &[Timestamp]) {
    let signer = endpoint.signer.as_ref().unwrap();
    for moment in moments {
        assert_eq!(
            signer.sign(*moment, "evt_1", b"{}"),
            expected.sign(*moment, "evt_1", b"{}"),
            "at {moment}"
        );
    }
}

impl Ledger {
    async fn rotate(&self, hook: &Hook, secret: &WebhookSecret, now: Timestamp, active_from: Timestamp) {
        assert!(self.webhook_rotate(hook.shop, hook.id, secret.clone(), now, active_from).await.unwrap());
    }
}

pub(crate) async fn an_endpoint_is_its_webhooks(ledger: &mut Ledger) {
    let mut shop = ledger.new_shop("acme");
    shop.dev = true;
    ledger.shop_create(shop.clone()).await.unwrap();
    let hook = ledger.hook(&shop, "a.example", &["order.created"]).await;
    ledger.reopen().await;
    for _ in ["from the ledger", "from memory"] {
        let endpoint = ledger.endpoint_of(&hook).await;
        assert_eq!((endpoint.lane, endpoint.webhook, endpoint.shop), (hook.lane, hook.id, shop.id));
        assert_eq!(endpoint.url.as_sent(), "https://a.example/hook");
        assert!(endpoint.dev && endpoint.name.is_none());
        assert_eq!((endpoint.standing, endpoint.enabled_at), (Standing::Enabled, at(0)));
        signs_like(&endpoint, &Signer::new(&hook.secret, None, at(0)), &[at(0), at(99)]);
    }
    assert!(ledger.endpoint(Lane(hook.lane.0 + 1)).await.unwrap().is_none());
}

pub(crate) async fn an_endpoint_follows_every_change_at_once(ledger: &Ledger) {
    let (_, hook) = ledger.shop_and_hook().await;
    let intake = Recorder::refusing();
    ledger.attach(intake.clone());
    let told = || assert_eq!(intake.told().changed, [hook.lane]);

    ledger.patch(&hook, to_url("https://b.example/")).await;
    told();
    assert_eq!(ledger.endpoint_of(&hook).await.url.as_sent(), "https://b.example/");
    let name = Name::parse("Depo").unwrap();
    ledger.patch(&hook, WebhookPatch { name: Patch::Set(name.clone()), ..WebhookPatch::default() }).await;
    told();
    assert_eq!(ledger.endpoint_of(&hook).await.name, Some(name));
    for (enabled, standing) in [(false, Standing::Disabled), (true, Standing::Enabled)] {
        ledger.enable(&hook, enabled).await;
        told();
        assert_eq!(ledger.endpoint_of(&hook).await.standing, standing);
    }
    let newest = WebhookSecret::new(&[1; 32]);
    ledger.rotate(&hook, &newest, at(1), at(1)).await;
    told();
    signs_like(&*ledger.endpoint_of(&hook).await, &Signer::new(&newest, Some(&hook.secret), at(1)), &[at(1)]);
    ledger.delete(&hook).await;
    told();
    let endpoint = ledger.endpoint_of(&hook).await;
    assert_eq!(endpoint.standing, Standing::Deleted { drain_ends: at(300), enabled: true });
    assert!(endpoint.signer.is_some(), "what is queued is still signed");
}

pub(crate) async fn a_webhook_deleted_while_disabled_stays_held(ledger: &Ledger) {
    let (_, hook) = ledger.shop_and_hook().await;
    ledger.enable(&hook, false).await;
    ledger.delete(&hook).await;
    let standing = ledger.endpoint_of(&hook).await.standing;
    assert_eq!(standing, Standing::Deleted { drain_ends: at(300), enabled: false });
}

pub(crate) async fn a_rotated_secret_signs_from_its_moment_on(ledger: &mut Ledger) {
    let (_, hook) = ledger.shop_and_hook().await;
    let newest = WebhookSecret::new(&[1; 32]);
    ledger.rotate(&hook, &newest, at(10), at(100)).await;
    ledger.reopen().await;
    let expected = Signer::new(&newest, Some(&hook.secret), at(100));
    let day = 86_400;
    let moments = [at(10), at(99), at(100), at(100 + day - 1), at(100 + day)];
    signs_like(&*ledger.endpoint_of(&hook).await, &expected, &moments);
}

pub(crate) async fn a_rotation_while_one_is_pending_keeps_the_active_secret(ledger: &Ledger) {
    let (_, hook) = ledger.shop_and_hook().await;
    let [second, third, fourth] = [1, 2, 3].map(|n| WebhookSecret::new(&[n; 32]));
    ledger.rotate(&hook, &second, at(10), at(100)).await;
    ledger.rotate(&hook, &third, at(20), at(200)).await;
    let expected = Signer::new(&third, Some(&hook.secret), at(200));
    signs_like(&*ledger.endpoint_of(&hook).await, &expected, &[at(20), at(150), at(200)]);

    ledger.rotate(&hook, &fourth, at(200), at(300)).await;
    let expected = Signer::new(&fourth, Some(&third), at(300));
    signs_like(&*ledger.endpoint_of(&hook).await, &expected, &[at(200), at(299), at(300)]);
}

pub(crate) async fn a_shops_endpoints_are_each_their_own(ledger: &Ledger) {
    let shop = ledger.shop("acme").await;
    let mut hooks = Vec::new();
    for n in 0..3 {
        hooks.push(ledger.hook(&shop, &format!("{n}.example"), &[ORDER]).await);
    }
    ledger.webhook_delete(shop.id, hooks[1].id, at(1), at(9)).await.unwrap();
    let first = ledger.endpoint_of(&hooks[0]).await;
    let patch = WebhookPatch { enabled: Some(false), ..WebhookPatch::default() };
    ledger.webhook_update(shop.id, hooks[2].id, patch, at(2)).await.unwrap();
    assert_eq!((first.webhook, first.standing), (hooks[0].id, Standing::Enabled));
    let others = [ledger.endpoint_of(&hooks[1]).await, ledger.endpoint_of(&hooks[2]).await];
    assert_eq!(others[0].standing, Standing::Deleted { drain_ends: at(9), enabled: true });
    assert_eq!((others[1].webhook, others[1].standing), (hooks[2].id, Standing::Disabled));
    assert_eq!(others[1].url.as_sent(), "https://2.example/hook");
}
