//! Webhooks: create, get, list, change, delete (CONTRACT §3).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sellvik_testkit::Receiver;
use serde_json::{Value, json};

use crate::checks::{WEBHOOKS, bad_body, ids, members, refused};
use crate::harness::{START, Server};

const OBJECT: [&str; 8] =
    ["createdAt", "enabled", "events", "failureCount", "id", "lastDeliveryAt", "name", "url"];

#[tokio::test]
async fn create_answers_the_webhook_with_its_secret_and_nothing_more() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let body = json!({
        "name": "Shipping integration", "url": "https://127.0.0.1/sellvik-events",
        "events": ["order.created", "order.fulfilled", "order.cancelled"],
    });
    let created = shop.admin.post(WEBHOOKS, &body).await.expect(201);
    assert_eq!(members(&created), ["createdAt", "enabled", "events", "id", "name", "secret", "url"]);
    for field in ["name", "url", "events"] {
        assert_eq!(created[field], body[field]);
    }
    assert_eq!((&created["enabled"], &created["createdAt"]), (&json!(true), &json!(START)));
    let id = created["id"].as_str().unwrap();
    assert!(id.starts_with("wh_") && id.len() == 35, "{id}");
    let secret = created["secret"].as_str().unwrap().strip_prefix("whsec_").unwrap();
    assert_eq!(STANDARD.decode(secret).unwrap().len(), 32);
    let plain = json!({"url": "https://127.0.0.1/other", "events": ["order.created"]});
    let other = shop.admin.post(WEBHOOKS, &plain).await.expect(201);
    assert_eq!(other["name"], Value::Null);
    assert_ne!(other["secret"], created["secret"]);
}

#[tokio::test]
async fn get_and_list_show_the_webhook_object_without_its_secret() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let shop = server.shop().await;
    let url = receiver.url("/hook");
    let webhook = shop.webhook(&url, &["order.cancelled", "order.created"]).await;
    let fresh = json!({
        "id": webhook.id, "name": null, "url": url, "events": ["order.cancelled", "order.created"],
        "enabled": true, "failureCount": 0, "lastDeliveryAt": null, "createdAt": START,
    });
    assert_eq!(shop.get(&webhook).await, fresh);
    let page = shop.admin.get(WEBHOOKS).await.expect(200);
    assert_eq!(page, json!({"items": [fresh], "nextCursor": null}));
    server.advance(Duration::from_secs(5));
    shop.publish("order.cancelled").await;
    shop.reached(&webhook, "succeeded").await;
    let after = shop.get(&webhook).await;
    assert_eq!(members(&after), OBJECT);
    assert_eq!(after["lastDeliveryAt"], "2026-05-27T13:45:05.000Z");
}

#[tokio::test]
async fn a_name_is_null_or_up_to_200_characters_without_control_characters() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let post = async |n: usize, name: Value| {
        let url = format!("https://127.0.0.1/{n}");
        shop.admin.post(WEBHOOKS, &json!({"name": name, "url": url, "events": ["order.created"]})).await
    };
    let longest = "ş😀".repeat(100);
    for (n, name) in [json!(null), json!(""), json!("ERP <b>\"'&"), json!(longest), json!("a\u{202e}b")]
        .into_iter()
        .enumerate()
    {
        let created = post(n, name.clone()).await.expect(201);
        assert_eq!(created["name"], name);
        let one = format!("{WEBHOOKS}/{}", created["id"].as_str().unwrap());
        assert_eq!(shop.admin.get(&one).await.expect(200)["name"], name);
    }
    let longer = format!("{longest}x");
    for name in [
        json!(longer),
        json!("a\nb"),
        json!("a\u{0}b"),
        json!("\u{7f}"),
        json!("\u{85}"),
        json!(7),
        json!(["a"]),
    ] {
        bad_body(&post(99, name).await, &[r#"["name"]"#]);
    }
}

#[tokio::test]
async fn events_keep_their_order_and_fold_duplicates() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let post = async |events: Value| {
        shop.admin.post(WEBHOOKS, &json!({"url": "https://127.0.0.1/hook", "events": events})).await
    };
    let created =
        post(json!(["order.paid", "order.created", "order.paid", "cart.created", "order.created"])).await;
    let created = created.expect(201);
    assert_eq!(created["events"], json!(["order.paid", "order.created", "cart.created"]));
    let path = format!("{WEBHOOKS}/{}", created["id"].as_str().unwrap());
    assert_eq!(shop.admin.get(&path).await.expect(200)["events"], created["events"]);
    let events = json!({"events": ["webhook.failed", "cart.created", "webhook.failed"]});
    let narrowed = shop.admin.patch(&path, &events).await.expect(200);
    assert_eq!(narrowed["events"], json!(["webhook.failed", "cart.created"]));
}

