//! Forms count only from the session's own pages.

use serde_json::Value;

use super::browser::{Browser, Form, Page};
use super::{ALL, home, visitor};
use crate::checks::SHOPS;
use crate::harness::{Server, Shop};

#[track_caller]
fn not_ours(page: &Page) {
    assert_eq!(page.status(), 403, "{}", page.text);
    assert!(page.words().contains("Nothing was changed"), "{}", page.words());
}

async fn keys(server: &Server, shop: &Shop) -> Value {
    server.platform.get(&format!("{SHOPS}/{}/keys", shop.id)).await.expect(200)
}

async fn new_key(browser: &Browser, shop: &Shop) -> Form {
    browser.get(&format!("{}/keys", home(shop))).await.form("/keys").and("scope", "webhooks:read")
}

#[tokio::test]
async fn a_form_without_this_sessions_token_changes_nothing() {
    let server = Server::start().await;
    let (shop, other) = (server.shop().await, server.shop().await);
    let browser = visitor(&server, &shop, &ALL).await;
    let form = new_key(&browser, &shop).await;
    let own = form.field("csrf").to_owned();
    assert!(own.len() >= 43, "{own}");
    assert!(!browser.cookie_for(&home(&shop)).contains(&own));
    let colleague = new_key(&visitor(&server, &shop, &ALL).await, &shop).await.field("csrf").to_owned();
    let stranger = new_key(&visitor(&server, &other, &ALL).await, &other).await.field("csrf").to_owned();
    assert!(own != colleague && own != stranger);
    let before = keys(&server, &shop).await;
    not_ours(&browser.send(&form.clone().without("csrf")).await);
    for wrong in [&colleague, &stranger, "", "x", &own[1..], &own.to_lowercase(), &format!("{own}=")] {
        not_ours(&browser.send(&form.clone().with("csrf", wrong)).await);
        // The first of two counts, whatever comes behind it.
        not_ours(&browser.send(&form.clone().with("csrf", wrong).and("csrf", &own)).await);
        let leave = Form::new(&format!("{}/leave", home(&shop)), &[("csrf", wrong)]);
        not_ours(&browser.send(&leave).await);
    }
    assert_eq!(keys(&server, &shop).await, before);
    assert_eq!(browser.get(&home(&shop)).await.status(), 200, "and nobody was signed out");
    assert_eq!(browser.send(&form).await.status(), 200);
    assert_ne!(keys(&server, &shop).await, before, "the form itself was good");
}

#[tokio::test]
async fn a_form_from_another_origin_changes_nothing() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let browser = visitor(&server, &shop, &ALL).await;
    let form = new_key(&browser, &shop).await;
    let before = keys(&server, &shop).await;
    let (own, port) = (server.url(), server.url().rsplit_once(':').unwrap().1.to_owned());
    for origin in [
        "https://evil.example",
        "null",
        "",
        &own.replace("http://", "https://"),
        &format!("http://localhost:{port}"),
        &format!("{own}.evil.example"),
        &format!("{own}/"),
    ] {
        not_ours(&browser.send_from(Some(origin), &form).await);
    }
    assert_eq!(keys(&server, &shop).await, before);
    // Only browsers name an origin; the token is what counts.
    assert_eq!(browser.send_from(None, &form).await.status(), 200);
}

#[tokio::test]
async fn behind_a_proxy_the_public_address_is_the_origin() {
    let public = "https://webhooks.example.com";
    let server = Server::start_with(&["--public-url", public]).await;
    let shop = server.shop().await;
    let browser = visitor(&server, &shop, &ALL).await;
    let form = new_key(&browser, &shop).await;
    not_ours(&browser.send_from(Some(&server.url()), &form).await);
    assert_eq!(browser.send_from(Some(public), &form).await.status(), 200);
}

#[tokio::test]
async fn a_form_that_is_too_large_changes_nothing() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let browser = visitor(&server, &shop, &ALL).await;
    let form = new_key(&browser, &shop).await;
    let before = keys(&server, &shop).await;
    let large = browser.send(&form.and("name", &"x".repeat(200 << 10))).await;
    assert_eq!(large.status(), 413);
    assert_eq!(keys(&server, &shop).await, before);
}

#[tokio::test]
async fn what_is_no_form_is_answered_as_one_without_a_token() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let browser = visitor(&server, &shop, &ALL).await;
    let path = format!("{}/keys", home(&shop));
    for body in [&b""[..], b"{\"scope\": 7}", b"\xff\x00=&&=;", b"csrf", b"%%%"] {
        not_ours(&browser.request("POST", &path, &[], body.to_vec()).await);
    }
}
