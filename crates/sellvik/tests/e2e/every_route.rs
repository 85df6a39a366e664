//! Every operation of the document, called by somebody who has no business with the object (CONTRACT §1).

use std::collections::BTreeMap;

use sellvik_testkit::{Answer, Receiver};
use serde_json::{Value, json};

use crate::checks::{SHOPS, WEBHOOKS, refused, send};
use crate::harness::{START, Server, Shop};
use crate::openapi::{Operation, document, operations};

/// What an operation takes, aimed at this shop. A route that is new has to be added here, so that nobody
/// forgets to ask who may call it.
fn body_of(operation: &str, shop: &str) -> Value {
    let event = json!({"shop": shop, "type": "order.cancelled", "data": {}});
    match operation {
        "health" | "event_type_list" | "webhook_list" | "webhook_get" | "webhook_delete"
        | "delivery_list" | "delivery_get" | "delivery_redeliver" | "redelivery_get" | "shop_list"
        | "shop_get" | "key_list" | "key_revoke" | "panel_sessions_end" => Value::Null,
        "webhook_create" => json!({"url": "https://127.0.0.1/mine", "events": ["order.paid"]}),
        "webhook_update" | "shop_update" => json!({"name": "mine now"}),
        "webhook_redeliver" => json!({"since": START, "status": "succeeded"}),
        "webhook_rotate_secret" => json!({}),
        "webhook_test" => json!({"event": "order.paid"}),
        "event_publish" => event,
        "event_publish_batch" => json!({"events": [event]}),
        "shop_create" => json!({"subdomain": "mine-now"}),
        "key_create" => json!({"scopes": ["webhooks:read"]}),
        "panel_link_create" => json!({"capabilities": ["read"]}),
        new => {
            panic!("the walk does not know {new}: say here what it takes, and in `furnished` what it names")
        }
    }
}

/// A shop in which every object has been made.
struct Furnished {
    shop: Shop,
    /// The webhook's, delivery's, job's and key's ids by the names of their placeholders.
    ids: BTreeMap<&'static str, String>,
    /// A key of both scopes, revoked.
    revoked: String,
}

async fn furnished(server: &Server, receiver: &Receiver, path: &str) -> Furnished {
    let shop = server.shop().await;
    let webhook = shop.webhook(&receiver.url(path), &["order.cancelled"]).await;
    shop.publish("order.cancelled").await;
    let delivery = shop.reached(&webhook, "succeeded").await["id"].clone();
    let nothing = json!({"since": START, "status": "failed"});
    let job = shop.admin.post(&format!("{}/redeliver", webhook.path), &nothing).await.expect(202);
    let keys = format!("{SHOPS}/{}/keys", shop.id);
    let id_of = async |key: &str| {
        let page = server.platform.get(&keys).await.expect(200);
        let items = page["items"].as_array().unwrap().iter();
        let mut held = items.filter(|item| key.starts_with(item["prefix"].as_str().unwrap()));
        held.next().unwrap()["id"].as_str().unwrap().to_owned()
    };
    let both = json!({"scopes": ["webhooks:read", "webhooks:write"]});
    let key = server.platform.post(&keys, &both).await.expect(201);
    let gone = format!("{keys}/{}", key["id"].as_str().unwrap());
    server.platform.delete(&gone).await.expect(204);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let ids = BTreeMap::from([
        ("id", webhook.id),
        ("deliveryId", text(&delivery)),
        ("jobId", text(&job["id"])),
        ("keyId", id_of(&shop.key).await),
    ]);
    Furnished { revoked: text(&key["key"]), ids, shop }
}

/// The path with every placeholder filled in: the first by `outer`, those below it by `inner`.
fn path_of(operation: &Operation<'_>, outer: &Furnished, inner: &Furnished) -> String {
    let mut path = operation.path.to_owned();
    for name in ["id", "deliveryId", "jobId", "keyId"] {
        let owner = if name == "id" { outer } else { inner };
        let id = match name {
            "id" if operation.path.contains("/platform/") => &owner.shop.id,
            _ => &owner.ids[name],
        };
        path = path.replace(&format!("{{{name}}}"), id);
    }
    assert!(!path.contains('{'), "the walk has no id for {path}: make that object in `furnished`");
    path
}

/// Calls an operation on an object of `owner`; the answer to this key, or to none.
async fn call(
    server: &Server,
    operation: &Operation<'_>,
    path: &str,
    owner: &Furnished,
    key: Option<&str>,
) -> Answer {
    let body = match body_of(operation.id, &owner.shop.id) {
        Value::Null => Vec::new(),
        body => body.to_string().into_bytes(),
    };
    let (method, anonymous) = (operation.method.as_str(), &server.anonymous);
    match key {
        Some(key) => send(anonymous, key, method, path, Some("application/json"), &body).await,
        None => anonymous.send(method, path, &[], body).await,
    }
}

