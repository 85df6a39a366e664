//! Deliveries leased from a real ledger, and ones made up after such a lease.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sellvik_clock::World;
use sellvik_domain::{
    Chain, DeliveryId, EndpointUrl, EventId, EventType, Lane, Shop, ShopId, Subdomain, Timestamp, Webhook,
    WebhookId, WebhookSecret,
};
use sellvik_store::sqlite::{SqliteSettings, SqliteStore};
use sellvik_store::{
    ClaimLane, Claimed, EncryptionKey, EventBody, Lease, Leased, NewEvent, NewWebhook, Store,
};

pub(super) fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

/// A ledger with deliveries waiting in a few lanes.
pub(super) struct Ledger {
    pub(super) store: SqliteStore,
    claims: Vec<ClaimLane>,
    _folder: tempfile::TempDir,
}

impl Ledger {
    pub(super) async fn claim(&self) -> Claimed {
        self.store.claim(self.claims.clone(), at(0)).await.unwrap()
    }
}

/// So many deliveries in each of so many lanes, leased, lane by lane.
pub(super) async fn leased(lanes: u32, per_lane: u32) -> Vec<Leased> {
    ledger(lanes, per_lane, Duration::from_secs(30)).await.claim().await.leased
}

pub(super) async fn ledger(lanes: u32, per_lane: u32, lease: Duration) -> Ledger {
    let (folder, world) = (tempfile::tempdir().unwrap(), World::system());
    let settings = SqliteSettings {
        path: folder.path().join("ledger.db"),
        key: EncryptionKey::new([7; 32]),
        world: world.clone(),
        lease,
    };
    let store = SqliteStore::open(&settings).unwrap();
    let (shop, kind) = (ShopId::new([1; 16]), EventType::parse("order.created").unwrap());
    let subdomain = Subdomain::parse("acme").unwrap();
    store.shop_create(Shop { id: shop, subdomain, name: None, dev: true, created_at: at(0) }).await.unwrap();
    let mut claims = Vec::new();
    for n in 0..lanes {
        let webhook = Webhook {
            id: WebhookId::new(at(0), world.random()),
            shop,
            name: None,
            url: EndpointUrl::parse(&format!("https://example.com/{n}")).unwrap(),
            events: vec![kind.clone()],
            enabled: true,
            failure_count: 0,
            last_delivery_at: None,
            created_at: at(0),
        };
        let id = webhook.id;
        let secret = WebhookSecret::new(&[1; 32]);
        store.webhook_create(NewWebhook { webhook, secret, limit: lanes }).await.unwrap();
        let lane = store.webhook_lane(shop, id).await.unwrap().unwrap();
        claims.push(ClaimLane { lane, count: per_lane, tests_only: false });
    }
    let event = || NewEvent {
        shop,
        id: EventId::new(at(0), world.random()),
        kind: kind.clone(),
        created_at: at(0),
        accepted_at: at(0),
        data: Arc::from(serde_json::value::to_raw_value(&serde_json::json!({})).unwrap()),
        fingerprint: [0; 32],
        seed: world.random(),
    };
    store.publish((0..per_lane).map(|_| event()).collect()).await.unwrap();
    Ledger { store, claims, _folder: folder }
}

/// Makes up deliveries: the lanes look at nothing but these.
pub(super) struct Maker {
    lease: Lease,
    event: Arc<EventBody>,
    made: u128,
}

/// The bytes of every delivery made up.
pub(super) const BYTES: usize = 100;

impl Maker {
    pub(super) async fn new() -> Self {
        let event = EventBody {
            id: EventId::new(at(0), [0; 10]),
            kind: EventType::parse("order.created").unwrap(),
            subdomain: Subdomain::parse("acme").unwrap(),
            envelope: Bytes::from_static(&[b'x'; BYTES]),
        };
        Self { lease: leased(1, 1).await[0].lease, event: Arc::new(event), made: 0 }
    }

    pub(super) fn make(&mut self, lane: Lane, attempts: u32, due: Timestamp) -> Leased {
        self.made += 1;
        Leased {
            lease: self.lease,
            lane,
            delivery: DeliveryId::from_bytes(self.made.to_be_bytes()),
            chain: Chain { origin: due, entry: 0, client_error: false, test: false },
            attempts,
            due,
            event: self.event.clone(),
        }
    }
}
