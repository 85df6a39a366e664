//! The endpoints at hand: never one from before a change.

use super::open_sqlite;
use crate::endpoints::EndpointCache;

#[tokio::test]
async fn a_load_that_began_before_a_change_is_not_kept() {
    let ledger = open_sqlite().ledger().await;
    let (_, hook) = ledger.shop_and_hook().await;
    let endpoint = ledger.endpoint_of(&hook).await;
    let cache = EndpointCache::default();
    let began = cache.changes();
    cache.forget(hook.lane);
    cache.keep(&endpoint, began);
    assert!(cache.get(hook.lane).is_none());
    cache.keep(&endpoint, cache.changes());
    assert!(cache.get(hook.lane).is_some());
    cache.forget(hook.lane);
    assert!(cache.get(hook.lane).is_none());
}
