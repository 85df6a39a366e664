//! The OpenAPI document and the page made from it: whole, true to the router, and checked in.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::harness::Server;

const DOCUMENT: &str = "/api/v1/openapi.json";
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// Every route of the contract's tables, by path.
const ROUTES: [(&str, &str); 19] = [
    ("/api/health", "GET"),
    ("/api/v1/admin/event-types", "GET"),
    ("/api/v1/admin/webhooks", "GET POST"),
    ("/api/v1/admin/webhooks/{id}", "DELETE GET PATCH"),
    ("/api/v1/admin/webhooks/{id}/deliveries", "GET"),
    ("/api/v1/admin/webhooks/{id}/deliveries/{deliveryId}", "GET"),
    ("/api/v1/admin/webhooks/{id}/deliveries/{deliveryId}/redeliver", "POST"),
    ("/api/v1/admin/webhooks/{id}/redeliver", "POST"),
    ("/api/v1/admin/webhooks/{id}/redeliver/{jobId}", "GET"),
    ("/api/v1/admin/webhooks/{id}/rotate-secret", "POST"),
    ("/api/v1/admin/webhooks/{id}/test", "POST"),
    ("/api/v1/platform/events", "POST"),
    ("/api/v1/platform/events/batch", "POST"),
    ("/api/v1/platform/shops", "GET POST"),
    ("/api/v1/platform/shops/{id}", "GET PATCH"),
    ("/api/v1/platform/shops/{id}/keys", "GET POST"),
    ("/api/v1/platform/shops/{id}/keys/{keyId}", "DELETE"),
    ("/api/v1/platform/shops/{id}/panel-links", "DELETE POST"),
    ("/docs", ""),
];

/// One operation of the document.
pub struct Operation<'a> {
    pub id: &'a str,
    pub method: String,
    pub path: &'a str,
    pub spec: &'a Value,
}

/// Every operation of the document.
pub fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, spec) in item.as_object().unwrap() {
            let id = spec["operationId"].as_str().unwrap();
            all.push(Operation { id, method: method.to_uppercase(), path, spec });
        }
    }
    all
}

/// What a schema refers to, or itself.
pub fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        None => schema,
        Some(reference) => {
            let target = document.pointer(reference.strip_prefix('#').unwrap());
            resolved(document, target.unwrap_or_else(|| panic!("{reference} leads nowhere")))
        }
    }
}

pub async fn document() -> (Server, Value) {
    let server = Server::start().await;
    let document = server.anonymous.get(DOCUMENT).await.expect(200);
    (server, document)
}

/// Calls `look` with every object of the document.
fn every_object(value: &Value, look: &mut impl FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            look(fields);
            fields.values().for_each(|field| every_object(field, look));
        }
        Value::Array(elements) => elements.iter().for_each(|element| every_object(element, look)),
        _ => {}
    }
}

fn says_something(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

#[tokio::test]
async fn the_document_checked_in_is_the_one_served() {
    let (_server, served) = document().await;
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let kept = std::fs::read_to_string(file).unwrap_or_default();
    let kept: Value = serde_json::from_str(&kept).unwrap_or_default();
    assert!(kept == served, "refresh it: cargo run -p sellvik -- openapi > docs/openapi.json");
}

#[tokio::test]
async fn the_document_is_openapi_3_1_and_every_reference_resolves() {
    let (_server, document) = document().await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{}", document["openapi"]);
    for field in ["title", "version", "description"] {
        assert!(says_something(&document["info"][field]), "{field}");
    }
    let mut references = 0;
    every_object(&document, &mut |object| {
        if let Some(reference) = object.get("$ref") {
            references += 1;
            let at = reference.as_str().unwrap().strip_prefix('#').expect("a reference within the document");
            assert!(document.pointer(at).is_some(), "{reference}");
        }
    });
    assert!(references > 100);
}

#[tokio::test]
async fn every_route_is_described_and_everything_described_is_a_route() {
    let (server, document) = document().await;
    let mut described: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for operation in operations(&document) {
        described.entry(operation.path).or_default().push(operation.method);
    }
    for (path, methods) in ROUTES {
        let mut of_path = described.remove(path).unwrap_or_default();
        of_path.sort();
        assert_eq!(of_path.join(" "), methods, "{path}");
        for method in METHODS {
            let concrete = path.replace('{', "x-").replace('}', "");
            let answer = server.anonymous.send(method, &concrete, &[], Vec::new()).await;
            match answer.status {
                405 => assert!(!of_path.contains(&method.to_owned()), "{method} {path}"),
                200 => {
                    assert!(["/docs", "/api/health"].contains(&path) && method == "GET", "{method} {path}");
                }
                status => {
                    assert_eq!(status, 401, "{method} {path}");
                    assert!(of_path.contains(&method.to_owned()), "{method} {path} is not described");
                }
            }
        }
    }
    assert!(described.is_empty(), "{:?} are not routes of the contract", described.keys());
}

#[tokio::test]
async fn every_operation_says_what_it_is_and_who_may_call_it() {
    let (_server, document) = document().await;
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    let mut ids = BTreeSet::new();
    for operation in operations(&document) {
        let (id, spec) = (operation.id, operation.spec);
        assert!(ids.insert(id), "{id} twice");
        assert!(says_something(&spec["summary"]), "{id}");
        assert_eq!(spec["tags"].as_array().unwrap().len(), 1, "{id}");
        let security = spec["security"].as_array().unwrap();
        assert_eq!(security.len(), 1, "{id}");
        let needed = security[0].as_object().unwrap();
        let expected: &[&str] = match operation.path {
            "/api/health" => &[],
            path if path.starts_with("/api/v1/admin/") => &["adminKey"],
            _ => &["platformKey"],
        };
        assert_eq!(needed.keys().collect::<Vec<_>>(), expected, "{id}");
        for (scheme, scopes) in needed {
            assert_eq!(schemes[scheme]["scheme"], "bearer");
            let scope = if operation.method == "GET" { "webhooks:read" } else { "webhooks:write" };
            let admin: &[&str] = &[scope];
            let expected = if scheme == "adminKey" { admin } else { &[] };
            assert_eq!(*scopes, serde_json::json!(expected), "{id}");
        }
        let mut placeholders: Vec<_> =
            operation.path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
        for parameter in spec["parameters"].as_array().into_iter().flatten() {
            assert!(says_something(&parameter["description"]), "{id} {}", parameter["name"]);
            if parameter["in"] == "path" {
                assert_eq!(parameter["required"], true);
                let name = parameter["name"].as_str().unwrap();
                placeholders.retain(|placeholder| *placeholder != name);
            }
        }
        assert!(placeholders.is_empty(), "{id} does not describe {placeholders:?}");
    }
}

#[tokio::test]
async fn every_schemas_properties_are_described() {
    let (_server, document) = document().await;
    let mut seen = 0;
    every_object(&document, &mut |object| {
        for (name, property) in object.get("properties").and_then(Value::as_object).into_iter().flatten() {
            seen += 1;
            assert!(says_something(&property["description"]), "{name}: {property}");
        }
    });
    assert!(seen > 100);
}

#[tokio::test]
async fn what_an_answer_always_holds_is_required() {
    let (_server, document) = document().await;
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        // Answers have a title of their own, bodies to send have none.
        let answer = schema.get("title").is_some() || name.starts_with("PageShape_");
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for field in schema["properties"].as_object().into_iter().flatten().map(|(field, _)| field) {
            let sometimes = !answer || (name == "AcceptedShape" && field == "duplicate");
            assert!(sometimes || required.contains(&Value::from(field.as_str())), "{name}: {field}");
        }
    }
}

