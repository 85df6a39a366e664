//! Settings → API keys.

use std::time::Duration;

use serde_json::{Value, json};

use super::browser::{Browser, Page};
use super::{ALL, home, visitor};
use crate::checks::{SHOPS, WEBHOOKS, refused};
use crate::harness::{Server, Shop, eventually};

async fn list(server: &Server, shop: &Shop) -> Vec<Value> {
    let page = server.platform.get(&format!("{SHOPS}/{}/keys?limit=100", shop.id)).await.expect(200);
    page["items"].as_array().unwrap().clone()
}

async fn page_of(browser: &Browser, shop: &Shop) -> Page {
    let page = browser.get(&format!("{}/keys", home(shop))).await;
    assert_eq!(page.status(), 200, "{}", page.text);
    page
}

#[tokio::test]
async fn a_key_made_by_hand_is_one_made_by_the_platform() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let browser = visitor(&server, &shop, &["keys"]).await;
    for (name, scopes) in [
        ("ERP", &["webhooks:read"][..]),
        ("", &["webhooks:write"]),
        ("  Çiçek & <co>  ", &["webhooks:write", "webhooks:read"]),
    ] {
        let form = page_of(&browser, &shop).await.form("/keys").with("name", name);
        assert_eq!(form.field("scope"), "", "nothing is chosen for anybody");
        let form = scopes.iter().fold(form, |form, scope| form.and("scope", scope));
        // Of one moment, the newest would be anybody's guess.
        server.advance(Duration::from_secs(1));
        let made = browser.send(&form).await;
        assert_eq!(made.status(), 200);
        let key = made.value("key");
        let row = list(&server, &shop).await.remove(0);
        let expected = if name.trim().is_empty() { Value::Null } else { json!(name.trim()) };
        assert_eq!(row["name"], expected);
        let mut sorted = scopes.to_vec();
        sorted.sort_unstable();
        assert_eq!(row["scopes"], json!(sorted));
        assert!(key.starts_with(&format!("{}_", row["prefix"].as_str().unwrap())), "{key}");
        let answer = server.anonymous.with_bearer(&key).get(WEBHOOKS).await;
        let may_read = scopes.contains(&"webhooks:read");
        assert_eq!(answer.status, if may_read { 200 } else { 403 });
        assert!(made.words().contains("SELLVIK_ADMIN_KEY"));
        // Shown this once.
        let secret = &key[key.len() - 20..];
        assert_eq!(made.text.matches(secret).count(), 1);
        assert!(!page_of(&browser, &shop).await.text.contains(secret));
    }
}

#[tokio::test]
async fn a_form_with_a_problem_comes_back_as_it_was_with_the_problem_at_its_field() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let browser = visitor(&server, &shop, &["keys"]).await;
    let form = page_of(&browser, &shop).await.form("/keys");
    let long = "ş".repeat(201);
    let answer = browser.send(&form.clone().with("name", "ERP")).await;
    assert_eq!(answer.status(), 400);
    assert!(answer.words().contains("Choose at least one."), "{}", answer.words());
    assert_eq!(answer.value("name"), "ERP");
    let group = answer.all("fieldset").remove(0);
    assert_eq!(
        (group.get("aria-invalid"), group.get("aria-describedby")),
        ("true", "scopes-hint scopes-problem")
    );
    let answer = browser.send(&form.clone().with("name", &long).and("scope", "webhooks:write")).await;
    assert_eq!(answer.status(), 400);
    assert!(answer.words().contains("200 characters"), "{}", answer.words());
    let again = answer.form("/keys");
    assert_eq!((again.field("name"), again.field("scope")), (long.as_str(), "webhooks:write"));
    let name = answer.all("input").into_iter().find(|input| input.get("id") == "name").unwrap();
    assert_eq!(name.get("aria-invalid"), "true");
    for scope in ["webhooks:*", "keys", ""] {
        assert_eq!(browser.send(&form.clone().and("scope", scope)).await.status(), 400);
    }
    assert_eq!(list(&server, &shop).await.len(), 1, "nothing was made");
    assert_eq!(browser.send(&again.with("name", "ERP")).await.status(), 200);
}

