//! What strangers wrote is shown as text, wherever it comes from.

use sellvik_testkit::{Receiver, Reply};
use serde_json::json;

use crate::harness::{Server, Webhook};
use crate::page::Panel;

const HOSTILE: &str = "<img src=x onerror=alert(1)><script>alert(2)</script>";

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_is_shown_and_never_runs() {
    let server = Server::start().await;
    let receiver = Receiver::start().await;
    receiver.script("/hook", [Reply::status(500).with_body(HOSTILE)]);
    let shop = server.shop_with(json!({"dev": true, "name": HOSTILE})).await;
    let url = receiver.url("/hook?q='><img/src=x%20onerror=alert(3)>");
    let body = json!({"url": url, "name": HOSTILE, "events": ["order.cancelled"]});
    let created = shop.admin.post("/api/v1/admin/webhooks", &body).await.expect(201);
    let id = created["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/admin/webhooks/{id}");
    let webhook = Webhook { id, secret: String::new(), path };
    shop.publish_body(json!({"type": "order.cancelled", "data": {"note": HOSTILE, HOSTILE: [HOSTILE]}}))
        .await;
    let delivery = shop.attempted(&webhook, 1).await;
    let key = json!({"name": HOSTILE, "scopes": ["webhooks:read"]});
    server.platform.post(&format!("/api/v1/platform/shops/{}/keys", shop.id), &key).await.expect(201);
    let panel = Panel::open(&server, &shop).await;

    let own = format!("/webhooks/{}", webhook.id);
    for address in [
        String::new(),
        own.clone(),
        format!("{own}?event={HOSTILE}&status={HOSTILE}&since={HOSTILE}"),
        format!("{own}/edit"),
        format!("{own}/delete"),
        format!("{own}/deliveries/{}", delivery["id"].as_str().unwrap()),
        "/keys".to_owned(),
    ] {
        panel.visit(&address).await;
        panel.see("<img src=x onerror=alert(1)>").await;
        assert_eq!(panel.count("img, body script, [onerror]").await, 0, "an element of theirs at {address}");
        assert!(panel.browser.driver.alert().await.is_err(), "a script of theirs ran at {address}");
    }
}
