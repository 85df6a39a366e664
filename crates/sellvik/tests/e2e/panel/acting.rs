//! What a merchant does to a webhook and its deliveries by hand: the API tells of it as of its own.

use std::time::Duration;

use serde_json::json;

use super::browser::{Browser, Page};
use super::{ALL, home, visitor};
use crate::harness::{Scene, eventually};

async fn scene() -> (Scene, Browser, String) {
    let scene = Scene::with([]).await;
    let browser = visitor(&scene.server, &scene.shop, &ALL).await;
    let one = format!("{}/webhooks/{}", home(&scene.shop), scene.webhook.id);
    (scene, browser, one)
}

/// Follows the answer to a form.
async fn followed(browser: &Browser, answer: &Page) -> Page {
    assert_eq!(answer.status(), 303, "{}", answer.text);
    let page = browser.get(answer.location()).await;
    assert_eq!(page.status(), 200, "{}", page.text);
    page
}

#[tokio::test]
async fn a_webhook_is_disabled_and_enabled_by_hand() {
    let (scene, browser, one) = scene().await;
    for (button, enabled) in [("/disable", false), ("/enable", true)] {
        let form = browser.get(&one).await.form(button);
        followed(&browser, &browser.send(&form).await).await;
        assert_eq!(scene.shop.get(&scene.webhook).await["enabled"], enabled);
    }
    scene.first_attempt().await;
}

#[tokio::test]
async fn a_webhook_is_deleted_after_a_second_thought() {
    let (scene, browser, one) = scene().await;
    let asked = browser.get(&format!("{one}/delete")).await;
    assert!(asked.words().contains("cannot be undone"), "{}", asked.words());
    assert_eq!(scene.shop.get(&scene.webhook).await["enabled"], true, "asking deletes nothing");
    let list = followed(&browser, &browser.send(&asked.form("/delete")).await).await;
    assert!(list.words().contains("The webhook was deleted"), "{}", list.words());
    assert_eq!(scene.shop.admin.get(&scene.webhook.path).await.status, 404);
    assert_eq!(browser.get(&one).await.status(), 404);
    assert_eq!(browser.send(&asked.form("/delete")).await.status(), 404);
}

#[tokio::test]
async fn a_test_event_is_sent_by_hand() {
    let (scene, browser, one) = scene().await;
    let form = browser.get(&one).await.form("/test").with("event", "order.paid");
    let page = followed(&browser, &browser.send(&form).await).await;
    assert!(page.words().contains("test event is on its way"), "{}", page.words());
    let delivery = scene.shop.reached(&scene.webhook, "succeeded").await;
    assert_eq!((&delivery["test"], &delivery["event"]), (&json!(true), &json!("order.paid")));
    assert_eq!(scene.receiver.received_at("/hook")[0].json()["test"], true);
}

#[tokio::test]
async fn one_delivery_and_a_window_of_them_are_sent_again_by_hand() {
    let (scene, browser, one) = scene().await;
    let first = scene.first_attempt().await;
    scene.server.advance(Duration::from_mins(1));
    let id = first["id"].as_str().unwrap();
    let form = browser.get(&format!("{one}/deliveries/{id}")).await.form("/redeliver");
    let page = followed(&browser, &browser.send(&form).await).await;
    assert!(page.words().contains("The event is sent again"), "{}", page.words());
    let again = scene.shop.attempted(&scene.webhook, 1).await;
    assert_eq!(again["redeliveryOf"], first["id"]);
    scene.server.advance(Duration::from_mins(1));
    let asked =
        browser.get(&format!("{one}/redeliver?within=24h&status=succeeded&since=2026-05-27T13:00")).await;
    assert!(asked.words().contains("2 deliveries match"), "{}", asked.words());
    assert_eq!(scene.shop.deliveries(&scene.webhook).await.len(), 2, "counting sends nothing");
    followed(&browser, &browser.send(&asked.form("/redeliver")).await).await;
    eventually("both of them", async || {
        let all = scene.shop.deliveries(&scene.webhook).await;
        if all.len() == 4 { Ok(()) } else { Err(all.into()) }
    })
    .await;
}
