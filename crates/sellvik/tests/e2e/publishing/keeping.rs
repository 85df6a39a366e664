//! What is kept of an event, and for how long (CONTRACT §3, §4).

use std::time::Duration;

use sellvik_testkit::{Gate, Receiver, Reply};
use serde_json::{Value, json};

use crate::harness::{Server, Shop, Webhook, eventually};

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn envelopes_keep_the_subdomain_of_acceptance() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let shop = server.shop().await;
    let gate = Gate::new();
    receiver.script("/hook", [Reply::gate(gate.clone(), 500), Reply::status(200)]);
    let webhook = shop.webhook(&receiver.url("/hook"), &["order.cancelled"]).await;
    let event = shop.publish("order.cancelled").await;
    receiver.wait_for("/hook", 1).await;
    let renamed = format!("{}-renamed", shop.subdomain);
    let path = format!("/api/v1/platform/shops/{}", shop.id);
    server.platform.patch(&path, &json!({"subdomain": renamed})).await.expect(200);
    gate.open();
    shop.reached(&webhook, "failed").await;
    server.advance(Duration::from_mins(1));
    shop.reached(&webhook, "succeeded").await;
    let later = shop.publish("order.cancelled").await;
    let arrived = receiver.wait_for("/hook", 3).await;
    assert_eq!(arrived[0].body, arrived[1].body);
    for (request, id, subdomain) in [(&arrived[1], &event, &shop.subdomain), (&arrived[2], &later, &renamed)]
    {
        let envelope = request.json();
        assert_eq!((&envelope["id"], &envelope["shopSubdomain"]), (&json!(id), &json!(subdomain)));
        assert_eq!(request.header("x-sellvik-shop"), subdomain);
    }
}

/// Waits until the webhook has exactly these deliveries left.
async fn left(shop: &Shop, webhook: &Webhook, ids: &[Value]) {
    eventually("the deliveries that are left", async || {
        let left: Vec<Value> = shop.deliveries(webhook).await.iter().map(|one| one["id"].clone()).collect();
        if left == ids { Ok(()) } else { Err(json!(left)) }
    })
    .await;
}

#[tokio::test]
async fn deliveries_are_kept_for_30_days_and_removed_within_31() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let shop = server.shop().await;
    receiver.script("/gone", [Reply::status(410)]);
    let webhook = shop.webhook(&receiver.url("/hook"), &["order.cancelled"]).await;
    let dropping = shop.webhook(&receiver.url("/gone"), &["order.cancelled"]).await;
    shop.publish("order.cancelled").await;
    let old = shop.reached(&webhook, "succeeded").await["id"].clone();
    shop.attempted(&dropping, 1).await;
    server.advance(Duration::from_mins(1));
    shop.reached(&dropping, "dropped").await;
    server.advance(20 * DAY);
    shop.patch(&dropping, json!({"enabled": false})).await;
    shop.publish("order.cancelled").await;
    let young =
        shop.newest(&webhook, "another success", |one| one["id"] != old && one["status"] == "succeeded");
    let young = young.await["id"].clone();

    server.advance(9 * DAY + Duration::from_mins(1438));
    // Time enough for tidying up that would be too early.
    tokio::time::sleep(Duration::from_millis(100)).await;
    left(&shop, &webhook, &[young.clone(), old.clone()]).await;
    server.advance(DAY);
    left(&shop, &webhook, &[young]).await;
    left(&shop, &dropping, &[]).await;
    let path = format!("{}/deliveries/{}", webhook.path, old.as_str().unwrap());
    assert_eq!(shop.admin.get(&path).await.code(), "not_found");
    server.advance(21 * DAY);
    left(&shop, &webhook, &[]).await;
}
