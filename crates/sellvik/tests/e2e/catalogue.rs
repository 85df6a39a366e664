//! The event catalogue as the API shows it (CONTRACT §6).

use sellvik_testkit::Receiver;
use serde_json::{Value, json};

use crate::checks::{EVENTS, bad_body, members, paths, refused};
use crate::harness::{Server, Shop};

const EVENT_TYPES: &str = "/api/v1/admin/event-types";

async fn all_types(shop: &Shop) -> Vec<Value> {
    let page = shop.admin.get(&format!("{EVENT_TYPES}?limit=100")).await.expect(200);
    assert_eq!(page["nextCursor"], Value::Null);
    page["items"].as_array().unwrap().clone()
}

fn named<'a>(types: &'a [Value], name: &str) -> &'a Value {
    types.iter().find(|kind| kind["name"] == name).unwrap_or_else(|| panic!("{name} is not there"))
}

#[tokio::test]
async fn the_catalogue_holds_what_a_shop_platform_needs_each_type_with_schema_and_example() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let types = all_types(&shop).await;
    assert!(types.len() >= 20, "{}", types.len());
    for name in [
        "order.created",
        "order.updated",
        "order.fulfilled",
        "order.cancelled",
        "order.paid",
        "order.refunded",
        "inventory.low_stock",
        "inventory.adjusted",
        "product.created",
        "product.updated",
        "product.deleted",
        "customer.created",
        "customer.updated",
        "webhook.failed",
    ] {
        named(&types, name);
    }
    assert!(types.is_sorted_by_key(|kind| kind["name"].as_str().unwrap()));
    for kind in &types {
        assert_eq!(members(kind), ["description", "example", "family", "name", "schema"]);
        let name = kind["name"].as_str().unwrap();
        for text in ["description", "family"] {
            assert!(kind[text].as_str().is_some_and(|text| !text.is_empty()), "{name} {text}");
        }
        assert_eq!(kind["schema"]["type"], "object", "{name}");
        assert!(kind["example"].as_object().is_some_and(|example| !example.is_empty()), "{name}");
        let documented = ["order.created", "webhook.failed"].contains(&name);
        described_and_optional(name, &kind["schema"], documented);
    }
}

