//! Reading which webhooks of which shops want which events.

use std::collections::HashMap;
use std::sync::Arc;

use sellvik_domain::{Lane, ShopId};
use uuid::Uuid;

use super::ledger::Ledger;
use super::rows;
use crate::Result;
use crate::routes::Routes;

const SHOPS: &str = "SELECT s.seq, s.id, s.subdomain, s.name, s.dev, s.created_at FROM shops s
     WHERE s.id = ANY($1::uuid[])";

const HOOKS: &str = "SELECT w.seq, w.events, w.shop FROM webhooks w
     WHERE w.shop = ANY($1::bigint[]) AND w.enabled AND w.deleted_at IS NULL ORDER BY w.seq";

/// The routes of these shops, from memory or read together; shops that do not exist are left out.
pub(super) async fn of(ledger: &Ledger, shops: &[ShopId]) -> Result<HashMap<ShopId, Arc<Routes>>> {
    let mut known = HashMap::new();
    let mut missing = Vec::new();
    for shop in shops {
        match ledger.routes.get(*shop) {
            Some(routes) => {
                known.insert(*shop, routes);
            }
            None => missing.push(rows::id(shop.as_bytes())),
        }
    }
    if !missing.is_empty() {
        let as_of = ledger.routes.changes();
        for routes in load(ledger, &missing).await? {
            let routes = Arc::new(routes);
            ledger.routes.keep(&routes, as_of);
            known.insert(routes.shop.id, routes);
        }
    }
    Ok(known)
}

async fn load(ledger: &Ledger, missing: &[Uuid]) -> Result<Vec<Routes>> {
    let shops = rows::each(&ledger.sessions.all(SHOPS, &[&missing]).await?, |row| rows::shop(row, 0))?;
    let seqs: Vec<i64> = shops.iter().map(|(seq, _)| *seq).collect();
    let mut hooks: HashMap<i64, Vec<_>> = HashMap::new();
    for row in ledger.sessions.all(HOOKS, &[&seqs]).await? {
        hooks.entry(row.try_get(2)?).or_default().push((Lane(row.try_get(0)?), rows::events(&row, 1)?));
    }
    let routes = |(seq, shop)| Routes { seq, shop, hooks: hooks.remove(&seq).unwrap_or_default() };
    Ok(shops.into_iter().map(routes).collect())
}
