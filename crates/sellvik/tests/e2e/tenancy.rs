//! Whose objects a key sees, and what its scopes let it do (CONTRACT §1).

use sellvik_testkit::{Answer, Client, Receiver};
use serde_json::{Value, json};

use crate::checks::{NO_DELIVERY, NO_JOB, NO_WEBHOOK, SHOPS, WEBHOOKS, ids, members, refused};
use crate::harness::{START, Server, Shop, Webhook};

/// A route of the Admin API below a webhook or beside it, with a body that it takes.
struct Route {
    scope: &'static str,
    method: &'static str,
    path: String,
    body: Value,
}

/// Every admin route that names an object.
fn routes_of(webhook: &str, delivery: &str, job: &str) -> Vec<Route> {
    let one = format!("{WEBHOOKS}/{webhook}");
    let route =
        |scope, method, rest: String, body| Route { scope, method, path: format!("{one}{rest}"), body };
    let (read, write) = ("webhooks:read", "webhooks:write");
    let window = json!({"since": START, "status": "succeeded"});
    vec![
        route(read, "GET", String::new(), Value::Null),
        route(read, "GET", "/deliveries".to_owned(), Value::Null),
        route(read, "GET", "/deliveries?status=failed&limit=1".to_owned(), Value::Null),
        route(read, "GET", format!("/deliveries/{delivery}"), Value::Null),
        route(read, "GET", format!("/redeliver/{job}"), Value::Null),
        route(write, "PATCH", String::new(), json!({"name": "mine now"})),
        route(write, "POST", "/rotate-secret".to_owned(), json!({})),
        route(write, "POST", "/test".to_owned(), json!({"event": "order.paid"})),
        route(write, "POST", "/redeliver".to_owned(), window.clone()),
        route(write, "POST", "/redeliver?dryRun=true".to_owned(), window),
        route(write, "POST", format!("/deliveries/{delivery}/redeliver"), json!({})),
        route(write, "DELETE", String::new(), Value::Null),
    ]
}

async fn call(client: &Client, route: &Route) -> Answer {
    match route.method {
        "GET" => client.get(&route.path).await,
        "PATCH" => client.patch(&route.path, &route.body).await,
        "DELETE" => client.delete(&route.path).await,
        _ => client.post(&route.path, &route.body).await,
    }
}

