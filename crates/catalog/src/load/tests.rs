//! The operator's folder: what is taken from it and what stops the start.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{FILE_MAX_BYTES, TYPES_MAX};
use crate::bounds::{EXAMPLE_MAX_BYTES, TEXT_FIELD_MAX_CHARS};
use crate::{Catalog, CatalogError};

fn gift_card() -> Value {
    json!({
        "name": "gift_card.sold",
        "description": "A gift card was sold.",
        "family": "Gift cards",
        "schema": {"type": "object", "properties": {"code": {"type": "string"}}},
        "example": {"code": "HEDIYE-50"},
    })
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

/// What loading says about a folder whose only file is the gift card with `member` set to `value`.
fn error_with(member: &str, value: Value) -> CatalogError {
    let mut file = gift_card();
    file[member] = value;
    error_of(&file.to_string())
}

fn error_of(content: &str) -> CatalogError {
    let folder = folder(&[("gift_card.json", content)]);
    let error = Catalog::with_folder(folder.path()).unwrap_err();
    assert!(error.to_string().contains("gift_card.json"), "{error}");
    error
}

#[test]
fn its_types_join_the_built_in_ones() {
    let folder = folder(&[
        ("gift_card.json", &gift_card().to_string()),
        ("README.md", "not an event type"),
        ("old.json.bak", "{"),
    ]);
    fs::create_dir(folder.path().join("drafts")).unwrap();
    let catalog = Catalog::with_folder(folder.path()).unwrap();
    assert_eq!(catalog.len(), Catalog::built_in().unwrap().len() + 1);
    let sold = catalog.get("gift_card.sold").unwrap();
    assert_eq!(sold.description(), "A gift card was sold.");
    assert_eq!(sold.family(), "Gift cards");
    assert_eq!(sold.schema()["type"], "object");
    assert_eq!(sold.example(), &json!({"code": "HEDIYE-50"}));
    assert!(catalog.get("order.created").is_some());
}

#[test]
fn an_empty_folder_adds_nothing() {
    let catalog = Catalog::with_folder(folder(&[]).path()).unwrap();
    assert_eq!(catalog.len(), Catalog::built_in().unwrap().len());
}

#[test]
fn a_missing_folder_is_refused() {
    let folder = folder(&[]);
    let missing = folder.path().join("missing");
    let error = Catalog::with_folder(&missing).unwrap_err();
    assert!(matches!(error, CatalogError::FolderUnreadable { .. }), "{error}");
    assert!(error.to_string().contains(missing.to_str().unwrap()));
}

#[test]
fn what_is_not_a_regular_file_is_refused() {
    let folder = folder(&[]);
    fs::create_dir(folder.path().join("gift_card.json")).unwrap();
    let error = Catalog::with_folder(folder.path()).unwrap_err();
    assert!(matches!(error, CatalogError::FileUnreadable { .. }), "{error}");
}

#[test]
fn a_large_file_is_refused() {
    let mut content = gift_card().to_string();
    content.push_str(&" ".repeat(FILE_MAX_BYTES - content.len()));
    let exact = folder(&[("gift_card.json", &content)]);
    assert!(Catalog::with_folder(exact.path()).is_ok());
    content.push(' ');
    assert!(matches!(error_of(&content), CatalogError::FileTooLarge { .. }));
}

#[test]
fn what_is_no_event_type_is_refused() {
    let mut incomplete = gift_card();
    incomplete.as_object_mut().unwrap().remove("example");
    for content in ["", "{", "[]", "name: gift_card.sold", "{\"name\": 1}", &incomplete.to_string()] {
        assert!(matches!(error_of(content), CatalogError::Malformed { .. }), "{content}");
    }
}

#[test]
fn a_bad_name_is_refused() {
    for name in ["gift_card", "Gift.sold", "gift card.sold", ""] {
        let error = error_with("name", name.into());
        assert!(matches!(&error, CatalogError::Name { name: shown, .. } if shown == name), "{error}");
    }
    let error = error_with("name", format!("a.{}", "b".repeat(200_000)).into());
    assert!(matches!(error, CatalogError::Name { .. }));
    assert!(error.to_string().len() < 1000);
}

#[test]
fn blank_and_long_texts_are_refused() {
    let long = "ş".repeat(TEXT_FIELD_MAX_CHARS + 1);
    for text in ["", " \n", &long] {
        let error = error_with("description", text.into());
        assert!(matches!(error, CatalogError::Description { .. }), "{error}");
        let error = error_with("family", text.into());
        assert!(matches!(error, CatalogError::Family { .. }), "{error}");
    }
}

#[test]
fn a_name_can_be_given_once() {
    let error = error_with("name", "order.created".into());
    let CatalogError::Duplicate { name, first, .. } = &error else { panic!("{error}") };
    assert_eq!(name, "order.created");
    assert!(first.ends_with("built-in/order.created.json"));

    let content = gift_card().to_string();
    let folder = folder(&[("b.json", &content), ("a.json", &content)]);
    let error = Catalog::with_folder(folder.path()).unwrap_err();
    let CatalogError::Duplicate { file, first, .. } = &error else { panic!("{error}") };
    assert!(file.ends_with("b.json") && first.ends_with("a.json"), "{error}");
}

#[test]
fn files_are_read_in_the_order_of_their_names() {
    let folder = folder(&[("c.json", "{"), ("a.json", "{"), ("b.json", "{")]);
    let error = Catalog::with_folder(folder.path()).unwrap_err();
    assert!(error.to_string().contains("a.json"), "{error}");
}

#[test]
fn a_schema_must_describe_an_object() {
    for schema in [json!(true), json!({}), json!({"type": "array"}), json!({"type": ["object", "null"]})] {
        let error = error_with("schema", schema);
        assert!(matches!(error, CatalogError::SchemaRoot { .. }), "{error}");
    }
}

#[test]
fn a_schema_of_another_draft_is_refused() {
    for draft in [json!("http://json-schema.org/draft-07/schema#"), json!("https://example.com/my"), json!(7)]
    {
        let error = error_with("schema", json!({"$schema": draft, "type": "object"}));
        assert!(matches!(error, CatalogError::SchemaDraft { .. }), "{error}");
    }
}

#[test]
fn a_schema_must_be_valid() {
    for (total, at) in [
        (json!({"type": "money"}), "schema.properties.total.type"),
        (json!({"pattern": "("}), "schema.properties.total"),
        (json!({"pattern": "(?=a)b"}), "schema.properties.total"),
        (json!({"$ref": "#/$defs/missing"}), "schema"),
    ] {
        let error = error_with("schema", json!({"type": "object", "properties": {"total": total}}));
        assert!(matches!(error, CatalogError::SchemaInvalid { .. }), "{error:?}");
        assert!(error.to_string().contains(at), "{error}");
    }
}

#[test]
fn a_schema_must_not_lead_outside() {
    for reference in [
        "https://example.com/order.json",
        "http://127.0.0.1:9/order.json#/$defs/total",
        "file:///etc/hostname",
        "order.json",
        "urn:example:order",
    ] {
        let schema = json!({"type": "object", "properties": {"order": {"$ref": reference}}});
        let error = error_with("schema", schema);
        assert!(matches!(error, CatalogError::SchemaReference { .. }), "{error:?}");
    }
}

#[test]
fn an_example_must_fit_its_schema() {
    let error = error_with("example", json!({"code": 50}));
    let CatalogError::ExampleInvalid { at, .. } = &error else { panic!("{error}") };
    assert_eq!(at, "example.code");
    let error = error_with("example", json!([]));
    assert!(matches!(error, CatalogError::ExampleInvalid { .. }), "{error}");
}

#[test]
fn a_large_example_is_refused() {
    let code = |bytes: usize| json!({"code": "x".repeat(bytes - "{\"code\":\"\"}".len())});
    let mut exact = gift_card();
    exact["example"] = code(EXAMPLE_MAX_BYTES);
    assert!(Catalog::with_folder(folder(&[("a.json", &exact.to_string())]).path()).is_ok());
    let error = error_with("example", code(EXAMPLE_MAX_BYTES + 1));
    assert!(matches!(error, CatalogError::ExampleTooLarge { .. }), "{error}");
}

#[test]
fn too_many_types_are_refused() {
    let folder = folder(&[]);
    for number in 0..TYPES_MAX {
        fs::write(folder.path().join(format!("{number}.json")), "").unwrap();
    }
    let error = Catalog::with_folder(folder.path()).unwrap_err();
    let expected = TYPES_MAX + Catalog::built_in().unwrap().len();
    assert!(matches!(error, CatalogError::TooManyTypes { count, .. } if count == expected), "{error}");
}