#[tokio::test]
async fn events_are_a_non_empty_array_of_names_in_the_catalogue() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let there = shop.webhook("https://127.0.0.1/there", &["order.created"]).await;
    let whole = r#"["events"]"#;
    for (events, at) in [
        (json!([]), whole),
        (json!(null), whole),
        (json!("order.created"), whole),
        (json!({"0": "order.created"}), whole),
        (json!(["*"]), r#"["events",0]"#),
        (json!(["order.*"]), r#"["events",0]"#),
        (json!(["order.created", "Order.Created"]), r#"["events",1]"#),
        (json!(["order.created", ""]), r#"["events",1]"#),
        (json!(["order.created", "order.created "]), r#"["events",1]"#),
        (json!(["order.created", null]), r#"["events",1]"#),
        (json!(["order.created", ["order.paid"]]), r#"["events",1]"#),
    ] {
        let body = json!({"url": "https://127.0.0.1/hook", "events": events});
        bad_body(&shop.admin.post(WEBHOOKS, &body).await, &[at]);
        bad_body(&shop.admin.patch(&there.path, &json!({"events": events})).await, &[at]);
    }
    assert_eq!(shop.get(&there).await["events"], json!(["order.created"]));
}

#[tokio::test]
async fn patch_takes_any_subset_and_leaves_the_rest() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let webhook = shop.webhook("https://127.0.0.1/hook", &["order.created"]).await;
    let mut expected = shop.get(&webhook).await;
    for patch in [
        json!({}),
        json!({"name": "ERP"}),
        json!({"enabled": false}),
        json!({"url": "HTTPS://127.0.0.1:443/Other?a=b"}),
        json!({"events": ["order.paid", "order.created"]}),
        json!({}),
        json!({"name": null}),
        json!({"enabled": true, "name": "B", "url": "https://127.0.0.1/hook", "events": ["order.created"]}),
    ] {
        for (field, value) in patch.as_object().unwrap() {
            expected[field] = value.clone();
        }
        assert_eq!(shop.patch(&webhook, patch).await, expected);
        assert_eq!(shop.get(&webhook).await, expected);
    }
}

#[tokio::test]
async fn a_patch_with_a_problem_changes_nothing() {
    let server = Server::start().await;
    let shop = server.shop_with(json!({})).await;
    let webhook = shop.webhook("https://127.0.0.1/hook", &["order.created"]).await;
    let before = shop.get(&webhook).await;
    for (patch, at) in [
        (json!({"enabled": null}), r#"["enabled"]"#),
        (json!({"enabled": "false"}), r#"["enabled"]"#),
        (json!({"enabled": 0}), r#"["enabled"]"#),
        (json!({"url": null}), r#"["url"]"#),
        (json!({"url": ["https://127.0.0.1/x"]}), r#"["url"]"#),
        (json!({"url": ""}), r#"["url"]"#),
        (json!({"name": false}), r#"["name"]"#),
        (json!({"name": "new", "events": ["no.such"]}), r#"["events",0]"#),
        (json!({"enabled": false, "url": "https://10.0.0.1/"}), r#"["url"]"#),
    ] {
        bad_body(&shop.admin.patch(&webhook.path, &patch).await, &[at]);
        assert_eq!(shop.get(&webhook).await, before, "{patch}");
    }
    let plain = json!({"name": "new", "url": "http://127.0.0.1/x"});
    refused(&shop.admin.patch(&webhook.path, &plain).await, 400, "http_url_rejected");
    assert_eq!(shop.get(&webhook).await, before);
}

#[tokio::test]
async fn patch_keeps_the_secret() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let shop = server.shop().await;
    let webhook = shop.webhook(&receiver.url("/old"), &["order.created"]).await;
    shop.patch(&webhook, json!({"enabled": false})).await;
    shop.patch(&webhook, json!({"enabled": true, "url": receiver.url("/new"), "events": ["order.paid"]}))
        .await;
    shop.publish("order.paid").await;
    let sent = receiver.wait_for("/new", 1).await;
    assert!(sent[0].verify_sellvik(&webhook.secret) && sent[0].verify_standard(&webhook.secret));
}

#[tokio::test]
async fn a_deleted_webhook_is_gone_everywhere_and_its_url_is_free_at_once() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let shop = server.shop().await;
    let webhook = shop.webhook(&receiver.url("/hook"), &["order.cancelled"]).await;
    shop.publish("order.cancelled").await;
    let delivery = shop.reached(&webhook, "succeeded").await;
    let delivery = format!("{}/deliveries/{}", webhook.path, delivery["id"].as_str().unwrap());
    let window = json!({"since": START, "status": "succeeded"});
    let redeliver = format!("{}/redeliver", webhook.path);
    let job = shop.admin.post(&redeliver, &window).await.expect(202)["id"].as_str().unwrap().to_owned();

    let answer = shop.admin.delete(&webhook.path).await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    for answer in [
        shop.admin.get(&webhook.path).await,
        shop.admin.delete(&webhook.path).await,
        shop.admin.patch(&webhook.path, &json!({"name": "x"})).await,
        shop.admin.post(&format!("{}/rotate-secret", webhook.path), &json!({})).await,
        shop.admin.post(&format!("{}/test", webhook.path), &json!({"event": "order.paid"})).await,
        shop.admin.get(&format!("{}/deliveries", webhook.path)).await,
        shop.admin.get(&delivery).await,
        shop.admin.post(&format!("{delivery}/redeliver"), &json!({})).await,
        shop.admin.post(&redeliver, &window).await,
        shop.admin.post(&format!("{redeliver}?dryRun=true"), &window).await,
        shop.admin.get(&format!("{redeliver}/{job}")).await,
    ] {
        refused(&answer, 404, "not_found");
    }
    assert_eq!(ids(&shop.admin.get(WEBHOOKS).await.expect(200)), [""; 0]);
    let again = shop.webhook(&receiver.url("/hook"), &["order.cancelled"]).await;
    assert!(again.id != webhook.id && again.secret != webhook.secret);
    assert_eq!(shop.deliveries(&again).await, [Value::Null; 0]);
}

#[tokio::test]
async fn a_shop_has_at_most_its_limit_of_webhooks() {
    let server = Server::start_with(&["--webhooks-per-shop", "3"]).await;
    let shop = server.shop().await;
    let body = |n: u8| json!({"url": format!("https://127.0.0.1/{n}"), "events": ["order.created"]});
    let first = shop.webhook("https://127.0.0.1/1", &["order.created"]).await;
    shop.admin.post(WEBHOOKS, &body(2)).await.expect(201);
    let disabled = shop.admin.post(WEBHOOKS, &body(3)).await.expect(201);
    let disabled = format!("{WEBHOOKS}/{}", disabled["id"].as_str().unwrap());
    shop.admin.patch(&disabled, &json!({"enabled": false})).await.expect(200);
    refused(&shop.admin.post(WEBHOOKS, &body(4)).await, 409, "webhook_limit_reached");
    // Changing one is not adding one, another shop has its own, and a deleted one makes room.
    shop.patch(&first, json!({"url": "https://127.0.0.1/5"})).await;
    server.shop().await.admin.post(WEBHOOKS, &body(4)).await.expect(201);
    shop.admin.delete(&first.path).await.expect(204);
    shop.admin.post(WEBHOOKS, &body(4)).await.expect(201);
    refused(&shop.admin.post(WEBHOOKS, &body(6)).await, 409, "webhook_limit_reached");
}

#[tokio::test]
async fn a_hundred_webhooks_are_the_default_limit() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let body = |n: u8| json!({"url": format!("https://127.0.0.1/{n}"), "events": ["order.created"]});
    for n in 0..100 {
        shop.admin.post(WEBHOOKS, &body(n)).await.expect(201);
    }
    refused(&shop.admin.post(WEBHOOKS, &body(100)).await, 409, "webhook_limit_reached");
}
