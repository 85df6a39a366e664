//! Coming in by a link, and how a session ends (CONTRACT §1, §4).

use std::time::Duration;

use sellvik_testkit::Client;

use super::browser::{Browser, Form, Page};
use super::{ALL, enter, home, link, visitor};
use crate::checks::SHOPS;
use crate::harness::{Server, Shop};

const LINK_LIFE: Duration = Duration::from_mins(5);
const SESSION_LIFE: Duration = Duration::from_hours(8);
const MS: Duration = Duration::from_millis(1);

#[track_caller]
fn used_up(page: &Page) {
    assert_eq!(page.status(), 401);
    assert!(page.words().contains("This link no longer works"), "{}", page.words());
    assert_eq!(page.header("set-cookie"), "");
}

#[track_caller]
fn ended(page: &Page) {
    assert_eq!(page.status(), 401);
    assert!(page.words().contains("Your session has ended"), "{}", page.words());
}

async fn is_in(browser: &Browser, shop: &Shop) -> bool {
    let page = browser.get(&home(shop)).await;
    let is_in = page.status() == 200;
    if !is_in {
        ended(&page);
    }
    is_in
}

#[tokio::test]
async fn a_link_opens_the_panel_once() {
    let server = Server::start().await;
    let shop = server.shop_with(serde_json::json!({"name": "Çiçek Store"})).await;
    let link = link(&server, &shop, &ALL).await;
    let browser = Browser::of(&server);
    let entered = browser.get(&link).await;
    assert_eq!((entered.status(), entered.location()), (303, home(&shop).as_str()));
    let page = browser.get(&home(&shop)).await;
    assert_eq!(page.status(), 200);
    assert!(page.words().contains("Çiçek Store"), "{}", page.words());
    used_up(&browser.get(&link).await);
    used_up(&Browser::of(&server).get(&link).await);
    assert!(is_in(&browser, &shop).await, "the session that it opened goes on");
}

#[tokio::test]
async fn a_link_that_many_follow_at_once_lets_one_in() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let link = link(&server, &shop, &["read"]).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (client, link): (Client, String) = (server.anonymous.clone(), link.clone());
        tasks.spawn(async move { client.send("GET", &link, &[], Vec::new()).await.status });
    }
    let mut statuses = tasks.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [&[303][..], &[401; 19]].concat());
}

#[tokio::test]
async fn a_link_opens_for_five_minutes() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let (in_time, late) = (link(&server, &shop, &["read"]).await, link(&server, &shop, &["read"]).await);
    server.advance(LINK_LIFE.saturating_sub(MS));
    assert_eq!(Browser::of(&server).get(&in_time).await.status(), 303);
    server.advance(MS);
    used_up(&Browser::of(&server).get(&late).await);
}

#[tokio::test]
async fn looking_at_a_link_without_following_it_leaves_it_unused() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let link = link(&server, &shop, &["read"]).await;
    let browser = Browser::of(&server);
    for (method, status) in [("HEAD", 204), ("HEAD", 204), ("POST", 404), ("OPTIONS", 404), ("PUT", 404)] {
        let answer = browser.request(method, &link, &[], Vec::new()).await;
        assert_eq!((answer.status(), answer.header("set-cookie")), (status, ""), "{method}");
    }
    assert_eq!(browser.get(&link).await.status(), 303);
}

#[tokio::test]
async fn a_link_opens_its_own_shops_panel_and_as_it_was_given() {
    let server = Server::start().await;
    let (shop, other) = (server.shop().await, server.shop().await);
    let link = link(&server, &shop, &["read"]).await;
    let browser = Browser::of(&server);
    let (start, token) = link.rsplit_once('/').unwrap();
    for wrong in [
        link.replace(&shop.id, &other.id),
        link.replace(&shop.id, &shop.id.to_uppercase()),
        link.replace(&shop.id, "sh_00000000000040008000000000000000"),
        link.replace(&shop.id, "nonsense"),
        format!("{start}/{}", &token[1..]),
        format!("{start}/{token}x"),
        format!("{start}/{}", token.to_lowercase()),
        format!("{start}/{}", "a".repeat(2000)),
        format!("{start}/%00%ff"),
    ] {
        let answer = browser.get(&wrong).await;
        // Bytes that are no text are no address either.
        if !wrong.ends_with("%ff") || answer.status() != 400 {
            used_up(&answer);
        }
    }
    assert_eq!(browser.get(&link).await.status(), 303, "wrong tries use nothing up");
}

#[tokio::test]
async fn a_session_begins_where_it_may_look() {
    let server = Server::start().await;
    let shop = server.shop().await;
    for (capabilities, at) in [
        (&["read"][..], ""),
        (&["read", "keys"], ""),
        (&["keys"], "/keys"),
        (&["write", "keys"], "/keys"),
        (&["write"], "/webhooks/new"),
    ] {
        let browser = Browser::of(&server);
        let entered = browser.get(&link(&server, &shop, capabilities).await).await;
        assert_eq!(entered.location(), format!("{}{at}", home(&shop)), "{capabilities:?}");
    }
}

