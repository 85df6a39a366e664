//! `catalog`: the content of an operator's event type file.

use std::path::Path;

use sellvik_catalog::{CatalogError, EventType, ISSUES_MAX};
use serde_json::{Value, json};

/// Room for any sentence of the catalogue, with its file's name and the cut words of its author.
const ERROR_CHARS_MAX: usize = 1500;

/// What a cut word has at most, its ellipsis and a full stop besides.
const MESSAGE_CHARS_MAX: usize = 302;

pub(crate) fn check(data: &[u8]) {
    match EventType::parse(Path::new("folder/some.json"), data) {
        Err(error) => is_clear(&error),
        Ok(event_type) => is_sound(&event_type),
    }
}

fn is_clear(error: &CatalogError) {
    let text = error.to_string();
    assert!(text.starts_with("folder/some.json "), "{text}");
    assert!(text.chars().count() <= ERROR_CHARS_MAX, "{} characters", text.chars().count());
}

fn is_sound(event_type: &EventType) {
    let name = event_type.name();
    assert_eq!(sellvik_domain::EventType::parse(name).unwrap().as_str(), name);
    for text in [event_type.description(), event_type.family()] {
        assert!(!text.trim().is_empty() && text.chars().count() <= 500);
    }
    assert_eq!(event_type.schema()["type"], "object");
    let example = event_type.example();
    assert!(example.is_object());
    assert!(event_type.accepts(example) && event_type.problems(example).is_empty());
    // What is sent is read back before it is signed: the same must hold of the text.
    let text = example.to_string();
    assert!(text.len() <= 64 << 10);
    answers_for(event_type, &serde_json::from_str(&text).unwrap());
    for other in neighbours(example) {
        answers_for(event_type, &other);
    }
}

/// Accepted or with its problems named, at most so many and each short.
fn answers_for(event_type: &EventType, data: &Value) {
    let problems = event_type.problems(data);
    assert_eq!(event_type.accepts(data), problems.is_empty(), "{data}");
    assert!(problems.len() <= ISSUES_MAX);
    for problem in problems {
        assert!(problem.message.chars().count() <= MESSAGE_CHARS_MAX, "{}", problem.message);
        assert!(!problem.message.is_empty());
    }
    assert!(data.is_object() || !event_type.accepts(data));
}

/// Data much like the example: a member less, a member of another type, a member more.
fn neighbours(example: &Value) -> Vec<Value> {
    let mut others = vec![json!({}), json!([]), json!(null), json!({"order": {"items": [{"price": []}]}})];
    for key in example.as_object().unwrap().keys().take(8) {
        for value in [None, Some(json!(null)), Some(json!([[0]])), Some(json!(1e300)), Some(json!("x"))] {
            let mut other = example.clone();
            let members = other.as_object_mut().unwrap();
            match value {
                None => drop(members.remove(key)),
                Some(value) => drop(members.insert(key.clone(), value)),
            }
            others.push(other);
        }
    }
    others
}
