//! The way into the panel: links that open once, and the sessions they open.

use sellvik_domain::{Capabilities, Capability, PanelSession, Shop, Timestamp};
use tokio::task::JoinSet;

use super::fixtures::{Ledger, at};
use crate::{NewPanelSession, StoreError};

const LINK: [u8; 32] = [1; 32];
const SESSION: [u8; 32] = [2; 32];

fn capabilities(of: &[Capability]) -> Capabilities {
    of.iter().copied().fold(Capabilities::default(), Capabilities::with)
}

impl Ledger {
    /// A link to all of a shop's panel that ends at second 300.
    async fn link(&self, shop: &Shop, hash: [u8; 32]) {
        let link =
            NewPanelSession { hash, capabilities: capabilities(&Capability::ALL), expires_at: at(300) };
        self.panel_link_create(shop.id, link, at(0)).await.unwrap();
    }

    /// Redeems for a session of a thousand seconds.
    async fn redeem(
        &self,
        shop: &Shop,
        link: [u8; 32],
        session: [u8; 32],
        second: i64,
    ) -> Option<PanelSession> {
        self.panel_link_redeem(shop.id, link, session, at(second + 1000), at(second)).await.unwrap()
    }

    /// A session of a shop that ends at second 1000.
    async fn session(&self, shop: &Shop, hash: [u8; 32]) -> PanelSession {
        self.link(shop, LINK).await;
        self.redeem(shop, LINK, hash, 0).await.unwrap()
    }

    async fn found(&self, session: [u8; 32], now: Timestamp) -> Option<PanelSession> {
        self.panel_session_find(session, now).await.unwrap()
    }
}

pub(crate) async fn a_link_opens_a_session_once(ledger: &mut Ledger) {
    let shop = ledger.shop("acme").await;
    ledger.link(&shop, LINK).await;
    ledger.reopen().await;
    let opened = ledger.redeem(&shop, LINK, SESSION, 10).await.unwrap();
    let expected = PanelSession {
        shop: shop.clone(),
        capabilities: capabilities(&Capability::ALL),
        expires_at: at(1010),
    };
    assert_eq!(opened, expected);
    assert_eq!(ledger.redeem(&shop, LINK, [3; 32], 11).await, None, "only once");
    assert_eq!(ledger.found([3; 32], at(11)).await, None);
    ledger.reopen().await;
    assert_eq!(ledger.redeem(&shop, LINK, [3; 32], 12).await, None, "also of a new process");
    assert_eq!(ledger.found(SESSION, at(12)).await, Some(expected));
}

pub(crate) async fn a_link_opens_until_its_end_and_no_longer(ledger: &Ledger) {
    let shop = ledger.shop("acme").await;
    ledger.link(&shop, LINK).await;
    ledger.link(&shop, [9; 32]).await;
    let just_before = at(300).before(std::time::Duration::from_millis(1));
    let opened = ledger.panel_link_redeem(shop.id, LINK, SESSION, at(900), just_before).await.unwrap();
    assert!(opened.is_some());
    assert_eq!(ledger.redeem(&shop, [9; 32], [3; 32], 300).await, None);
    assert_eq!(ledger.redeem(&shop, [9; 32], [3; 32], 301).await, None);
}

pub(crate) async fn a_link_opens_its_own_shop(ledger: &Ledger) {
    let (shop, stranger) = (ledger.shop("acme").await, ledger.shop("stranger").await);
    ledger.link(&shop, LINK).await;
    assert_eq!(ledger.redeem(&stranger, LINK, SESSION, 1).await, None);
    assert_eq!(ledger.redeem(&ledger.new_shop("nobody"), LINK, SESSION, 1).await, None);
    assert_eq!(ledger.redeem(&shop, [8; 32], SESSION, 1).await, None, "no such link");
    assert_eq!(ledger.found(SESSION, at(1)).await, None);
    assert_eq!(
        ledger.redeem(&shop, LINK, SESSION, 2).await.unwrap().shop,
        shop,
        "a wrong try uses nothing up"
    );
}

pub(crate) async fn a_link_needs_its_shop(ledger: &Ledger) {
    let nobody = ledger.new_shop("nobody");
    let link = NewPanelSession { hash: LINK, capabilities: Capabilities::default(), expires_at: at(300) };
    let refused = ledger.panel_link_create(nobody.id, link, at(0)).await;
    assert!(matches!(refused, Err(StoreError::ShopUnknown)), "{refused:?}");
}

