//! Admin keys.

use sellvik_domain::{AdminKey, KeyId, Name, Scope, Scopes, Shop, Timestamp};

use super::fixtures::{Ledger, at};
use crate::StoreError;

impl Ledger {
    fn new_key(&self, shop: &Shop) -> AdminKey {
        AdminKey {
            id: KeyId::new(at(0), self.seed()),
            shop: shop.id,
            name: None,
            prefix: "sk_live_abcdef".to_owned(),
            scopes: Scopes::ALL,
            created_at: at(0),
            last_used_at: None,
        }
    }

    async fn key(&self, shop: &Shop, hash: u8) -> AdminKey {
        let key = self.new_key(shop);
        self.key_create(key.clone(), [hash; 32]).await.unwrap();
        key
    }
}

pub(crate) async fn a_key_is_found_by_its_hash(ledger: &mut Ledger) {
    let shop = ledger.shop("acme").await;
    for (hash, scopes) in [
        (1, Scopes::ALL),
        (2, Scopes::default().with(Scope::WebhooksRead)),
        (3, Scopes::default().with(Scope::WebhooksWrite)),
    ] {
        let key = AdminKey { scopes, name: Name::parse("Ünal").ok(), ..ledger.new_key(&shop) };
        ledger.key_create(key.clone(), [hash; 32]).await.unwrap();
        ledger.reopen().await;
        assert_eq!(ledger.key_find([hash; 32]).await.unwrap(), Some((key, shop.clone())));
    }
    assert_eq!(ledger.key_find([9; 32]).await.unwrap(), None);
}

pub(crate) async fn a_key_needs_its_shop(ledger: &Ledger) {
    let key = ledger.new_key(&ledger.new_shop("nobody"));
    assert!(matches!(ledger.key_create(key, [1; 32]).await, Err(StoreError::ShopUnknown)));
    assert_eq!(ledger.key_find([1; 32]).await.unwrap(), None);
}

pub(crate) async fn a_revoked_key_is_gone(ledger: &Ledger) {
    let shop = ledger.shop("acme").await;
    let (key, other) = (ledger.key(&shop, 1).await, ledger.key(&shop, 2).await);
    assert!(ledger.key_revoke(shop.id, key.id, at(1)).await.unwrap());
    assert_eq!(ledger.key_find([1; 32]).await.unwrap(), None);
    assert_eq!(ledger.key_list(shop.id, None, 10).await.unwrap(), [other]);
    assert!(!ledger.key_revoke(shop.id, key.id, at(2)).await.unwrap(), "only once");
}

pub(crate) async fn another_shops_keys_are_out_of_reach(ledger: &Ledger) {
    let (shop, stranger) = (ledger.shop("acme").await, ledger.shop("stranger").await);
    let key = ledger.key(&shop, 1).await;
    assert!(!ledger.key_revoke(stranger.id, key.id, at(1)).await.unwrap());
    assert_eq!(ledger.key_list(stranger.id, None, 10).await.unwrap(), []);
    assert_eq!(ledger.key_find([1; 32]).await.unwrap(), Some((key, shop)));
}

pub(crate) async fn the_last_use_only_moves_on(ledger: &Ledger) {
    let shop = ledger.shop("acme").await;
    let key = ledger.key(&shop, 1).await;
    for (touched, expected) in [(60, 60), (120, 120), (90, 120)] {
        ledger.key_touch(key.id, at(touched)).await.unwrap();
        let (found, _) = ledger.key_find([1; 32]).await.unwrap().unwrap();
        assert_eq!(found.last_used_at, Some(at(expected)));
        assert_eq!(ledger.key_list(shop.id, None, 10).await.unwrap(), [found]);
    }
}

pub(crate) async fn a_walk_over_keys_holds_while_they_grow(ledger: &Ledger) {
    let shop = ledger.shop("acme").await;
    let mut expected = Vec::new();
    for n in 0..5 {
        expected.insert(0, ledger.key(&shop, n).await);
    }
    let (mut walked, mut after) = (Vec::new(), None);
    for late in 100..120 {
        let page = ledger.key_list(shop.id, after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        walked.extend(page);
        ledger.key(&shop, late).await;
    }
    assert_eq!(walked, expected);
}

pub(crate) async fn a_key_has_a_thousand_requests_in_any_minute(ledger: &Ledger) {
    let shop = ledger.shop("acme").await;
    let (key, other) = (ledger.key(&shop, 1).await, ledger.key(&shop, 2).await);
    let (mut now, mut taken, mut refused) = (at(0), Vec::new(), 0);
    // Bursts, trickles and silences of more than a minute.
    for n in 0..3000_i64 {
        let gap = if n % 1400 == 0 { 61_000 } else { (n * n + 7 * n) % 91 };
        now = Timestamp::from_millis(now.as_millis() + gap);
        let minute_ago = now.as_millis() - 60_000;
        let in_window = taken.iter().filter(|taken| **taken > minute_ago).count();
        match ledger.key_take_request(key.id, now).await.unwrap() {
            Ok(()) => assert!(in_window < 1000, "request {n} is one too many"),
            Err(free) => {
                assert_eq!(in_window, 1000, "request {n} was refused early");
                assert!(
                    ledger.key_take_request(key.id, now).await.unwrap().is_err(),
                    "as long as time stands"
                );
                (now, refused) = (free, refused + 1);
                assert_eq!(ledger.key_take_request(key.id, now).await.unwrap(), Ok(()), "waiting suffices");
            }
        }
        taken.push(now.as_millis());
    }
    assert!(refused > 0);
    assert_eq!(ledger.key_take_request(other.id, now).await.unwrap(), Ok(()), "each key is counted alone");
}

pub(crate) async fn a_clock_that_is_set_back_locks_no_key_out(ledger: &Ledger) {
    let shop = ledger.shop("acme").await;
    let key = ledger.key(&shop, 1).await;
    for now in [at(7200), at(3600), at(7229)] {
        for _ in 0..1000 {
            assert_eq!(ledger.key_take_request(key.id, now).await.unwrap(), Ok(()));
        }
        assert!(ledger.key_take_request(key.id, now).await.unwrap().is_err());
    }
}
