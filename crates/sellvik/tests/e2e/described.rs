//! Answers are as the OpenAPI document describes them: statuses, members and types.

use std::collections::{BTreeMap, BTreeSet};

use sellvik_domain::Timestamp;
use sellvik_testkit::{Answer, Client, Receiver};
use serde_json::{Map, Value, json};

use crate::checks::{EVENTS, SHOPS, WEBHOOKS, send};
use crate::harness::{START, Server, Shop};
use crate::openapi::{Operation, document, operations, resolved};

/// Holds answers against the document.
struct Reader {
    document: Value,
    seen: BTreeSet<(String, u16)>,
}

impl Reader {
    fn read(&mut self, operation: &str, answer: &Answer) {
        let all = operations(&self.document);
        let described = all.iter().find(|one| one.id == operation).unwrap();
        let responses = &described.spec["responses"];
        let text = String::from_utf8_lossy(&answer.body);
        let response = responses
            .get(answer.status.to_string())
            .unwrap_or_else(|| panic!("{operation} does not describe {}: {text}", answer.status));
        match response["content"]["application/json"].get("schema") {
            None => assert!(answer.body.is_empty(), "{operation}: {text}"),
            Some(schema) => {
                let held = fits(&self.document, schema, &answer.json());
                assert_eq!(held, Ok(()), "{operation} {}: {text}", answer.status);
            }
        }
        self.seen.insert((operation.to_owned(), answer.status));
    }
}

/// A schema's properties and which of them are required, its parts merged.
fn members_of<'a>(
    document: &'a Value,
    schema: &'a Value,
    into: &mut (Map<String, Value>, BTreeSet<&'a str>),
) {
    let schema = resolved(document, schema);
    for part in schema["allOf"].as_array().into_iter().flatten() {
        members_of(document, part, into);
    }
    into.0.extend(schema["properties"].as_object().cloned().unwrap_or_default());
    into.1.extend(schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str));
}

