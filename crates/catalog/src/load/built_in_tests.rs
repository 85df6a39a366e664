//! What holds for the platform's own event types, whoever edits them next.

use serde_json::Value;

use crate::{Catalog, EventType};

/// The two whose data is documented in full.
const DOCUMENTED: [&str; 2] = ["order.created", "webhook.failed"];

fn catalog() -> Catalog {
    Catalog::built_in().unwrap()
}

/// Calls `visit` with every schema within `schema`, itself included, and where it stands.
fn each_schema(at: &str, schema: &Value, visit: &mut impl FnMut(&str, &Value)) {
    visit(at, schema);
    for (keyword, value) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "properties" => {
                for (name, property) in value.as_object().unwrap() {
                    each_schema(&format!("{at}.{name}"), property, visit);
                }
            }
            "items" => each_schema(&format!("{at}[]"), value, visit),
            "$schema" | "description" | "format" | "minimum" | "pattern" | "required" | "type" => {}
            other => panic!("{at}: teach this walk about {other:?} before using it"),
        }
    }
}

fn each_built_in_schema(mut visit: impl FnMut(&EventType, &str, &Value)) {
    for event_type in catalog().iter() {
        each_schema(event_type.name(), event_type.schema(), &mut |at, schema| visit(event_type, at, schema));
    }
}

#[test]
fn all_load_and_are_sorted() {
    let catalog = catalog();
    let names: Vec<_> = catalog.iter().map(EventType::name).collect();
    assert!(names.is_sorted());
    assert!(names.len() >= 26);
    assert_eq!(names.len(), catalog.len());
    assert!(!catalog.is_empty());
    for name in names {
        assert_eq!(catalog.get(name).unwrap().name(), name);
    }
    assert!(catalog.get("order.imagined").is_none());
}

#[test]
fn the_documented_names_are_there() {
    let catalog = catalog();
    for name in [
        "order.created",
        "order.updated",
        "order.fulfilled",
        "order.cancelled",
        "inventory.low_stock",
        "webhook.failed",
    ] {
        assert!(catalog.get(name).is_some(), "{name}");
    }
}

#[test]
fn each_file_is_named_by_its_type() {
    for event_type in catalog().iter() {
        let file = event_type.origin().file_name().unwrap().to_str().unwrap();
        assert_eq!(file, format!("{}.json", event_type.name()));
    }
}

#[test]
fn each_description_is_one_sentence() {
    for event_type in catalog().iter() {
        let sentence = event_type.description();
        assert!(sentence.ends_with('.') && !sentence.contains(". "), "{}: {sentence}", event_type.name());
    }
}

#[test]
fn each_example_is_accepted() {
    for event_type in catalog().iter() {
        assert!(event_type.accepts(event_type.example()), "{}", event_type.name());
        assert_eq!(event_type.problems(event_type.example()), [], "{}", event_type.name());
    }
}

#[test]
fn each_example_shows_every_described_property() {
    fn compare(at: &str, schema: &Value, example: &Value) {
        if let (Some(properties), Some(members)) = (schema.get("properties"), example.as_object()) {
            for (name, property) in properties.as_object().unwrap() {
                let at = format!("{at}.{name}");
                compare(&at, property, members.get(name).unwrap_or_else(|| panic!("{at} is not shown")));
            }
            for name in members.keys() {
                assert!(properties.get(name).is_some(), "{at}.{name} is not described");
            }
        }
        for element in example.as_array().into_iter().flatten() {
            compare(&format!("{at}[]"), &schema["items"], element);
        }
    }
    for event_type in catalog().iter() {
        compare(event_type.name(), event_type.schema(), event_type.example());
    }
}

#[test]
fn every_schema_within_is_described() {
    each_built_in_schema(|_, at, schema| {
        let description = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        assert!(!description.is_empty(), "{at}");
    });
}

#[test]
fn only_the_documented_two_require_anything() {
    each_built_in_schema(|event_type, at, schema| {
        let documented = DOCUMENTED.contains(&event_type.name());
        let is_object = schema.get("properties").is_some();
        assert_eq!(schema.get("required").is_some(), documented && is_object, "{at}");
    });
}

#[test]
fn nothing_forbids_unknown_properties() {
    fn strangers(value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                let mut members: serde_json::Map<_, _> =
                    members.iter().map(|(key, value)| (key.clone(), strangers(value))).collect();
                members.insert("addedNextYear".to_owned(), Value::Bool(true));
                Value::Object(members)
            }
            Value::Array(elements) => elements.iter().map(strangers).collect(),
            other => other.clone(),
        }
    }
    each_built_in_schema(|_, at, schema| {
        assert!(schema.get("additionalProperties").is_none(), "{at}");
        assert!(schema.get("unevaluatedProperties").is_none(), "{at}");
    });
    for event_type in catalog().iter() {
        assert_eq!(event_type.problems(&strangers(event_type.example())), [], "{}", event_type.name());
    }
}

#[test]
fn undocumented_types_accept_an_empty_object() {
    for event_type in catalog().iter() {
        let accepted = event_type.accepts(&serde_json::json!({}));
        assert_eq!(accepted, !DOCUMENTED.contains(&event_type.name()), "{}", event_type.name());
    }
}

#[test]
fn an_order_needs_decimal_strings() {
    let catalog = catalog();
    let order_created = catalog.get("order.created").unwrap();
    for (total, good) in [("10", true), ("0.00", true), ("1199.60", true), ("1.199,60", false), ("", false)] {
        let mut data = order_created.example().clone();
        data["order"]["total"] = total.into();
        assert_eq!(order_created.accepts(&data), good, "{total}");
    }
    let mut data = order_created.example().clone();
    data["order"]["items"][1]["price"] = 749.9.into();
    let problems = order_created.problems(&data);
    assert_eq!(problems.len(), 1);
    let path = serde_json::to_value(&problems[0].path).unwrap();
    assert_eq!(path, serde_json::json!(["order", "items", 1, "price"]));
}

#[test]
fn a_failed_webhook_may_lack_a_name_a_response_and_an_error() {
    let catalog = catalog();
    let webhook_failed = catalog.get("webhook.failed").unwrap();
    for property in webhook_failed.schema()["properties"].as_object().unwrap().keys() {
        let mut data = webhook_failed.example().clone();
        data[property] = Value::Null;
        let nullable = ["webhookName", "lastResponseCode", "lastError"].contains(&property.as_str());
        assert_eq!(webhook_failed.accepts(&data), nullable, "{property}");
    }
}
