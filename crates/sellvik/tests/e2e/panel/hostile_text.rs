//! Whatever shops, publishers and endpoints write is text on every page that shows it, never markup.

use sellvik_testkit::Reply;
use serde_json::json;

use super::browser::{Browser, Form, Page};
use super::capabilities::pages;
use super::{ALL, home, visitor};
use crate::checks::SHOPS;
use crate::harness::{Scene, Server};

/// What an attacker would write, and what people write who mean no harm.
const MARKUP: &str = "<script>alert(1)</script>";
const QUOTES: &str = "\"><svg onload=alert(2)> 'x' &amp; `y`";
const MARKS: &str = "ab\u{202e}cd\u{2066}ef\u{200f}<b>";

/// The page shows the text, and shows it as text: the browser checks of every page that it is sound.
#[track_caller]
fn shows(page: &Page, text: &str) {
    assert_eq!(page.status(), 200, "{}", page.text);
    let fields: String = page.all("input").iter().map(|input| input.get("value").to_owned()).collect();
    assert!(page.words().contains(text) || fields.contains(text), "{text} is not on {}", page.text);
    holds_no_markup(page);
}

#[track_caller]
fn holds_no_markup(page: &Page) {
    for raw in ["<script>", "<svg onload", "<b>ef", "<img"] {
        assert!(!page.text.contains(raw), "{raw} stands in {}", page.text);
    }
}

async fn server_and_page(name: &str) -> (Server, Page) {
    let server = Server::start().await;
    let shop = server.shop_with(json!({"name": name, "dev": true})).await;
    let page = visitor(&server, &shop, &ALL).await.get(&home(&shop)).await;
    (server, page)
}

#[tokio::test]
async fn a_shops_name_is_text() {
    for name in [MARKUP, QUOTES, MARKS, "</title><script>alert(1)</script>"] {
        let (_server, page) = server_and_page(name).await;
        shows(&page, name);
        assert_eq!(page.words().matches(name).count(), 2, "in the title and at the top");
    }
}

#[tokio::test]
async fn a_keys_name_is_text() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let browser = visitor(&server, &shop, &["keys"]).await;
    let path = format!("{}/keys", home(&shop));
    for name in [MARKUP, QUOTES, MARKS] {
        // Of one moment, the newest would be anybody's guess.
        server.advance(std::time::Duration::from_secs(1));
        let form = browser.get(&path).await.form("/keys").with("name", name);
        let refused = browser.send(&form).await;
        assert_eq!(refused.status(), 400);
        assert_eq!(refused.value("name"), name);
        holds_no_markup(&refused);
        assert_eq!(browser.send(&form.and("scope", "webhooks:read")).await.status(), 200);
        let list = browser.get(&path).await;
        shows(&list, name);
        let revoke = list.all("a").into_iter().find(|link| link.get("href").ends_with("/revoke")).unwrap();
        shows(&browser.get(revoke.get("href")).await, name);
    }
}

/// A webhook whose every part is hostile, with a delivery whose event and answer are too.
async fn hostile_scene() -> (Scene, Browser) {
    let body = format!("{MARKUP}{QUOTES}{MARKS}<img src=x onerror=alert(3)>").repeat(20);
    let replies = [Reply::status(500).with_body(body.clone()), Reply::status(200).with_body(body)];
    let scene = Scene::with(replies).await;
    let url = format!("{}?q=%22%3E{}&x='", scene.receiver.url("/hook"), "%3Cscript%3E");
    let fields = json!({"name": format!("{MARKUP}{QUOTES}"), "url": url});
    scene.shop.patch(&scene.webhook, fields).await;
    let data = json!({"order": {"id": MARKUP, "note": QUOTES, "</script>": MARKS}});
    scene.shop.publish_body(json!({"type": "order.cancelled", "data": data, "id": "evt_1"})).await;
    scene.shop.attempted(&scene.webhook, 1).await;
    let browser = visitor(&scene.server, &scene.shop, &ALL).await;
    (scene, browser)
}

