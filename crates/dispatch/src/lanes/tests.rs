//! The lanes, with deliveries leased from a real ledger.

use std::sync::Arc;
use std::time::Duration;

use sellvik_clock::World;
use sellvik_domain::{
    EndpointUrl, EventId, EventType, Lane, Shop, ShopId, Subdomain, Timestamp, Webhook, WebhookId,
    WebhookSecret,
};
use sellvik_store::sqlite::{SqliteSettings, SqliteStore};
use sellvik_store::{
    ClaimLane, Claimed, EncryptionKey, Leased, NewEvent, NewWebhook, Settled, Settlement, Store,
};

use super::Lanes;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

/// A ledger with deliveries waiting in a few lanes.
struct Ledger {
    store: SqliteStore,
    claims: Vec<ClaimLane>,
    _folder: tempfile::TempDir,
}

impl Ledger {
    async fn claim(&self) -> Claimed {
        self.store.claim(self.claims.clone(), at(0)).await.unwrap()
    }
}

/// So many deliveries in each of so many lanes, leased, lane by lane.
async fn leased(lanes: u32, per_lane: u32) -> Vec<Leased> {
    ledger(lanes, per_lane, Duration::from_secs(30)).await.claim().await.leased
}

async fn ledger(lanes: u32, per_lane: u32, lease: Duration) -> Ledger {
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

/// Starts whatever may start; the lanes in the order of their starts.
fn start_all(lanes: &mut Lanes) -> Vec<Lane> {
    std::iter::from_fn(|| lanes.start_next()).map(|start| start.leased.lane).collect()
}

fn with(leased: Vec<Leased>) -> Lanes {
    let mut lanes = Lanes::default();
    lanes.take_claim(Claimed { leased, next: Vec::new() });
    lanes
}

#[tokio::test]
async fn lanes_take_turns_and_a_new_one_starts_small() {
    let deliveries = leased(3, 5).await;
    let names: Vec<_> = deliveries.chunks(5).map(|lane| lane[0].lane).collect();
    let mut lanes = with(deliveries);
    let started = start_all(&mut lanes);
    assert_eq!(started, [names.clone(), names].concat(), "two each, in turn");
}

#[tokio::test]
async fn answers_widen_the_window_and_silence_narrows_it_to_a_probe() {
    let deliveries = leased(1, 12).await;
    let lane = deliveries[0].lane;
    let mut lanes = with(deliveries);
    assert_eq!(start_all(&mut lanes).len(), 2);
    assert!(lanes.landed(lane, true, Some(true), at(1)).is_empty());
    assert!(lanes.landed(lane, true, Some(true), at(1)).is_empty());
    assert_eq!(start_all(&mut lanes).len(), 4);
    let mut surplus = 0;
    for _ in 0..4 {
        surplus += lanes.landed(lane, false, Some(false), at(2)).len();
    }
    assert_eq!(surplus, 5, "a dead endpoint's backlog goes back to the ledger, but for one");
    assert_eq!(start_all(&mut lanes).len(), 1);
}

#[tokio::test]
async fn nothing_starts_while_the_ledger_takes_no_settlements() {
    let mut lanes = with(leased(1, 2).await);
    lanes.ledger_fails();
    assert!(start_all(&mut lanes).is_empty());
    lanes.ledger_recovers();
    assert_eq!(start_all(&mut lanes).len(), 2);
}

#[tokio::test]
async fn a_lease_that_ran_out_under_an_attempt_is_renewed_and_nothing_starts_twice() {
    let ledger = ledger(1, 1, Duration::ZERO).await;
    let mut lanes = Lanes::default();
    lanes.take_claim(ledger.claim().await);
    let start = lanes.start_next().unwrap();
    assert_eq!(ledger.store.expire_leases().await.unwrap().len(), 1);
    lanes.take_claim(ledger.claim().await);
    assert!(lanes.start_next().is_none());
    assert!(lanes.lease(start.leased.delivery).unwrap().renews(start.leased.lease));
}

#[tokio::test]
async fn a_delivery_given_back_and_claimed_at_once_is_not_lost() {
    let ledger = ledger(1, 1, Duration::from_secs(30)).await;
    let mut lanes = Lanes::default();
    lanes.take_claim(ledger.claim().await);
    let Leased { lease, lane, delivery, attempts, .. } = lanes.start_next().unwrap().leased;
    let settled = Settled::Released;
    let settlement = Settlement { lease, lane, attempts, test: false, settled, notice: None };
    ledger.store.settle(settlement).await.unwrap();
    // The claim comes before whoever settled has noted it.
    lanes.take_claim(ledger.claim().await);
    lanes.landed(lane, true, None, at(0));
    lanes.forget(delivery, lease, lane, 2);
    assert!(lanes.start_next().is_some());
    assert!(lanes.lease(delivery).is_some());
}

#[test]
fn a_publish_is_not_handed_ahead_of_a_backlog() {
    let (mut lanes, lane) = (Lanes::default(), Lane(1));
    assert!(lanes.reserve(lane, 10, at(5)));
    lanes.waiting(lane, at(9));
    assert!(lanes.reserve(lane, 10, at(5)), "what is due later is no backlog");
    assert!(!lanes.reserve(lane, 10, at(9)));
    lanes.cancel(lane, 10);
}

#[test]
fn room_is_bounded_per_lane_and_given_back() {
    let (mut lanes, lane) = (Lanes::default(), Lane(1));
    let taken = (0..100).filter(|_| lanes.reserve(lane, 10, at(0))).count();
    assert_eq!(taken, 8);
    assert!(lanes.reserve(Lane(2), 10, at(0)), "another lane has its own");
    lanes.cancel(lane, 10);
    assert!(lanes.reserve(lane, 10, at(0)));
}

#[test]
fn due_lanes_leave_the_agenda_until_something_waits_again() {
    let (mut lanes, lane) = (Lanes::default(), Lane(1));
    lanes.waiting(lane, at(5));
    assert!(lanes.due(at(4), 9, 9).is_empty());
    assert_eq!(lanes.next_due(), Some(at(5)));
    assert_eq!(lanes.due(at(5), 9, 9), [(lane, 8)]);
    assert_eq!((lanes.due(at(5), 9, 9), lanes.next_due()), (Vec::new(), None));
    lanes.waiting(lane, at(7));
    lanes.waiting(lane, at(6));
    assert_eq!(lanes.next_due(), Some(at(6)));
}

#[test]
fn a_held_lane_is_not_looked_at_until_it_is_told_of() {
    let (mut lanes, lane) = (Lanes::default(), Lane(1));
    assert!(lanes.hold(lane, true) && !lanes.hold(lane, true));
    lanes.all_waiting(&[(lane, at(1)), (Lane(2), at(1))]);
    assert_eq!(lanes.due(at(1), 9, 9), [(Lane(2), 8)]);
    assert!(lanes.hold(lane, false));
}

#[tokio::test]
async fn dead_lanes_leave_half_of_the_permits_to_the_living() {
    let deliveries = leased(2, 2).await;
    let living = deliveries[0].lane;
    let mut lanes = with(deliveries);
    let start = lanes.start_next().unwrap();
    assert_eq!((start.leased.lane, start.suspect), (living, true));
    lanes.landed(living, true, Some(true), at(1));
    lanes.suspects_in_flight = super::SUSPECT_ATTEMPTS_MAX;
    assert_eq!(start_all(&mut lanes), [living], "the other lane has yet to answer");
    lanes.suspects_in_flight = 0;
    lanes.in_flight = super::ATTEMPTS_MAX;
    assert!(lanes.start_next().is_none(), "no permit at all is left");
    lanes.in_flight = 1;
    assert_eq!(start_all(&mut lanes).len(), 2);
}

#[test]
fn while_nothing_may_be_claimed_nothing_overdue_wakes_the_claimer() {
    let mut lanes = Lanes::default();
    lanes.waiting(Lane(1), at(5));
    assert_eq!(lanes.next_due(), Some(at(5)));
    lanes.ledger_fails();
    assert_eq!((lanes.due(at(9), 10, 10), lanes.next_due()), (vec![], None));
    lanes.ledger_recovers();
    assert_eq!(lanes.next_due(), Some(at(5)), "it is still on the agenda");
    assert_eq!(lanes.due(at(9), 10, 10).len(), 1);
}