/// A shop with a webhook that has a delivery and a finished redelivery job.
async fn furnished(server: &Server, receiver: &Receiver, path: &str) -> (Shop, Webhook, String, String) {
    let shop = server.shop().await;
    let webhook = shop.webhook(&receiver.url(path), &["order.cancelled"]).await;
    shop.publish("order.cancelled").await;
    let delivery = shop.reached(&webhook, "succeeded").await["id"].as_str().unwrap().to_owned();
    let window = json!({"since": START});
    let job = shop.admin.post(&format!("{}/redeliver", webhook.path), &window).await.expect(202);
    (shop, webhook, delivery, job["id"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn another_shops_objects_are_not_found_on_any_route_just_as_if_there_were_none() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let (owner, webhook, delivery, job) = furnished(&server, &receiver, "/owner").await;
    let (stranger, own, own_delivery, own_job) = furnished(&server, &receiver, "/stranger").await;
    let before = owner.get(&webhook).await;
    let theirs = routes_of(&webhook.id, &delivery, &job);
    let none = routes_of(NO_WEBHOOK, NO_DELIVERY, NO_JOB);
    for (route, none) in theirs.iter().zip(&none) {
        let answer = call(&stranger.admin, route).await;
        refused(&answer, 404, "not_found");
        assert_eq!(answer.json(), call(&stranger.admin, none).await.json(), "{}", route.path);
    }
    // Nor through a webhook of one's own.
    for route in routes_of(&own.id, &delivery, &job)
        .iter()
        .filter(|route| route.path.contains(&delivery) || route.path.contains(&job))
    {
        refused(&call(&stranger.admin, route).await, 404, "not_found");
    }
    // Nor another webhook's of the same shop.
    let second = stranger.webhook(&receiver.url("/second"), &["order.paid"]).await;
    for route in routes_of(&second.id, &own_delivery, &own_job)
        .iter()
        .filter(|route| route.path.contains(&own_delivery) || route.path.contains(&own_job))
    {
        refused(&call(&stranger.admin, route).await, 404, "not_found");
    }
    assert_eq!(owner.get(&webhook).await, before);
    assert_eq!(receiver.received_at("/owner").len(), 1);
    assert_eq!(ids(&owner.admin.get(WEBHOOKS).await.expect(200)), [webhook.id.as_str()]);
    assert!(!ids(&stranger.admin.get(WEBHOOKS).await.expect(200)).contains(&webhook.id));
}

#[tokio::test]
async fn an_event_goes_to_its_own_shops_webhooks_only() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let (one, other) = (server.shop().await, server.shop().await);
    let first = one.webhook(&receiver.url("/one"), &["order.cancelled"]).await;
    let second = other.webhook(&receiver.url("/other"), &["order.cancelled"]).await;
    let sent = one.publish_body(json!({"type": "order.cancelled", "data": {}})).await;
    assert_eq!(sent["deliveries"], 1);
    one.reached(&first, "succeeded").await;
    other.publish("order.cancelled").await;
    other.reached(&second, "succeeded").await;
    assert_eq!(receiver.received_at("/one").len(), 1);
    assert_eq!(receiver.received_at("/other").len(), 1);
    assert_eq!(receiver.received_at("/one")[0].json()["shopId"], one.id.as_str());
}

#[tokio::test]
async fn each_route_asks_for_its_scope_and_write_does_not_imply_read() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let (shop, webhook, delivery, job) = furnished(&server, &receiver, "/hook").await;
    let reader = server.anonymous.with_bearer(&server.key(&shop.id, &["webhooks:read"]).await);
    let writer = server.anonymous.with_bearer(&server.key(&shop.id, &["webhooks:write"]).await);
    let other = json!({"url": "https://127.0.0.1/other", "events": ["order.paid"]});
    let beside = [
        ("webhooks:read", "GET", WEBHOOKS, Value::Null),
        ("webhooks:read", "GET", "/v1/admin/webhooks", Value::Null),
        ("webhooks:read", "GET", "/api/v1/admin/event-types", Value::Null),
        ("webhooks:write", "POST", WEBHOOKS, other),
    ];
    let beside =
        beside.map(|(scope, method, path, body)| Route { scope, method, path: path.to_owned(), body });
    for route in beside.into_iter().chain(routes_of(&webhook.id, &delivery, &job)) {
        let (with, without) =
            if route.scope == "webhooks:read" { (&reader, &writer) } else { (&writer, &reader) };
        let error = refused(&call(without, &route).await, 403, "insufficient_scope");
        assert_eq!(members(&error), ["code", "message", "required"]);
        assert_eq!(error["required"], route.scope, "{} {}", route.method, route.path);
        let answer = call(with, &route).await;
        assert!((200..300).contains(&answer.status), "{} {}: {}", route.method, route.path, answer.status);
    }
}

#[tokio::test]
async fn an_admin_key_opens_no_platform_route_and_a_platform_key_no_admin_route() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let webhook = shop.webhook("https://127.0.0.1/hook", &["order.paid"]).await;
    let one = format!("{SHOPS}/{}", shop.id);
    for answer in [
        shop.admin.get(SHOPS).await,
        shop.admin.post(SHOPS, &json!({"subdomain": "mine"})).await,
        shop.admin.get(&one).await,
        shop.admin.patch(&one, &json!({"name": "mine"})).await,
        shop.admin.get(&format!("{one}/keys")).await,
        shop.admin.post(&format!("{one}/keys"), &json!({"scopes": ["webhooks:read"]})).await,
        shop.admin.delete(&format!("{one}/keys/key_x")).await,
        shop.admin.post("/api/v1/platform/events", &json!({})).await,
        shop.admin.post("/api/v1/platform/events/batch", &json!({})).await,
    ] {
        refused(&answer, 401, "invalid_key");
    }
    for route in routes_of(&webhook.id, NO_DELIVERY, NO_JOB) {
        refused(&call(&server.platform, &route).await, 401, "invalid_key");
    }
}