/// Whether a value is what a schema says, and has no member that it does not mention.
fn fits(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let schema = resolved(document, schema);
    if let Some(choices) = schema["oneOf"].as_array() {
        let fitting = choices.iter().any(|choice| fits(document, choice, value).is_ok());
        return if fitting { Ok(()) } else { Err(format!("{value} is none of the choices")) };
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let told = &schema["type"];
    let one_of = told.as_array().is_some_and(|kinds| kinds.iter().any(|one| one == kind));
    if !told.is_null() && told != kind && !one_of {
        return Err(format!("{value} is not {told}"));
    }
    match value {
        Value::Object(fields) => {
            let mut known = (Map::new(), BTreeSet::new());
            members_of(document, schema, &mut known);
            if let Some(missing) = known.1.iter().find(|name| !fields.contains_key(**name)) {
                return Err(format!("{missing} is missing"));
            }
            // An object without any properties described is free.
            for (name, field) in fields.iter().filter(|_| !known.0.is_empty()) {
                let property = known.0.get(name).ok_or_else(|| format!("{name} is not described"))?;
                fits(document, property, field).map_err(|why| format!("{name}: {why}"))?;
            }
            Ok(())
        }
        Value::Array(elements) => {
            elements.iter().try_for_each(|element| fits(document, &schema["items"], element))
        }
        Value::String(text) if schema["format"] == "date-time" && Timestamp::parse(text).is_none() => {
            Err(format!("{text} is no moment"))
        }
        _ => Ok(()),
    }
}

/// A shop in which every object has been made.
struct Scene {
    server: Server,
    shop: Shop,
    platform_key: String,
    /// The object's id by the name of its placeholder; `id` of a webhook.
    ids: BTreeMap<&'static str, String>,
}

impl Scene {
    fn path(&self, template: &str, unknown: bool) -> String {
        let mut path = template.to_owned();
        for (name, id) in &self.ids {
            let id = if template.contains("/platform/") && *name == "id" { &self.shop.id } else { id };
            let (prefix, _) = id.split_once('_').unwrap();
            let nobody = format!("{prefix}_00000000000000000000000000000000");
            path = path.replace(&format!("{{{name}}}"), if unknown { &nobody } else { id });
        }
        path
    }

    fn key(&self, operation: &Operation<'_>) -> &str {
        if operation.path.contains("/platform/") { &self.platform_key } else { &self.shop.key }
    }
}

/// What goes well, and what conflicts, in an order in which it does.
async fn calls(scene: &mut Scene, receiver: &Receiver, reader: &mut Reader) {
    let (shop, platform) = (scene.shop.clone(), scene.server.platform.clone());
    let body = json!({"name": "ERP", "url": receiver.url("/hook"), "events": ["order.cancelled"]});
    let created = shop.admin.post(WEBHOOKS, &body).await;
    reader.read("webhook_create", &created);
    reader.read("webhook_create", &shop.admin.post(WEBHOOKS, &body).await);
    let webhook = shop.webhook(&receiver.url("/other"), &["order.cancelled"]).await;
    scene.ids.insert("id", webhook.id.clone());
    reader.read("webhook_update", &shop.admin.patch(&webhook.path, &json!({"name": "B"})).await);
    reader.read("webhook_update", &shop.admin.patch(&webhook.path, &json!({"url": body["url"]})).await);
    let event = json!({"shop": shop.id, "type": "order.cancelled", "data": {}, "id": "evt_1"});
    reader.read("event_publish", &platform.post(EVENTS, &event).await);
    reader.read("event_publish", &platform.post(EVENTS, &event).await);
    let other = json!({"shop": shop.id, "type": "order.paid", "data": {}, "id": "evt_1"});
    reader.read("event_publish", &platform.post(EVENTS, &other).await);
    let batch = json!({"events": [event, other, {}, 7]});
    reader.read("event_publish_batch", &platform.post(&format!("{EVENTS}/batch"), &batch).await);
    let delivery = shop.reached(&webhook, "succeeded").await["id"].as_str().unwrap().to_owned();
    let one = format!("{}/deliveries/{delivery}", webhook.path);
    scene.ids.insert("deliveryId", delivery);
    let (window, redeliver) = (json!({"since": START}), format!("{}/redeliver", webhook.path));
    reader.read("webhook_redeliver", &shop.admin.post(&format!("{redeliver}?dryRun=true"), &window).await);
    let started = shop.admin.post(&redeliver, &window).await;
    reader.read("webhook_redeliver", &started);
    scene.ids.insert("jobId", started.json()["id"].as_str().unwrap().to_owned());
    reader.read("delivery_redeliver", &shop.admin.post(&format!("{one}/redeliver"), &json!({})).await);
    let test = json!({"event": "order.created"});
    reader.read("webhook_test", &shop.admin.post(&format!("{}/test", webhook.path), &test).await);
    let rotate = format!("{}/rotate-secret", webhook.path);
    reader.read("webhook_rotate_secret", &shop.admin.post(&rotate, &json!({"activateIn": 5})).await);
    shop.patch(&webhook, json!({"enabled": false})).await;
    reader.read("delivery_redeliver", &shop.admin.post(&format!("{one}/redeliver"), &json!({})).await);
    reader.read("webhook_redeliver", &shop.admin.post(&redeliver, &window).await);

    let body = json!({"subdomain": "acme"});
    reader.read("shop_create", &platform.post(SHOPS, &body).await);
    reader.read("shop_create", &platform.post(SHOPS, &body).await);
    let path = format!("{SHOPS}/{}", shop.id);
    reader.read("shop_update", &platform.patch(&path, &json!({"name": "A"})).await);
    reader.read("shop_update", &platform.patch(&path, &body).await);
    let key = platform.post(&format!("{path}/keys"), &json!({"scopes": ["webhooks:read"]})).await;
    reader.read("key_create", &key);
    scene.ids.insert("keyId", key.json()["id"].as_str().unwrap().to_owned());
    let link = platform.post(&format!("{path}/panel-links"), &json!({"capabilities": ["read"]})).await;
    reader.read("panel_link_create", &link);
    assert_eq!(created.status, 201);
}

/// What is refused, by what the operation takes.
async fn refusals(scene: &Scene, operation: &Operation<'_>, without_scope: &Client, reader: &mut Reader) {
    let (id, method, anonymous) = (operation.id, operation.method.as_str(), &scene.server.anonymous);
    let (here, nowhere) = (scene.path(operation.path, false), scene.path(operation.path, true));
    let key = scene.key(operation);
    if operation.path == "/api/health" {
        return;
    }
    reader.read(id, &anonymous.send(method, &here, &[], Vec::new()).await);
    reader.read(id, &send(anonymous, "nobody", method, &here, None, b"").await);
    if operation.path.contains("/admin/") {
        let answer = match method {
            "GET" => without_scope.get(&here).await,
            _ => {
                send(
                    anonymous,
                    &scene.server.key(&scene.shop.id, &["webhooks:read"]).await,
                    method,
                    &here,
                    None,
                    b"",
                )
                .await
            }
        };
        assert_eq!(answer.status, 403);
        reader.read(id, &answer);
    }
    if operation.path.contains('{') {
        reader.read(id, &send(anonymous, key, method, &nowhere, None, b"").await);
    }
    let parameters = operation.spec["parameters"].as_array().into_iter().flatten();
    if parameters.into_iter().any(|parameter| parameter["in"] == "query") {
        let query = format!("{here}?limit=0&cursor=x&status=x&dryRun=x");
        reader.read(id, &send(anonymous, key, method, &query, None, b"{}").await);
    }
    if operation.spec.get("requestBody").is_some() {
        reader.read(id, &send(anonymous, key, method, &here, Some("text/plain"), b"{}").await);
        reader.read(id, &send(anonymous, key, method, &here, None, b"[").await);
        let size = if id == "event_publish_batch" { 9 << 20 } else { 600 << 10 };
        reader.read(id, &send(anonymous, key, method, &here, None, &vec![b' '; size]).await);
    }
}

#[tokio::test]
async fn every_answer_is_described_and_every_description_is_answered() {
    let receiver = Receiver::start().await;
    let (server, document) = document().await;
    let shop = server.shop().await;
    let writer = server.anonymous.with_bearer(&server.key(&shop.id, &["webhooks:write"]).await);
    let platform_key = server.platform_key().to_owned();
    let mut scene = Scene { server, shop, platform_key, ids: BTreeMap::new() };
    let mut reader = Reader { document: document.clone(), seen: BTreeSet::new() };
    calls(&mut scene, &receiver, &mut reader).await;
    let all = operations(&document);
    for operation in &all {
        refusals(&scene, operation, &writer, &mut reader).await;
    }
    // Reading and deleting, which need no body: the deletions last.
    let (reading, deleting): (Vec<_>, Vec<_>) = all
        .iter()
        .filter(|one| one.method != "POST" && one.method != "PATCH")
        .partition(|one| one.method == "GET");
    for operation in reading.into_iter().chain(deleting) {
        let path = scene.path(operation.path, false);
        let answer =
            send(&scene.server.anonymous, scene.key(operation), &operation.method, &path, None, b"").await;
        assert!((200..300).contains(&answer.status), "{}: {}", operation.id, answer.status);
        reader.read(operation.id, &answer);
    }
    for operation in &all {
        for status in operation.spec["responses"].as_object().unwrap().keys() {
            let met = reader.seen.contains(&(operation.id.to_owned(), status.parse().unwrap()));
            let elsewhere = ["429", "500", "503"].contains(&&**status);
            assert!(met || elsewhere, "{} never answers {status}", operation.id);
        }
    }
}