/// Fails if an answer tells anything of what is the owner's.
#[track_caller]
fn tells_nothing(operation: &Operation<'_>, answer: &Answer, owner: &Furnished) {
    let text = String::from_utf8_lossy(&answer.body);
    let known = owner.ids.values().chain([&owner.shop.id, &owner.shop.subdomain]);
    for known in known {
        assert!(!text.contains(known), "{} tells of {known}: {text}", operation.id);
    }
}

/// Calls an operation in every way that must not reach the owner's objects.
async fn try_everything(
    server: &Server,
    operation: &Operation<'_>,
    owner: &Furnished,
    stranger: &Furnished,
    platform_key: &str,
) {
    let path = path_of(operation, owner, owner);
    let is_admin = operation.path.contains("/admin/");
    let wrong_kind = if is_admin { platform_key } else { &owner.shop.key };
    let code = |key: Option<&str>| match key {
        None => "missing_or_malformed_authorization",
        Some(_) => "invalid_key",
    };
    for key in [None, Some(wrong_kind), Some(&owner.revoked), Some(&stranger.revoked), Some("sk_live_x")] {
        let answer = call(server, operation, &path, owner, key).await;
        refused(&answer, 401, code(key));
        tells_nothing(operation, &answer, owner);
    }
    let answer = call(server, operation, &path, owner, Some(&stranger.shop.key)).await;
    match (is_admin, operation.path.contains('{')) {
        (false, _) => _ = refused(&answer, 401, "invalid_key"),
        (true, true) => _ = refused(&answer, 404, "not_found"),
        // No object is named: the answer is about the stranger's own.
        (true, false) => assert!((200..300).contains(&answer.status), "{}", operation.id),
    }
    tells_nothing(operation, &answer, owner);
    // The owner's object below one of the stranger's own.
    let mixed = path_of(operation, stranger, owner);
    if operation.path.matches('{').count() > 1 {
        let key = if is_admin { &stranger.shop.key } else { platform_key };
        let answer = call(server, operation, &mixed, owner, Some(key)).await;
        refused(&answer, 404, "not_found");
        tells_nothing(operation, &answer, owner);
    }
}

/// All that a shop has, as it shows itself to its owner and to the platform.
async fn state_of(server: &Server, owner: &Furnished) -> Vec<Value> {
    let webhook = format!("{WEBHOOKS}/{}", owner.ids["id"]);
    let one = format!("{SHOPS}/{}", owner.shop.id);
    let mut keys = server.platform.get(&format!("{one}/keys")).await.expect(200);
    for key in keys["items"].as_array_mut().unwrap() {
        key["lastUsedAt"].take();
    }
    vec![
        owner.shop.admin.get(WEBHOOKS).await.expect(200),
        owner.shop.admin.get(&format!("{webhook}/deliveries")).await.expect(200),
        owner.shop.admin.get(&format!("{webhook}/deliveries/{}", owner.ids["deliveryId"])).await.expect(200),
        owner.shop.admin.get(&format!("{webhook}/redeliver/{}", owner.ids["jobId"])).await.expect(200),
        server.platform.get(&one).await.expect(200),
        keys,
    ]
}

#[tokio::test]
async fn no_operation_of_the_document_reaches_another_shops_objects_by_any_key_but_its_own() {
    let receiver = Receiver::start().await;
    let (server, document) = document().await;
    let owner = furnished(&server, &receiver, "/owner").await;
    let stranger = furnished(&server, &receiver, "/stranger").await;
    let before = state_of(&server, &owner).await;
    let all = operations(&document);
    assert!(all.len() >= 25, "only {} operations were found", all.len());
    for operation in &all {
        if operation.path == "/api/health" {
            let answer = call(&server, operation, operation.path, &owner, None).await;
            tells_nothing(operation, &answer, &owner);
        } else {
            try_everything(&server, operation, &owner, &stranger, server.platform_key()).await;
        }
    }
    assert_eq!(state_of(&server, &owner).await, before);
    assert_eq!(receiver.received_at("/owner").len(), 1);
}

#[tokio::test]
async fn the_short_form_of_the_admin_routes_is_no_way_round() {
    let receiver = Receiver::start().await;
    let (server, document) = document().await;
    let owner = furnished(&server, &receiver, "/owner").await;
    let stranger = furnished(&server, &receiver, "/stranger").await;
    let before = state_of(&server, &owner).await;
    for operation in operations(&document).iter().filter(|one| one.path.contains("/admin/webhooks/{")) {
        let path = path_of(operation, &owner, &owner);
        let short = path.strip_prefix("/api").unwrap();
        for (key, status) in [
            (Some(&*stranger.shop.key), 404),
            (Some(&*owner.revoked), 401),
            (Some("sk_live_x"), 401),
            (None, 401),
        ] {
            let answer = call(&server, operation, short, &owner, key).await;
            assert_eq!(answer.status, status, "{} {short}", operation.method);
            tells_nothing(operation, &answer, &owner);
        }
    }
    assert_eq!(state_of(&server, &owner).await, before);
}
