//! Shops.

use sellvik_domain::{Name, Patch, ShopId, Subdomain};

use super::fixtures::Ledger;
use crate::StoreError;

pub(crate) async fn an_open_ledger_answers(ledger: &Ledger) {
    ledger.ping().await.unwrap();
    ledger.shop("acme").await;
    ledger.ping().await.unwrap();
}

pub(crate) async fn a_shop_survives_as_it_was_written(ledger: &mut Ledger) {
    let mut shop = ledger.new_shop("acme");
    shop.name = Some(Name::parse("Şirin Dükkân").unwrap());
    shop.dev = true;
    ledger.shop_create(shop.clone()).await.unwrap();
    ledger.reopen().await;
    assert_eq!(ledger.shop_get(shop.id).await.unwrap(), Some(shop));
    assert_eq!(ledger.shop_get(ShopId::new([9; 16])).await.unwrap(), None);
}

pub(crate) async fn a_closed_ledger_keeps_what_it_took_and_takes_no_more(ledger: &mut Ledger) {
    let shop = ledger.new_shop("acme");
    ledger.shop_create(shop.clone()).await.unwrap();
    // Somebody still holds a handle: the ledger can be opened again all the same.
    let old = ledger.handle();
    old.close().await;
    old.close().await;
    assert!(matches!(old.shop_create(ledger.new_shop("late")).await, Err(StoreError::Unavailable(_))));
    ledger.reopen().await;
    assert_eq!(ledger.shop_get(shop.id).await.unwrap(), Some(shop));
    ledger.shop("next").await;
}

pub(crate) async fn a_subdomain_is_one_shops(ledger: &Ledger) {
    ledger.shop("acme").await;
    let second = ledger.new_shop("acme");
    assert!(matches!(ledger.shop_create(second.clone()).await, Err(StoreError::SubdomainTaken)));
    assert_eq!(ledger.shop_get(second.id).await.unwrap(), None);
}

pub(crate) async fn an_update_cannot_take_anothers_subdomain(ledger: &Ledger) {
    let (acme, other) = (ledger.shop("acme").await, ledger.shop("other").await);
    let subdomain = |text| Some(Subdomain::parse(text).unwrap());
    let taken = ledger.shop_update(other.id, subdomain("acme"), Patch::Clear).await;
    assert!(matches!(taken, Err(StoreError::SubdomainTaken)));
    assert_eq!(ledger.shop_get(other.id).await.unwrap(), Some(other.clone()));

    let same = ledger.shop_update(acme.id, subdomain("acme"), Patch::Leave).await.unwrap();
    assert_eq!(same, Some(acme.clone()), "its own is no conflict");
    ledger.shop_update(acme.id, subdomain("moved"), Patch::Leave).await.unwrap();
    let freed = ledger.shop_update(other.id, subdomain("acme"), Patch::Leave).await.unwrap().unwrap();
    assert_eq!(freed.subdomain.as_str(), "acme");
}

pub(crate) async fn a_shops_name_is_left_set_or_cleared(ledger: &Ledger) {
    let shop = ledger.shop("acme").await;
    let name = Name::parse("Acme").unwrap();
    for (patch, expected) in [
        (Patch::Set(name.clone()), Some(name.clone())),
        (Patch::Leave, Some(name)),
        (Patch::Clear, None),
        (Patch::Leave, None),
    ] {
        let answer = ledger.shop_update(shop.id, None, patch).await.unwrap().unwrap();
        assert_eq!(answer.name, expected);
        assert_eq!(ledger.shop_get(shop.id).await.unwrap(), Some(answer));
    }
    assert_eq!(ledger.shop_update(ShopId::new([9; 16]), None, Patch::Clear).await.unwrap(), None);
}

pub(crate) async fn a_walk_over_shops_holds_while_they_grow(ledger: &Ledger) {
    let mut expected = Vec::new();
    for n in 0..5 {
        expected.insert(0, ledger.shop(&format!("shop-{n}")).await);
    }
    let (mut walked, mut after) = (Vec::new(), None);
    for _ in 0..20 {
        let page = ledger.shop_list(after, 2).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        walked.extend(page.into_iter().map(|(_, shop)| shop));
        ledger.shop(&format!("late-{}", walked.len())).await;
    }
    assert_eq!(walked, expected);
}