#[tokio::test]
async fn the_list_tells_keys_apart_and_when_they_were_used() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let browser = visitor(&server, &shop, &["keys"]).await;
    let words = page_of(&browser, &shop).await.words();
    assert!(words.contains("Unnamed key") && words.contains("never"), "{words}");
    assert!(words.contains(&shop.key[..14]), "{words}");
    shop.admin.get(WEBHOOKS).await.expect(200);
    eventually("the last use", async || {
        let used = list(&server, &shop).await.remove(0)["lastUsedAt"].clone();
        if used.is_null() { Err(used) } else { Ok(()) }
    })
    .await;
    server.advance(Duration::from_hours(3));
    let words = page_of(&browser, &shop).await.words();
    assert!(words.contains("3 h ago") && !words.contains("never"), "{words}");
}

#[tokio::test]
async fn a_long_list_is_walked_page_by_page() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let browser = visitor(&server, &shop, &["keys"]).await;
    for _ in 0..60 {
        server.key(&shop.id, &["webhooks:read"]).await;
    }
    let first = page_of(&browser, &shop).await;
    let older = first.all("a").into_iter().find(|link| link.get("href").contains("cursor=")).unwrap();
    let second = browser.get(older.get("href")).await;
    let links = |page: &Page| {
        let links = page.all("a").into_iter().map(|link| link.get("href").to_owned());
        links.filter(|to| to.ends_with("/revoke")).collect::<Vec<_>>()
    };
    let mut all = [links(&first), links(&second)].concat();
    assert_eq!((links(&first).len(), all.len()), (50, 61));
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 61);
    let bad = browser.get(&format!("{}/keys?cursor=x", home(&shop))).await;
    assert_eq!(bad.status(), 400);
}

#[tokio::test]
async fn a_key_is_revoked_after_a_second_thought_and_stops_at_once() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let browser = visitor(&server, &shop, &["keys"]).await;
    let revoke =
        page_of(&browser, &shop).await.all("a").into_iter().find(|a| a.get("href").ends_with("/revoke"));
    let path = revoke.unwrap().get("href").to_owned();
    let asked = browser.get(&path).await;
    assert!(asked.words().contains("cannot be undone") && asked.words().contains("at once"));
    shop.admin.get(WEBHOOKS).await.expect(200);
    let done = browser.send(&asked.form("/revoke")).await;
    assert_eq!(done.status(), 303);
    let page = browser.get(done.location()).await;
    assert!(page.words().contains("The key was revoked") && page.words().contains("There is no key yet"));
    refused(&shop.admin.get(WEBHOOKS).await, 401, "invalid_key");
    assert_eq!(browser.get(&path).await.status(), 404);
    assert_eq!(browser.send(&asked.form("/revoke")).await.status(), 404);
}

#[tokio::test]
async fn another_shops_key_is_not_there() {
    let server = Server::start().await;
    let (shop, other) = (server.shop().await, server.shop().await);
    let browser = visitor(&server, &shop, &ALL).await;
    let token = page_of(&browser, &shop).await.form("/keys");
    let theirs = list(&server, &other).await.remove(0)["id"].as_str().unwrap().to_owned();
    let unknown = "key_00000000000070008000000000000000";
    for id in [theirs.as_str(), unknown, "key_ffffffffffffffffffffffffffffffff", "x", &shop.id] {
        let path = format!("{}/keys/{id}/revoke", home(&shop));
        let page = browser.get(&path).await;
        assert_eq!(page.status(), 404, "{id}");
        assert!(page.words().contains("There is nothing here"));
        let form = super::browser::Form::new(&path, &[("csrf", token.field("csrf"))]);
        assert_eq!(browser.send(&form).await.status(), 404, "{id}");
    }
    other.admin.get(WEBHOOKS).await.expect(200);
}
