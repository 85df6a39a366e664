//! What changes at one node counts at the others within a second, heard of or not.

use std::time::{Duration, Instant};

use sellvik_testkit::{Postgres, Receiver};
use serde_json::{Value, json};

use super::cluster::node;
use super::proxy::{Deaf, Proxy};
use crate::durability::{EVENTS, Node, Shop};

/// How soon a change counts everywhere.
const SOON: Duration = Duration::from_secs(1);

/// Publishes at a node until an event makes so many deliveries; how long that took.
async fn until(node: &Node, shop: &Shop, deliveries: usize) -> Duration {
    let since = Instant::now();
    loop {
        let body = json!({"shop": shop.id, "type": "order.cancelled", "data": {}});
        let answer = node.platform.post(EVENTS, &body).await.expect(202);
        if answer["deliveries"] == json!(deliveries) {
            return since.elapsed();
        }
        assert!(since.elapsed() < 10 * SOON, "{answer}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

struct Pair {
    here: Node,
    there: Node,
    shop: Shop,
    receiver: Receiver,
    webhook: Value,
}

impl Pair {
    /// Two nodes; both have sent something to the webhook and so know it.
    async fn start(here: &str, there: &str) -> Self {
        let (here, there) = (node(here, &[]).await, node(there, &[]).await);
        let (shop, receiver) = (here.shop().await, Receiver::start().await);
        let webhook = here.webhook(&shop, &receiver.url("/hook")).await;
        let pair = Self { here, there, shop, receiver, webhook };
        until(&pair.here, &pair.shop, 1).await;
        until(&pair.there, &pair.shop, 1).await;
        pair.receiver.wait_for("/hook", 2).await;
        pair
    }

    fn path(&self) -> String {
        format!("/api/v1/admin/webhooks/{}", self.webhook["id"].as_str().unwrap())
    }

    /// Changes the webhook at one node, sees how soon that counts at the other.
    async fn change_each_way(&self) {
        let (here, there) = (self.here.admin(&self.shop), &self.there);
        here.patch(&self.path(), &json!({"enabled": false})).await.expect(200);
        assert!(until(there, &self.shop, 0).await < SOON, "disabled");
        here.patch(&self.path(), &json!({"enabled": true})).await.expect(200);
        assert!(until(there, &self.shop, 1).await < SOON, "enabled");
        here.patch(&self.path(), &json!({"url": self.receiver.url("/moved")})).await.expect(200);
        let moved = Instant::now();
        while self.receiver.received_at("/moved").is_empty() {
            until(there, &self.shop, 1).await;
        }
        assert!(moved.elapsed() < SOON, "moved");
        here.delete(&self.path()).await.expect(204);
        assert!(until(there, &self.shop, 0).await < SOON, "deleted");
    }
}

#[tokio::test]
async fn a_webhook_changed_at_one_node_is_changed_at_the_others() {
    let address = Postgres::shared().schema();
    Pair::start(&address, &address).await.change_each_way().await;
}

#[tokio::test]
async fn a_change_counts_although_a_node_hears_nothing() {
    let server = Postgres::shared();
    let proxy = Proxy::to(server.port()).await;
    let address = server.schema();
    let pair = Pair::start(&address, &proxy.address(&address, server.port())).await;
    proxy.deafen(Deaf::Listeners);
    pair.change_each_way().await;
}
