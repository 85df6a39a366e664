//! What the rules are tested with: a ledger that can be reopened, fixed ids and times, an intake that notes.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sellvik_domain::{
    Attempt, Delivery, DeliveryId, DeliveryStatus, Endpoint, EndpointUrl, EventId, EventType, Lane, Shop,
    ShopId, Subdomain, Timestamp, Verdict, Webhook, WebhookId, WebhookSecret, fingerprint,
};
use serde_json::value::RawValue;

use crate::{
    ClaimLane, Claimed, DeliveryDetail, Leased, NewEvent, NewWebhook, Published, Settled, Settlement,
    Settling, Store,
};

/// Two event types that webhooks subscribe to.
pub(crate) const ORDER: &str = "order.created";
pub(crate) const STOCK: &str = "inventory.low_stock";

/// A lease that does not run out while a test runs.
const LONG_LEASE: Duration = Duration::from_mins(10);

/// A lease that runs out soon.
pub(crate) const SHORT_LEASE: Duration = Duration::from_millis(80);

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// So many seconds after the moment at which the tests begin.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_779_889_500_000 + seconds * 1000)
}

/// One database that can hold a ledger.
#[async_trait]
pub(crate) trait Backend: Send + Sync {
    /// Opens the ledger in it; the same one each time, empty at first.
    async fn open(&self, lease: Duration) -> Arc<dyn Store>;
}

/// An open ledger.
pub(crate) struct Ledger {
    backend: Box<dyn Backend>,
    /// None only while it is being reopened.
    store: Option<Arc<dyn Store>>,
    drawn: AtomicU64,
}

impl Deref for Ledger {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        self.store.as_deref().unwrap()
    }
}

/// A registered webhook.
pub(crate) struct Hook {
    pub(crate) shop: ShopId,
    pub(crate) id: WebhookId,
    pub(crate) lane: Lane,
    pub(crate) secret: WebhookSecret,
}

impl Ledger {
    pub(crate) async fn open(backend: Box<dyn Backend>) -> Self {
        let store = Some(backend.open(LONG_LEASE).await);
        Self { backend, store, drawn: AtomicU64::new(0) }
    }

    /// Closes the ledger and opens it again, as a new process would.
    pub(crate) async fn reopen(&mut self) {
        self.reopen_with_lease(LONG_LEASE).await;
    }

    pub(crate) async fn reopen_with_lease(&mut self, lease: Duration) {
        self.store = None;
        self.store = Some(self.backend.open(lease).await);
    }

    /// For tasks; must be gone before [`Ledger::reopen`].
    pub(crate) fn handle(&self) -> Arc<dyn Store> {
        self.store.clone().unwrap()
    }

