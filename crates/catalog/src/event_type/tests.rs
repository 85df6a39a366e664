use std::path::Path;

use sellvik_domain::PathPart;
use serde_json::{Value, json};

use super::{EventType, ISSUES_MAX, VALUES_MAX_FOR_ALL_PROBLEMS, is_name};
use crate::cut::TEXT_MAX_CHARS;

fn event_type(schema: &Value, example: &Value) -> EventType {
    let file = json!({
        "name": "gift_card.sold",
        "description": "A gift card was sold.",
        "family": "Gift cards",
        "schema": schema,
        "example": example,
    });
    EventType::parse(Path::new("gift_card.json"), file.to_string().as_bytes()).unwrap()
}

fn gift_cards() -> EventType {
    let card = json!({
        "type": "object",
        "required": ["code", "amount"],
        "properties": {
            "code": {"type": "string", "maxLength": 8},
            "amount": {"type": "string", "pattern": "^[0-9]+\\.[0-9]{2}$"},
            "email": {"type": "string", "format": "email"},
        },
    });
    let schema = json!({
        "type": "object",
        "required": ["cards"],
        "properties": {"cards": {"type": "array", "items": card}},
        "additionalProperties": {"type": "object", "additionalProperties": {"type": "integer"}},
    });
    event_type(&schema, &json!({"cards": [{"code": "A1", "amount": "50.00"}]}))
}

fn path(parts: &[&dyn ToPart]) -> Vec<PathPart> {
    parts.iter().map(|part| part.to_part()).collect()
}

trait ToPart {
    fn to_part(&self) -> PathPart;
}
impl ToPart for &str {
    fn to_part(&self) -> PathPart {
        PathPart::from(*self)
    }
}
impl ToPart for usize {
    fn to_part(&self) -> PathPart {
        PathPart::from(*self)
    }
}

#[test]
fn names_follow_their_grammar() {
    for good in ["order.created", "a.b", "gift_card.sold.online", "a1._", "order.2"] {
        assert!(is_name(good), "{good}");
    }
    let long = format!("a.{}", "b".repeat(63));
    for bad in
        ["", "order", "order.", ".created", "order..created", "Order.created", "1a.b", "_a.b", "a-b.c", "a.ş"]
    {
        assert!(!is_name(bad), "{bad}");
    }
    assert!(is_name(&long[..64]));
    assert!(!is_name(&long));
}

#[test]
fn good_data_has_no_problems() {
    let cards = gift_cards();
    let data = json!({"cards": [{"code": "A1", "amount": "50.00", "note": "unknown, allowed"}]});
    assert!(cards.accepts(&data));
    assert_eq!(cards.problems(&data), []);
}

#[test]
fn every_problem_is_reported_with_its_path() {
    let cards = gift_cards();
    let data = json!({
        "cards": [{"code": "A1", "amount": "50.00"}, {"code": 7}, "none"],
        "0": {"1": "one"},
        "a/b": {"c~d": null},
    });
    assert!(!cards.accepts(&data));
    let problems = cards.problems(&data);
    let paths: Vec<_> = problems.iter().map(|issue| issue.path.clone()).collect();
    for expected in [
        path(&[&"cards", &1usize, &"code"]),
        path(&[&"cards", &1usize, &"amount"]),
        path(&[&"cards", &2usize]),
        path(&[&"0", &"1"]),
        path(&[&"a/b", &"c~d"]),
    ] {
        assert!(paths.contains(&expected), "{expected:?} in {problems:?}");
    }
    assert_eq!(problems.len(), 5, "{problems:?}");
}

#[test]
fn a_missing_property_is_reported_where_it_should_be() {
    let problems = gift_cards().problems(&json!({}));
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].path, path(&[&"cards"]));
    assert_eq!(problems[0].message, "The property is required.");
}

#[test]
fn data_that_is_no_object_is_a_problem_of_its_root() {
    let problems = gift_cards().problems(&json!([1, 2]));
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].path, []);
    assert_eq!(problems[0].message, "The value is not of type \"object\".");
}

#[test]
fn messages_do_not_repeat_values() {
    let code = "4242".repeat(20_000);
    let problems = gift_cards().problems(&json!({"cards": [{"code": code, "amount": "50.00"}]}));
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].message, "The value is longer than 8 characters.");
}

#[test]
fn long_messages_and_path_parts_are_cut() {
    let options: Vec<_> = (0..3).map(|n| format!("ğ{n}").repeat(200)).collect();
    let schema = json!({"type": "object", "additionalProperties": {"enum": options}});
    let problems = event_type(&schema, &json!({})).problems(&json!({"k".repeat(100_000): 1}));
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].message.chars().count(), TEXT_MAX_CHARS + 1);
    let PathPart::Key(key) = &problems[0].path[0] else { panic!("{problems:?}") };
    assert_eq!(key.chars().count(), TEXT_MAX_CHARS + 1);
}

#[test]
fn no_more_problems_than_the_bound() {
    let bad = vec![json!({}); ISSUES_MAX];
    assert_eq!(gift_cards().problems(&json!({"cards": bad})).len(), ISSUES_MAX);
}

#[test]
fn formats_are_annotations() {
    let cards = gift_cards();
    let odd = json!({"cards": [{"code": "A1", "amount": "50.00", "email": "not an address"}]});
    assert!(cards.accepts(&odd));
    assert_eq!(cards.problems(&odd), []);
}

#[test]
fn a_schema_may_refer_to_itself() {
    let tree = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#"}}, "name": {"$ref": "#/$defs/name"}},
        "$defs": {"name": {"type": "string"}},
    });
    let tree = event_type(&tree, &json!({"children": [{"name": "leaf"}]}));
    let problems = tree.problems(&json!({"children": [{"children": [{"name": 1}]}]}));
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].path, path(&[&"children", &0usize, &"children", &0usize, &"name"]));
}

#[test]
fn it_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<EventType>();
    shared::<crate::Catalog>();
}

#[test]
fn references_that_go_round_come_to_an_end() {
    for schema in [
        json!({"type": "object", "$ref": "#"}),
        json!({
            "type": "object",
            "allOf": [{"$ref": "#/$defs/a"}],
            "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}},
        }),
    ] {
        let round = event_type(&schema, &json!({}));
        let data = json!({"a": [1]});
        assert_eq!(round.accepts(&data), round.problems(&data).is_empty());
    }
}

#[test]
fn of_very_many_values_the_first_problem_is_reported() {
    let cards = gift_cards();
    let few = json!({"cards": vec![json!({}); 100]});
    assert_eq!(cards.problems(&few).len(), ISSUES_MAX);
    let many = json!({"cards": vec![json!({}); VALUES_MAX_FOR_ALL_PROBLEMS]});
    let problems = cards.problems(&many);
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].path, path(&[&"cards", &0usize, &"code"]));
    let good = json!({"cards": vec![json!({"code": "A1", "amount": "50.00"}); VALUES_MAX_FOR_ALL_PROBLEMS]});
    assert_eq!(cards.problems(&good), []);
}
