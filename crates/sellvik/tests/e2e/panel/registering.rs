//! Both ways write the same row: webhooks made and changed by hand.

use serde_json::{Value, json};

use super::browser::{Browser, Form, Page};
use super::{ALL, home, visitor};
use crate::checks::WEBHOOKS;
use crate::harness::{START, Scene, Server, Shop};

async fn new_form(browser: &Browser, shop: &Shop) -> Form {
    let page = browser.get(&format!("{}/webhooks/new", home(shop))).await;
    assert_eq!(page.status(), 200, "{}", page.text);
    page.form("/webhooks/new")
}

async fn list(shop: &Shop) -> Vec<Value> {
    shop.admin.get(WEBHOOKS).await.expect(200)["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_webhook_made_by_hand_is_as_one_made_by_the_api() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let browser = visitor(&server, &shop, &["write"]).await;
    let form = new_form(&browser, &shop).await.with("url", " https://127.0.0.1/erp ").with("name", " ERP ");
    let made = browser.send(&form.and("events", "order.paid").and("events", "order.created")).await;
    assert_eq!(made.status(), 200, "{}", made.words());
    let secret = made.value("secret");
    assert!(secret.starts_with("whsec_"), "{secret}");
    let row = list(&shop).await.remove(0);
    let mut expected = json!({"name": "ERP", "url": "https://127.0.0.1/erp", "enabled": true,
        "events": ["order.paid", "order.created"], "failureCount": 0, "lastDeliveryAt": null,
        "createdAt": START});
    expected["id"] = row["id"].clone();
    assert_eq!(row, expected);
    // Shown once on that page, and on no other.
    assert_eq!(made.text.matches(&secret).count(), 1);
    let reader = visitor(&server, &shop, &ALL).await;
    for path in [String::new(), format!("/webhooks/{}/edit", row["id"].as_str().unwrap())] {
        assert!(!reader.get(&format!("{}{path}", home(&shop))).await.text.contains(&secret), "{path}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_webhook_stands_at_its_field_and_nothing_is_written() {
    let server = Server::start().await;
    let shop = server.shop_with(json!({})).await;
    let browser = visitor(&server, &shop, &ALL).await;
    let form = new_form(&browser, &shop).await;
    let wrong = |page: &Page| -> Vec<String> {
        let inputs = page.all("input").into_iter().chain(page.all("fieldset"));
        let invalid = inputs.filter(|one| one.get("aria-invalid") == "true");
        invalid.map(|one| one.get("id").to_owned()).collect()
    };
    let long = "x".repeat(201);
    for (url, name, events, expected) in [
        ("", "", None, &["url", "events"][..]),
        ("nonsense", &*long, None, &["url", "name", "events"]),
        ("http://203.0.113.9/", "", Some("order.paid"), &["url"]),
        ("https://10.0.0.1/", "", Some("order.paid"), &["url"]),
        ("https://127.0.0.1/", "ok", Some("order.nonsense"), &["events"]),
    ] {
        let form = form.clone().with("url", url).with("name", name);
        let form = events.iter().fold(form, |form, event| form.and("events", event));
        let page = browser.send(&form).await;
        assert_eq!((page.status(), wrong(&page)), (400, expected.iter().map(ToString::to_string).collect()));
        assert_eq!((page.value("url"), page.value("name")), (url.to_owned(), name.to_owned()));
    }
    assert!(list(&shop).await.is_empty());
    let good = form.with("url", "https://127.0.0.1/").and("events", "order.paid");
    assert_eq!(browser.send(&good).await.status(), 200);
    let twice = browser.send(&good).await;
    assert_eq!((twice.status(), wrong(&twice)), (422, vec!["url".to_owned()]));
    assert_eq!(list(&shop).await.len(), 1);
}

#[tokio::test]
async fn an_edit_writes_what_was_changed_and_leaves_the_rest() {
    let scene = Scene::with([]).await;
    let browser = visitor(&scene.server, &scene.shop, &ALL).await;
    let path = format!("{}/webhooks/{}/edit", home(&scene.shop), scene.webhook.id);
    let mut expected = scene.shop.get(&scene.webhook).await;
    let form = browser.get(&path).await.form("/edit");
    assert_eq!(form.field("url"), expected["url"].as_str().unwrap());
    for (name, value) in [("name", "ERP"), ("url", "https://127.0.0.1/moved")] {
        let form = browser.get(&path).await.form("/edit").with(name, value);
        assert_eq!(browser.send(&form).await.status(), 303);
        expected[name] = json!(value);
        assert_eq!(scene.shop.get(&scene.webhook).await, expected);
    }
    let form = browser.get(&path).await.form("/edit").with("events", "order.paid").with("name", "");
    assert_eq!(browser.send(&form).await.status(), 303);
    (expected["events"], expected["name"]) = (json!(["order.paid"]), Value::Null);
    assert_eq!(scene.shop.get(&scene.webhook).await, expected);
}

#[tokio::test]
async fn a_secret_replaced_by_hand_signs_what_comes_next() {
    let scene = Scene::with([]).await;
    let browser = visitor(&scene.server, &scene.shop, &ALL).await;
    let path = format!("{}/webhooks/{}/edit", home(&scene.shop), scene.webhook.id);
    let form = browser.get(&path).await.form("/rotate");
    assert_eq!(form.field("activateIn"), "86400", "the gentlest is chosen already");
    let shown = browser.send(&form.with("activateIn", "0")).await;
    assert_eq!(shown.status(), 200);
    let secret = shown.value("secret");
    assert!(secret.starts_with("whsec_") && secret != scene.webhook.secret);
    assert!(!shown.text.contains(&scene.webhook.secret));
    scene.first_attempt().await;
    let received = scene.receiver.received_at("/hook").remove(0);
    assert!(received.verify_sellvik(&secret), "signed with the new one");
    assert!(!received.verify_sellvik(&scene.webhook.secret));
    let soon = Form::new(&path.replace("/edit", "/rotate"), &[("activateIn", "soon")]);
    assert_eq!(
        browser.send(&soon.and("csrf", form_token(&browser, &path).await.as_str())).await.status(),
        400
    );
}

async fn form_token(browser: &Browser, path: &str) -> String {
    browser.get(path).await.form("/leave").field("csrf").to_owned()
}

#[tokio::test]
async fn another_shops_webhook_is_not_there() {
    let scene = Scene::with([]).await;
    let stranger = scene.server.shop().await;
    let browser = visitor(&scene.server, &stranger, &ALL).await;
    let token = form_token(&browser, &home(&stranger)).await;
    let before = scene.shop.get(&scene.webhook).await;
    for id in [scene.webhook.id.as_str(), crate::checks::NO_WEBHOOK, "wh_x", "x"] {
        for (method, end) in [
            ("GET", ""),
            ("GET", "edit"),
            ("GET", "delete"),
            ("GET", "deliveries"),
            ("GET", "redeliver"),
            ("POST", "edit"),
            ("POST", "rotate"),
            ("POST", "disable"),
            ("POST", "enable"),
            ("POST", "delete"),
            ("POST", "test"),
            ("POST", "redeliver"),
        ] {
            let path = format!("{}/webhooks/{id}/{end}", home(&stranger)).trim_end_matches('/').to_owned();
            let fields = [("csrf", token.as_str()), ("url", "https://127.0.0.1/"), ("activateIn", "0")];
            let form = Form::new(&path, &fields);
            let page = if method == "GET" { browser.get(&path).await } else { browser.send(&form).await };
            assert_eq!(page.status(), 404, "{method} {path}");
            assert!(page.words().contains("There is nothing here"));
        }
    }
    assert_eq!(scene.shop.get(&scene.webhook).await, before);
}

#[tokio::test]
async fn another_webhooks_deliveries_and_jobs_are_not_there() {
    let scene = Scene::with([]).await;
    let (shop, stranger) = (&scene.shop, scene.server.shop().await);
    let delivery = scene.first_attempt().await["id"].as_str().unwrap().to_owned();
    let window = json!({"since": START, "status": "failed"});
    let job = shop.admin.post(&format!("{}/redeliver", scene.webhook.path), &window).await.expect(202);
    let job = job["id"].as_str().unwrap();
    let own = shop.webhook(&scene.receiver.url("/other"), &["order.paid"]).await;
    let theirs = stranger.webhook(&scene.receiver.url("/theirs"), &["order.paid"]).await;
    for (shop, webhook) in [(shop, &own), (&stranger, &theirs)] {
        let browser = visitor(&scene.server, shop, &ALL).await;
        let token = form_token(&browser, &home(shop)).await;
        let one = format!("{}/webhooks/{}", home(shop), webhook.id);
        for path in [format!("{one}/deliveries/{delivery}"), format!("{one}/redeliver/{job}")] {
            let page = browser.get(&path).await;
            assert_eq!(page.status(), 404, "{path}");
            assert!(page.words().contains("There is nothing here"));
        }
        let again = Form::new(&format!("{one}/deliveries/{delivery}/redeliver"), &[("csrf", &token)]);
        assert_eq!(browser.send(&again).await.status(), 404);
        let found = browser.get(&format!("{one}?event={}", shop.publish("order.cancelled").await)).await;
        assert!(found.status() == 200 && !found.text.contains(&delivery));
    }
    assert_eq!(shop.deliveries(&scene.webhook).await.len(), 2, "the one, and that of the last event");
}