    /// Numbers the seeds of a test, so that they are fixed, distinct and rising.
    pub(crate) fn seed(&self) -> [u8; 10] {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed) + 1;
        let mut seed = [0; 10];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        seed
    }

    /// A shop that is not in the ledger yet.
    pub(crate) fn new_shop(&self, subdomain: &str) -> Shop {
        let mut random = [0; 16];
        random[..10].copy_from_slice(&self.seed());
        let subdomain = Subdomain::parse(subdomain).unwrap();
        Shop { id: ShopId::new(random), subdomain, name: None, dev: false, created_at: at(0) }
    }

    pub(crate) async fn shop(&self, subdomain: &str) -> Shop {
        let shop = self.new_shop(subdomain);
        self.shop_create(shop.clone()).await.unwrap();
        shop
    }

    /// A webhook that is not in the ledger yet.
    pub(crate) fn new_webhook(&self, shop: &Shop, url: &str, events: &[&str]) -> NewWebhook {
        let seed = self.seed();
        let mut secret = [0; 32];
        secret[..10].copy_from_slice(&seed);
        let webhook = Webhook {
            id: WebhookId::new(at(0), seed),
            shop: shop.id,
            name: None,
            url: EndpointUrl::parse(url).unwrap(),
            events: kinds(events),
            enabled: true,
            failure_count: 0,
            last_delivery_at: None,
            created_at: at(0),
        };
        NewWebhook { webhook, secret: WebhookSecret::new(&secret), limit: 100 }
    }

    /// Registers a webhook at `https://<host>/hook`.
    pub(crate) async fn hook(&self, shop: &Shop, host: &str, events: &[&str]) -> Hook {
        let new = self.new_webhook(shop, &format!("https://{host}/hook"), events);
        let (id, secret) = (new.webhook.id, new.secret.clone());
        self.webhook_create(new).await.unwrap();
        Hook { shop: shop.id, id, lane: self.lane(id).await, secret }
    }

    /// A shop with one webhook for orders.
    pub(crate) async fn shop_and_hook(&self) -> (Shop, Hook) {
        let shop = self.shop("acme").await;
        let hook = self.hook(&shop, "a.example", &[ORDER]).await;
        (shop, hook)
    }

    /// Lanes are numbered from 1 as webhooks are registered; the port tells them only with deliveries.
    async fn lane(&self, webhook: WebhookId) -> Lane {
        for lane in (1..1000).map(Lane) {
            if self.endpoint(lane).await.unwrap().is_some_and(|found| found.webhook == webhook) {
                return lane;
            }
        }
        panic!("{webhook} has no lane");
    }

    pub(crate) fn event(&self, shop: &Shop, kind: &str, accepted_at: Timestamp) -> NewEvent {
        let seed = self.seed();
        let id = EventId::new(accepted_at, seed);
        let kind = EventType::parse(kind).unwrap();
        let new = NewEvent {
            shop: shop.id,
            id,
            kind,
            created_at: accepted_at,
            accepted_at,
            data: raw("{}"),
            fingerprint: [0; 32],
            seed,
        };
        with_data(new, "{}")
    }

    /// Publishes one event.
    pub(crate) async fn send(&self, event: NewEvent) -> Published {
        self.publish(vec![event]).await.unwrap().remove(0).unwrap()
    }

    /// Publishes an order, accepted at this moment.
    pub(crate) async fn order(&self, shop: &Shop, accepted_at: Timestamp) -> Published {
        self.send(self.event(shop, ORDER, accepted_at)).await
    }

    /// The hook's first hundred deliveries.
    pub(crate) async fn deliveries(&self, hook: &Hook) -> Vec<Delivery> {
        self.delivery_list(hook.shop, hook.id, None, None, 100).await.unwrap()
    }

    /// The ids of the hook's deliveries in this status, newest first.
    pub(crate) async fn ids_of(&self, hook: &Hook, status: DeliveryStatus) -> Vec<DeliveryId> {
        let found = self.delivery_list(hook.shop, hook.id, Some(status), None, 100).await.unwrap();
        found.into_iter().map(|delivery| delivery.id).collect()
    }

    /// The hook's only delivery, in full.
    pub(crate) async fn only_delivery(&self, hook: &Hook) -> DeliveryDetail {
        let found = self.deliveries(hook).await;
        assert_eq!(found.len(), 1, "{found:?}");
        self.delivery_get(hook.shop, hook.id, found[0].id).await.unwrap().unwrap()
    }

    pub(crate) async fn webhook(&self, hook: &Hook) -> Webhook {
        self.webhook_get(hook.shop, hook.id).await.unwrap().unwrap()
    }

    pub(crate) async fn endpoint_of(&self, hook: &Hook) -> Arc<Endpoint> {
        self.endpoint(hook.lane).await.unwrap().unwrap()
    }

    pub(crate) async fn claim_from(&self, hook: &Hook, count: u32, now: Timestamp) -> Claimed {
        self.claim(vec![ClaimLane { lane: hook.lane, count, tests_only: false }], now).await.unwrap()
    }

    /// Claims the one delivery of a lane that is due.
    pub(crate) async fn claim_only(&self, hook: &Hook, now: Timestamp) -> Leased {
        let mut claimed = self.claim_from(hook, 100, now).await.leased;
        assert_eq!(claimed.len(), 1, "{claimed:?}");
        claimed.remove(0)
    }

    pub(crate) async fn settle_one(&self, settlement: Settlement) -> Settling {
        self.settle([settlement].into()).await.unwrap()[0]
    }

    pub(crate) async fn settle_as(&self, leased: &Leased, settled: Settled) -> Settling {
        self.settle_one(settlement(leased, settled)).await
    }

    /// Publishes an order and makes its first attempt, which ends at once and like this.
    pub(crate) async fn attempted_order(&self, shop: &Shop, hook: &Hook, at: Timestamp, verdict: Verdict) {
        self.order(shop, at).await;
        let leased = self.claim_only(hook, at).await;
        assert_eq!(self.settle_as(&leased, attempted(at, verdict)).await, Settling::Recorded);
    }

    /// Waits until a lease has run out.
    pub(crate) async fn expired(&self) -> Vec<(Lane, Timestamp)> {
        let started = Instant::now();
        loop {
            let lanes = self.expire_leases().await.unwrap();
            if !lanes.is_empty() {
                return lanes;
            }
            assert!(started.elapsed() < PATIENCE, "no lease ran out");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

pub(crate) fn kinds(names: &[&str]) -> Vec<EventType> {
    names.iter().map(|name| EventType::parse(name).unwrap()).collect()
}

pub(crate) fn raw(json: &str) -> Arc<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap().into()
}

/// The event with this data, and the fingerprint that goes with it.
pub(crate) fn with_data(mut event: NewEvent, json: &str) -> NewEvent {
    event.fingerprint = fingerprint(&event.kind, &serde_json::from_str(json).unwrap());
    event.data = raw(json);
    event
}

pub(crate) fn settlement(leased: &Leased, settled: Settled) -> Settlement {
    let Leased { lease, lane, attempts, .. } = *leased;
    Settlement { lease, lane, attempts, test: leased.chain.test, settled, notice: None }
}

/// An attempt of 40 ms that ended at this moment.
pub(crate) fn attempt(ended_at: Timestamp, succeeded: bool) -> Attempt {
    Attempt {
        started_at: ended_at.before(Duration::from_millis(40)),
        ended_at,
        duration_ms: 40,
        status: Some(if succeeded { 200 } else { 500 }),
        error: (!succeeded).then(|| "the endpoint answered 500".to_owned()),
        final_host: "a.example".to_owned(),
        body: Some(format!("body of {ended_at}")),
        succeeded,
    }
}

pub(crate) fn attempted(ended_at: Timestamp, verdict: Verdict) -> Settled {
    Settled::Attempted { attempt: attempt(ended_at, verdict == Verdict::Succeeded), verdict }
}

/// Another attempt at this moment, for the schedule's entry `entry`.
pub(crate) fn retry(at: Timestamp, entry: u8) -> Verdict {
    Verdict::RetryAt { at, entry, client_error: false }
}