/// What a schema's examples add up to; nothing if a part has none.
fn example(document: &Value, schema: &Value) -> Option<Value> {
    if let Some(example) = schema.get("example") {
        return Some(example.clone());
    }
    let schema = resolved(document, schema);
    if let Some(example) = schema.get("example") {
        return Some(example.clone());
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut merged = serde_json::Map::new();
        for part in parts {
            merged.extend(example(document, part)?.as_object()?.clone());
        }
        return Some(Value::Object(merged));
    }
    if let Some(properties) = schema["properties"].as_object() {
        return properties.iter().map(|(name, one)| Some((name.clone(), example(document, one)?))).collect();
    }
    match schema.get("items") {
        Some(items) => Some(Value::Array(vec![example(document, items)?])),
        None => (schema["type"] == "boolean").then_some(Value::Bool(false)),
    }
}

#[tokio::test]
async fn every_operation_has_a_success_with_a_schema_and_an_example_and_its_errors_an_example_each() {
    let (_server, document) = document().await;
    for operation in operations(&document) {
        let id = operation.id;
        let responses = operation.spec["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{id}");
        for (status, response) in responses {
            assert!(says_something(&response["description"]), "{id} {status}");
            let media = &response["content"]["application/json"];
            if status == "204" {
                assert!(response.get("content").is_none(), "{id}");
                continue;
            }
            let schema = media.get("schema").unwrap_or_else(|| panic!("{id} {status} has no schema"));
            let given = media.get("example").cloned().or_else(|| example(&document, schema));
            let given = given.unwrap_or_else(|| panic!("{id} {status} has no example"));
            if !status.starts_with('2') && operation.path != "/api/health" {
                assert_eq!(schema["$ref"], "#/components/schemas/ErrorBody", "{id} {status}");
                let code = given["error"]["code"].as_str().unwrap();
                let codes = response["description"].as_str().unwrap();
                assert!(codes.contains(&format!("`{code}`")), "{id} {status}: {code} is none of {codes}");
            }
        }
        if let Some(body) = operation.spec.get("requestBody") {
            let schema = &body["content"]["application/json"]["schema"];
            let shape = schema["oneOf"].as_array().map_or(schema, |choices| &choices[0]);
            assert!(example(&document, shape).is_some(), "{id} has no example of its body");
        }
    }
}

#[tokio::test]
async fn the_page_for_people_shows_every_operation_and_loads_nothing_from_elsewhere() {
    let (server, document) = document().await;
    let answer = server.anonymous.get("/docs").await;
    assert_eq!(answer.status, 200);
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("http"), "{policy}");
    let page = String::from_utf8(answer.body.to_vec()).unwrap();
    for operation in operations(&document) {
        assert!(page.contains(&format!(">{}<", operation.path)), "{}", operation.path);
        assert!(page.contains(&format!("id=\"{}\"", operation.id)), "{}", operation.id);
        let summary = operation.spec["summary"].as_str().unwrap();
        assert!(page.contains(&summary.replace('\'', "&#39;")) || page.contains(summary), "{summary}");
    }
    let lower = page.to_lowercase();
    for attribute in ["src=", "href=", "action=", "srcset=", "data=", "poster="] {
        for value in lower.split(&format!(" {attribute}")).skip(1) {
            let value = value.trim_start_matches(['"', '\'']);
            let local = value.starts_with('#') || (value.starts_with('/') && !value.starts_with("//"));
            assert!(local, "{attribute}{}", &value[..value.len().min(60)]);
        }
    }
    for loader in ["@import", "url(", "<script", "<base", "<iframe", "http-equiv"] {
        assert!(!lower.contains(loader), "{loader}");
    }
}
