//! The document as a page for people: made from the same operations, with nothing fetched from elsewhere.

use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;
use utoipa::openapi::OpenApi;

const STYLE: &str = include_str!("docs.css");

/// Renders the page once; it changes only with the program.
pub(crate) fn page(document: &OpenApi) -> String {
    let document = serde_json::to_value(document).unwrap_or_default();
    let operations = operations(&document);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Sellvik Webhooks API" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                nav aria-label="Operations" { (contents(&operations)) }
                main {
                    h1 { "Sellvik Webhooks API" }
                    @for paragraph in text(&document["info"]["description"]).split("\n\n") { p { (prose(paragraph)) } }
                    p { "The same as a machine-readable document: " a href="/api/v1/openapi.json" { "OpenAPI 3.1" } "." }
                    @for operation in &operations { (section(&document, operation)) }
                }
            }
        }
    }
    .into_string()
}

/// The page with a policy that lets it load nothing at all.
pub(crate) fn response(page: Bytes) -> Response {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
    let headers =
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, policy)];
    (headers, page).into_response()
}

/// One operation of the document.
struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    spec: &'a Value,
}

/// In the order of the document's tags, each with its paths.
fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let mut all: Vec<_> = paths
        .flat_map(|(path, item)| {
            item.as_object().into_iter().flatten().map(move |(method, spec)| Operation { method, path, spec })
        })
        .collect();
    all.sort_by_key(|operation| TAGS.iter().position(|tag| *tag == operation.tag()));
    all
}

/// The order in which a newcomer reads.
const TAGS: [&str; 6] = ["Webhooks", "Deliveries", "Event types", "Publishing", "Shops", "Service"];

impl<'a> Operation<'a> {
    fn tag(&self) -> &'a str {
        text(&self.spec["tags"][0])
    }

    fn id(&self) -> &'a str {
        text(&self.spec["operationId"])
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn contents(operations: &[Operation<'_>]) -> Markup {
    html! {
        @for tag in TAGS {
            h2 { (tag) }
            ul {
                @for operation in operations.iter().filter(|operation| operation.tag() == tag) {
                    li { a href={ "#" (operation.id()) } { (text(&operation.spec["summary"])) } }
                }
            }
        }
    }
}

fn section(document: &Value, operation: &Operation<'_>) -> Markup {
    let spec = operation.spec;
    html! {
        section id=(operation.id()) {
            h2 { (text(&spec["summary"])) }
            p .route { span class={ "method " (operation.method) } { (operation.method.to_uppercase()) } code { (operation.path) } }
            @if let Some(about) = spec["description"].as_str() { p { (prose(about)) } }
            @if let Some(parameters) = spec["parameters"].as_array() { (parameter_table(parameters)) }
            @if let Some(schema) = body_schema(document, &spec["requestBody"]) {
                h3 { "Body" }
                (fields(document, schema))
                (sample(&example_of(document, schema, 0)))
            }
            h3 { "Answers" }
            @for (status, response) in spec["responses"].as_object().into_iter().flatten() {
                details open[status.starts_with('2')] {
                    summary { code { (status) } " " (prose(text(&response["description"]))) }
                    @if let Some(schema) = response["content"]["application/json"].get("schema") {
                        @let given = response["content"]["application/json"].get("example").cloned();
                        @if status.starts_with('2') { (fields(document, resolve(document, schema))) }
                        (sample(&given.unwrap_or_else(|| example_of(document, schema, 0))))
                    }
                }
            }
        }
    }
}

fn parameter_table(parameters: &[Value]) -> Markup {
    html! {
        h3 { "Parameters" }
        dl {
            @for parameter in parameters {
                dt { code { (text(&parameter["name"])) } " " small { (text(&parameter["in"])) } }
                dd { (prose(text(&parameter["description"]))) }
            }
        }
    }
}

fn body_schema<'a>(document: &'a Value, body: &'a Value) -> Option<&'a Value> {
    let schema = body["content"]["application/json"].get("schema")?;
    // An optional body is "null or the shape".
    let alternatives = schema["oneOf"].as_array().into_iter().flatten();
    let shape = alternatives.into_iter().find(|schema| schema.get("$ref").is_some()).unwrap_or(schema);
    Some(resolve(document, shape))
}

fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str().and_then(|reference| document.pointer(reference.strip_prefix('#')?)) {
        Some(target) => resolve(document, target),
        None => schema,
    }
}

fn fields(document: &Value, schema: &Value) -> Markup {
    let required: Vec<_> = schema["required"].as_array().into_iter().flatten().map(text).collect();
    let parts = schema["allOf"].as_array().into_iter().flatten().map(|part| resolve(document, part));
    html! {
        @for part in parts { (fields(document, part)) }
        @if let Some(properties) = schema["properties"].as_object() {
            dl {
                @for (name, property) in properties {
                    dt {
                        code { (name) } " "
                        @if required.contains(&name.as_str()) { small { "always" } } @else { small { "optional" } }
                    }
                    dd { (prose(text(&resolve(document, property)["description"]))) }
                }
            }
        }
    }
}

/// How deep an example is made: shapes are shallow, and none refers to itself.
const EXAMPLE_DEPTH_MAX: u8 = 8;

fn example_of(document: &Value, schema: &Value, depth: u8) -> Value {
    let schema = resolve(document, schema);
    if depth > EXAMPLE_DEPTH_MAX {
        return Value::Null;
    }
    if let Some(example) = schema.get("example") {
        return example.clone();
    }
    let inner = |schema: &Value| example_of(document, schema, depth + 1);
    if let Some(parts) = schema["allOf"].as_array() {
        let merged = parts.iter().map(inner).filter_map(|part| part.as_object().cloned()).flatten();
        return Value::Object(merged.collect());
    }
    if let Some(first) = schema["oneOf"].as_array().and_then(|alternatives| alternatives.last()) {
        return inner(first);
    }
    if let Some(properties) = schema["properties"].as_object() {
        return properties.iter().map(|(name, property)| (name.clone(), inner(property))).collect();
    }
    match schema.get("items") {
        Some(items) => Value::Array(vec![inner(items)]),
        None if schema["type"] == "boolean" => Value::Bool(false),
        None if schema["type"] == "object" => Value::Object(serde_json::Map::new()),
        None => Value::Null,
    }
}

fn sample(value: &Value) -> Markup {
    html! { pre tabindex="0" { code { (serde_json::to_string_pretty(value).unwrap_or_default()) } } }
}

/// Text whose `backquoted` words are code.
fn prose(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}
