//! Shops and webhooks, made through the API on several connections.

use std::collections::VecDeque;
use std::sync::Arc;

use anyhow::Context as _;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::api::Api;
use crate::event::KINDS;
use crate::service::{PLATFORM_KEY, Service};
use crate::site::{Group, Hook, Shop};

/// Connections that shops are made on: enough that commits are shared.
const CONNECTIONS: usize = 64;

/// Where webhooks may point to.
#[derive(Clone)]
pub(crate) struct Endpoints {
    scheme: &'static str,
    ports: Vec<u64>,
    hole: u64,
}

impl Endpoints {
    pub(crate) fn read(sink: &Value, tls: bool) -> anyhow::Result<Self> {
        let ports = sink["ports"].as_array().context("ports")?.iter().filter_map(Value::as_u64).collect();
        let hole = sink["hole"].as_u64().context("hole")?;
        Ok(Self { scheme: if tls { "https" } else { "http" }, ports, hole })
    }

    fn url(&self, hook: u32, dead: bool) -> String {
        let port = if dead { self.hole } else { self.ports[hook as usize % self.ports.len()] };
        format!("{}://127.0.0.1:{port}/hook/{hook}", if dead { "http" } else { self.scheme })
    }
}

/// A shop to be made.
struct Order {
    number: usize,
    group: usize,
    shape: Group,
    first_hook: u32,
}

/// Makes all shops, in order; hooks are numbered from 0 on, through all groups.
pub(crate) async fn make_shops(
    service: &Service,
    groups: &[Group],
    endpoints: &Endpoints,
) -> anyhow::Result<Vec<Shop>> {
    let mut orders = VecDeque::new();
    let mut first_hook = 0;
    for (group, shape) in groups.iter().enumerate() {
        for _ in 0..shape.shops {
            orders.push_back(Order { number: orders.len(), group, shape: *shape, first_hook });
            first_hook += u32::try_from(shape.hooks)?;
        }
    }
    let workers = CONNECTIONS.min(orders.len());
    let orders = Arc::new(Mutex::new(orders));
    let mut working = JoinSet::new();
    for _ in 0..workers {
        let mut api = Api::connect(service.address).await?;
        let (orders, endpoints, key) = (orders.clone(), endpoints.clone(), PLATFORM_KEY);
        working.spawn(async move {
            let mut made = Vec::new();
            loop {
                let Some(order) = orders.lock().pop_front() else { return anyhow::Ok(made) };
                made.push((order.number, make_shop(&mut api, key, &order, &endpoints).await?));
            }
        });
    }
    let mut shops = Vec::new();
    while let Some(made) = working.join_next().await {
        shops.extend(made??);
    }
    shops.sort_unstable_by_key(|(number, _)| *number);
    Ok(shops.into_iter().map(|(_, shop)| shop).collect())
}

async fn make_shop(
    api: &mut Api,
    platform_key: &str,
    order: &Order,
    endpoints: &Endpoints,
) -> anyhow::Result<Shop> {
    let body = json!({ "subdomain": format!("bench-{}", order.number), "dev": true });
    let shop = api.post("/platform/shops", platform_key, &body).await?;
    let id = shop["id"].as_str().context("shop")?.to_owned();
    let key = api.admin_key(platform_key, &id).await?;
    let mut hooks = Vec::new();
    for k in 0..order.shape.hooks {
        let number = order.first_hook + u32::try_from(k)?;
        let dead = k >= order.shape.hooks - order.shape.dead;
        let kind = KINDS.get(if order.shape.own_kinds { k } else { 0 }).context("no type left")?;
        let body = json!({ "url": endpoints.url(number, dead), "events": [kind] });
        let webhook = api.post("/admin/webhooks", &key, &body).await?;
        hooks.push(Hook { number, id: webhook["id"].as_str().context("webhook")?.to_owned(), dead });
    }
    Ok(Shop { id, key, group: order.group, hooks })
}