/// Every property has a description, nothing is closed, and only a documented type requires anything.
fn described_and_optional(name: &str, schema: &Value, documented: bool) {
    assert!(documented || schema.get("required").is_none(), "{name} requires {}", schema["required"]);
    assert!(schema.get("additionalProperties").is_none_or(|more| *more == true), "{name} is closed");
    for (field, property) in schema["properties"].as_object().into_iter().flatten() {
        assert!(property["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}: {field}");
        described_and_optional(name, property, documented);
    }
    if let Some(items) = schema.get("items") {
        described_and_optional(name, items, documented);
    }
}

#[tokio::test]
async fn order_created_has_its_documented_fields() {
    let server = Server::start().await;
    let types = all_types(&server.shop().await).await;
    let kind = named(&types, "order.created");
    let order = &kind["schema"]["properties"]["order"]["properties"];
    let example = &kind["example"]["order"];
    for field in [
        "id",
        "orderNumber",
        "status",
        "subtotal",
        "shippingCost",
        "discountAmount",
        "total",
        "paymentMethod",
        "customer",
        "shippingAddress",
        "items",
        "createdAt",
    ] {
        assert!(order.get(field).is_some() && example.get(field).is_some(), "{field}");
    }
    for amount in ["subtotal", "shippingCost", "discountAmount", "total"] {
        assert!(example[amount].as_str().is_some_and(|amount| amount.parse::<f64>().is_ok()), "{amount}");
    }
    assert_eq!(members(&example["customer"]), ["email", "id", "name", "phoneNumber"]);
    let address = ["addressLine1", "city", "country", "district", "name", "phone"];
    assert_eq!(members(&example["shippingAddress"]), address);
    assert_eq!(members(&example["items"][0]), ["name", "price", "productId", "quantity", "total"]);
    let failed = named(&types, "webhook.failed");
    assert_eq!(
        members(&failed["example"]),
        [
            "attempts",
            "deliveryId",
            "droppedAt",
            "eventId",
            "eventType",
            "host",
            "lastError",
            "lastResponseCode",
            "reason",
            "webhookId",
            "webhookName",
        ]
    );
}

#[tokio::test]
async fn every_example_is_valid_by_its_own_schema_and_every_type_but_webhook_failed_can_be_published() {
    let server = Server::start().await;
    let shop = server.shop().await;
    for kind in all_types(&shop).await {
        let name = kind["name"].as_str().unwrap();
        shop.webhook(&format!("https://127.0.0.1/{name}"), &[name]).await;
        let body = json!({"shop": shop.id, "type": name, "data": kind["example"]});
        let answer = server.platform.post(EVENTS, &body).await;
        if name == "webhook.failed" {
            bad_body(&answer, &[r#"["type"]"#]);
        } else {
            assert_eq!(answer.expect(202)["deliveries"], 1, "{name}");
        }
        let mut more = kind["example"].clone();
        more["somethingNew"] = json!([{"a": null}]);
        let body = json!({"shop": shop.id, "type": name, "data": more});
        let status = server.platform.post(EVENTS, &body).await.status;
        assert_eq!(status, if name == "webhook.failed" { 400 } else { 202 }, "{name}");
    }
}

#[tokio::test]
async fn a_type_out_of_the_catalogue_and_data_that_breaks_its_schema_are_refused_with_paths() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let publish = async |kind: &str, data: Value| {
        server.platform.post(EVENTS, &json!({"shop": shop.id, "type": kind, "data": data})).await
    };
    for kind in ["", "order", "order.*", "Order.created", "order.created ", "no.such", "order.created\u{0}"] {
        bad_body(&publish(kind, json!({})).await, &[r#"["type"]"#]);
    }
    let types = all_types(&shop).await;
    let mut data = named(&types, "order.created")["example"].clone();
    data["order"]["items"][0]["quantity"] = json!("two");
    data["order"]["total"] = json!(12.5);
    data["order"]["customer"]["email"] = json!(["a@example.com"]);
    let error = refused(&publish("order.created", data).await, 400, "invalid_body");
    assert_eq!(
        paths(&error),
        [
            r#"["data","order","customer","email"]"#,
            r#"["data","order","items",0,"quantity"]"#,
            r#"["data","order","total"]"#,
        ]
    );
    for data in [json!(null), json!([]), json!("x"), json!(7)] {
        bad_body(&publish("order.paid", data).await, &[r#"["data"]"#]);
    }
}

#[tokio::test]
async fn an_operators_folder_adds_types_that_can_be_subscribed_published_and_tested() {
    let folder = tempfile::TempDir::new().unwrap();
    let kind = json!({
        "name": "loyalty.points_earned", "description": "A customer earned points.", "family": "Loyalty",
        "schema": {
            "type": "object", "required": ["points"],
            "properties": {"points": {"type": "integer", "description": "How many."}},
        },
        "example": {"points": 7},
    });
    std::fs::write(folder.path().join("points.json"), kind.to_string()).unwrap();
    std::fs::write(folder.path().join("README.md"), "Ours.").unwrap();
    let catalog_dir = folder.path().display().to_string();
    let (server, receiver) =
        (Server::start_with(&["--catalog-dir", &catalog_dir]).await, Receiver::start().await);
    let shop = server.shop().await;
    let types = all_types(&shop).await;
    assert_eq!(*named(&types, "loyalty.points_earned"), kind);
    named(&types, "order.created");

    let webhook = shop.webhook(&receiver.url("/hook"), &["loyalty.points_earned"]).await;
    let answer = shop.publish_body(json!({"type": "loyalty.points_earned", "data": {"points": 12}})).await;
    assert_eq!(answer["deliveries"], 1);
    shop.reached(&webhook, "succeeded").await;
    let sent = receiver.wait_for("/hook", 1).await;
    assert_eq!(sent[0].json()["data"], json!({"points": 12}));
    let broken = json!({"shop": shop.id, "type": "loyalty.points_earned", "data": {"points": "12"}});
    bad_body(&server.platform.post(EVENTS, &broken).await, &[r#"["data","points"]"#]);
    let test = json!({"event": "loyalty.points_earned"});
    shop.admin.post(&format!("{}/test", webhook.path), &test).await.expect(202);
    let sent = receiver.wait_for("/hook", 2).await;
    assert_eq!(sent[1].json()["data"], json!({"points": 7}));
}