#[tokio::test]
async fn a_session_lasts_eight_hours() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let browser = visitor(&server, &shop, &ALL).await;
    server.advance(SESSION_LIFE.saturating_sub(MS));
    assert!(is_in(&browser, &shop).await);
    let form =
        browser.get(&format!("{}/keys", home(&shop))).await.form("/keys").and("scope", "webhooks:read");
    server.advance(MS);
    assert!(!is_in(&browser, &shop).await);
    ended(&browser.send(&form).await);
    let keys = server.platform.get(&format!("{SHOPS}/{}/keys", shop.id)).await.expect(200);
    assert_eq!(keys["items"].as_array().unwrap().len(), 1, "nothing was changed");
}

#[tokio::test]
async fn a_session_survives_a_restart() {
    let mut server = Server::start().await;
    let shop = server.shop().await;
    let browser = visitor(&server, &shop, &ALL).await;
    let cookie = browser.cookie_for(&home(&shop));
    server.restart().await;
    let browser = Browser::of(&server);
    browser.plant(&home(&shop), &cookie);
    assert!(is_in(&browser, &shop).await);
}

#[tokio::test]
async fn signing_out_ends_this_session_alone() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let (browser, elsewhere) = (visitor(&server, &shop, &ALL).await, visitor(&server, &shop, &ALL).await);
    let cookie = browser.cookie_for(&home(&shop));
    let left = browser.send(&browser.get(&home(&shop)).await.form("/leave")).await;
    assert_eq!(left.status(), 200);
    assert!(left.words().contains("You have left"), "{}", left.words());
    assert_eq!(browser.cookie_for(&home(&shop)), "", "the browser forgets it");
    assert!(!is_in(&browser, &shop).await);
    browser.plant(&home(&shop), &cookie);
    assert!(!is_in(&browser, &shop).await, "and it would be of no use");
    assert!(is_in(&elsewhere, &shop).await);
}

#[tokio::test]
async fn the_platform_ends_all_of_a_shops_sessions_and_links() {
    let server = Server::start().await;
    let (shop, other) = (server.shop().await, server.shop().await);
    let (first, second) = (visitor(&server, &shop, &ALL).await, visitor(&server, &shop, &["read"]).await);
    let theirs = visitor(&server, &other, &["read"]).await;
    let (unused, their_unused) = (link(&server, &shop, &ALL).await, link(&server, &other, &ALL).await);
    let links = format!("{SHOPS}/{}/panel-links", shop.id);
    server.platform.delete(&links).await.expect(204);
    assert!(!is_in(&first, &shop).await && !is_in(&second, &shop).await);
    used_up(&Browser::of(&server).get(&unused).await);
    assert!(is_in(&theirs, &other).await);
    assert_eq!(theirs.get(&their_unused).await.status(), 303);
    enter(&server, &first, &shop, &ALL).await;
    assert!(is_in(&first, &shop).await, "a new link opens it again");
}

#[tokio::test]
async fn without_a_session_of_the_shop_there_is_no_page() {
    let server = Server::start().await;
    let (shop, other) = (server.shop().await, server.shop().await);
    let browser = visitor(&server, &other, &ALL).await;
    let cookie = browser.cookie_for(&home(&other));
    let token = cookie.split_once('=').unwrap().1.to_owned();
    for pair in [
        String::new(),
        cookie.clone(),
        "sellvik_panel=".to_owned(),
        format!("sellvik_panel={token}x"),
        format!("sellvik_panel={}", "a".repeat(5000)),
        format!("Sellvik_panel={token}"),
    ] {
        let stranger = Browser::of(&server);
        if !pair.is_empty() {
            stranger.plant("/panel", &pair);
        }
        ended(&stranger.get(&home(&shop)).await);
        ended(&stranger.get(&format!("{}/keys", home(&shop))).await);
        let body = Form::new(&format!("{}/keys", home(&shop)), &[("scope", "webhooks:read")]);
        ended(&stranger.send(&body).await);
    }
    // An admin key is no session, and a session no key.
    let bearer = format!("Bearer {}", shop.key);
    let stranger = Browser::of(&server);
    ended(&stranger.request("GET", &home(&shop), &[("Authorization", &bearer)], Vec::new()).await);
    let as_key = server.anonymous.with_bearer(&token).get("/api/v1/admin/webhooks").await;
    assert_eq!(as_key.status, 401);
}

#[tokio::test]
async fn two_shops_panels_live_side_by_side_in_one_browser() {
    let server = Server::start().await;
    let one = server.shop_with(serde_json::json!({"name": "One & only"})).await;
    let two = server.shop_with(serde_json::json!({"name": "Two of them"})).await;
    let browser = visitor(&server, &one, &ALL).await;
    enter(&server, &browser, &two, &["read"]).await;
    for (shop, name, not, keys) in [(&one, "One & only", "Two of", 200), (&two, "Two of them", "One &", 404)]
    {
        let page = browser.get(&home(shop)).await;
        assert!(page.words().contains(name) && !page.words().contains(not), "{}", page.words());
        assert_eq!(browser.get(&format!("{}/keys", home(shop))).await.status(), keys);
    }
    browser.send(&browser.get(&home(&one)).await.form("/leave")).await;
    assert!(!is_in(&browser, &one).await && is_in(&browser, &two).await);
}