#[tokio::test]
async fn a_webhooks_name_and_url_are_text_in_the_list() {
    let (scene, browser) = hostile_scene().await;
    let list = browser.get(&home(&scene.shop)).await;
    shows(&list, MARKUP);
    shows(&list, QUOTES);
    shows(&list, "?q=%22%3E%3Cscript%3E&x='");
}

#[tokio::test]
async fn no_page_of_a_hostile_shop_holds_its_markup() {
    let (scene, browser) = hostile_scene().await;
    let name = json!({"name": format!("{QUOTES}{MARKUP}")});
    scene.server.platform.patch(&format!("{SHOPS}/{}", scene.shop.id), &name).await.expect(200);
    for path in pages(&scene).await {
        let page = browser.get(&path).await;
        assert_eq!(page.status(), 200, "{path}");
        holds_no_markup(&page);
        if page.text.starts_with("<!DOCTYPE") {
            shows(&page, &format!("{QUOTES}{MARKUP}"));
        }
    }
}

#[tokio::test]
async fn what_was_sent_and_what_was_answered_are_text_on_a_deliverys_page() {
    let (scene, browser) = hostile_scene().await;
    let delivery = scene.shop.deliveries(&scene.webhook).await.remove(0);
    let one = format!("{}/webhooks/{}", home(&scene.shop), scene.webhook.id);
    let page = browser.get(&format!("{one}/deliveries/{}", delivery["id"].as_str().unwrap())).await;
    let body = delivery["lastResponseBody"].as_str().unwrap();
    assert_eq!(body.len(), 2048);
    shows(&page, body);
    assert!(page.words().matches(MARKUP).count() > body.matches(MARKUP).count(), "the event's data too");
    // What is sought comes back in its field.
    for search in ["event", "type", "status", "since"] {
        let page = browser.get(&format!("{one}?{search}=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")).await;
        assert!(page.status() < 500);
        holds_no_markup(&page);
    }
}

#[tokio::test]
async fn what_is_sent_with_a_webhooks_form_is_text_when_it_comes_back() {
    let (scene, browser) = hostile_scene().await;
    let edit = browser.get(&format!("{}/webhooks/{}/edit", home(&scene.shop), scene.webhook.id)).await;
    shows(&edit, &format!("{MARKUP}{QUOTES}"));
    shows(&edit, "?q=%22%3E%3Cscript%3E&x='");
    let form = edit.form("/edit").with("url", QUOTES).with("name", MARKS).with("search", MARKUP);
    let refused = browser.send(&form.and("events", MARKUP).and("step", "save")).await;
    assert_eq!(refused.status(), 400);
    let again = refused.form("/edit");
    assert_eq!((again.field("url"), again.field("name")), (QUOTES, MARKS));
    assert_eq!(again.field("search"), MARKUP);
    holds_no_markup(&refused);
    let checked = Form::new(&format!("{}/check-url", home(&scene.shop)), &[("url", MARKUP)]);
    let checked = browser.send(&checked.and("csrf", again.field("csrf"))).await;
    assert_eq!((checked.status(), checked.header("content-type")), (200, "application/json"));
    assert!(!checked.text.contains("alert"), "{}", checked.text);
}

#[tokio::test]
async fn what_an_address_says_is_not_repeated_as_markup() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let browser = visitor(&server, &shop, &ALL).await;
    let encoded = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    for path in [
        format!("{}?done={encoded}", home(&shop)),
        format!("{}?cursor={encoded}", home(&shop)),
        format!("{}/keys?done={encoded}&cursor=", home(&shop)),
        format!("{}/keys/{encoded}/revoke", home(&shop)),
        format!("{}/{encoded}", home(&shop)),
        format!("{}/enter/{encoded}", home(&shop)),
        format!("/panel/{encoded}"),
    ] {
        let page = browser.get(&path).await;
        holds_no_markup(&page);
        assert!(!page.words().contains("alert(1)"), "{path}: {}", page.words());
    }
}