pub(crate) async fn concurrent_redeems_open_one_session(ledger: &Ledger) {
    let shop = ledger.shop("acme").await;
    ledger.link(&shop, LINK).await;
    let mut tasks = JoinSet::new();
    for n in 100..150 {
        let (store, shop) = (ledger.handle(), shop.id);
        tasks.spawn(async move {
            let opened = store.panel_link_redeem(shop, LINK, [n; 32], at(1000), at(1)).await.unwrap();
            opened.map(|_| n)
        });
    }
    let opened: Vec<u8> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(opened.len(), 1, "{opened:?}");
    for n in 100..150 {
        assert_eq!(ledger.found([n; 32], at(1)).await.is_some(), opened == [n]);
    }
}

pub(crate) async fn capabilities_survive_as_they_were_written(ledger: &mut Ledger) {
    let shop = ledger.shop("acme").await;
    for number in 0..8_u8 {
        let of: Vec<_> = (0..)
            .zip(Capability::ALL)
            .filter(|(bit, _)| number >> bit & 1 == 1)
            .map(|(_, one)| one)
            .collect();
        let capabilities = capabilities(&of);
        let link = NewPanelSession { hash: [number; 32], capabilities, expires_at: at(300) };
        ledger.panel_link_create(shop.id, link, at(0)).await.unwrap();
        ledger.reopen().await;
        let opened = ledger.redeem(&shop, [number; 32], [100 + number; 32], 0).await.unwrap();
        assert_eq!(opened.capabilities, capabilities, "{of:?}");
        ledger.reopen().await;
        assert_eq!(ledger.found([100 + number; 32], at(1)).await, Some(opened));
    }
}

pub(crate) async fn a_session_shows_its_shop_as_it_is_now(ledger: &Ledger) {
    let shop = ledger.shop("acme").await;
    ledger.session(&shop, SESSION).await;
    let subdomain = sellvik_domain::Subdomain::parse("moved").unwrap();
    let moved = ledger.shop_update(shop.id, Some(subdomain), sellvik_domain::Patch::Leave).await.unwrap();
    assert_eq!(ledger.found(SESSION, at(1)).await.map(|session| session.shop), moved);
}

pub(crate) async fn a_session_lasts_until_its_end_and_no_longer(ledger: &Ledger) {
    let shop = ledger.shop("acme").await;
    let session = ledger.session(&shop, SESSION).await;
    assert_eq!(session.expires_at, at(1000));
    let just_before = at(1000).before(std::time::Duration::from_millis(1));
    assert_eq!(ledger.found(SESSION, just_before).await, Some(session));
    assert_eq!(ledger.found(SESSION, at(1000)).await, None);
}

pub(crate) async fn ending_a_session_leaves_the_others(ledger: &Ledger) {
    let shop = ledger.shop("acme").await;
    ledger.session(&shop, SESSION).await;
    let other = ledger.session(&shop, [3; 32]).await;
    ledger.panel_session_end(SESSION).await.unwrap();
    ledger.panel_session_end([77; 32]).await.unwrap();
    assert_eq!(ledger.found(SESSION, at(1)).await, None);
    assert_eq!(ledger.found([3; 32], at(1)).await, Some(other));
}

pub(crate) async fn ending_all_of_a_shop_ends_its_links_too(ledger: &Ledger) {
    let (shop, stranger) = (ledger.shop("acme").await, ledger.shop("stranger").await);
    ledger.session(&shop, SESSION).await;
    ledger.session(&shop, [3; 32]).await;
    let theirs = ledger.session(&stranger, [4; 32]).await;
    ledger.link(&shop, [5; 32]).await;
    ledger.link(&stranger, [6; 32]).await;
    ledger.panel_sessions_end(shop.id).await.unwrap();
    assert_eq!(ledger.found(SESSION, at(1)).await, None);
    assert_eq!(ledger.found([3; 32], at(1)).await, None);
    assert_eq!(ledger.redeem(&shop, [5; 32], [7; 32], 1).await, None);
    assert_eq!(ledger.found([4; 32], at(1)).await, Some(theirs));
    assert!(ledger.redeem(&stranger, [6; 32], [8; 32], 1).await.is_some());
    // The door is not shut for ever.
    ledger.link(&shop, [9; 32]).await;
    assert!(ledger.redeem(&shop, [9; 32], [10; 32], 1).await.is_some());
}
