//! Every page and form of the panel, by what the session may do.

use std::collections::BTreeSet;

use super::browser::{Browser, Form};
use super::{ALL, home, visitor};
use crate::harness::{Scene, Server, Shop};

/// The capabilities that a route needs, and what is answered without all of them.
type Needs = (&'static [&'static str], u16);

const SESSION: Needs = (&[], 0);
const READ: Needs = (&["read"], 403);
const WRITE: Needs = (&["write"], 403);
/// It changes what it shows.
const BOTH: Needs = (&["read", "write"], 403);
/// To all others there is no such page.
const KEYS: Needs = (&["keys"], 404);

/// Every route below `/panel/{shop}` but the way in. A route that is new has to be added here, so that
/// nobody forgets to ask who may use it.
const ROUTES: &[(&str, &str, Needs)] = &[
    ("", "GET", READ),
    ("/check-url", "POST", WRITE),
    ("/keys", "GET", KEYS),
    ("/keys", "POST", KEYS),
    ("/keys/{key}/revoke", "GET", KEYS),
    ("/keys/{key}/revoke", "POST", KEYS),
    ("/leave", "POST", SESSION),
    ("/webhooks/new", "GET", WRITE),
    ("/webhooks/new", "POST", WRITE),
    ("/webhooks/{id}", "GET", READ),
    ("/webhooks/{id}/delete", "GET", BOTH),
    ("/webhooks/{id}/delete", "POST", WRITE),
    ("/webhooks/{id}/deliveries", "GET", READ),
    ("/webhooks/{id}/deliveries/{delivery}", "GET", READ),
    ("/webhooks/{id}/deliveries/{delivery}/redeliver", "POST", WRITE),
    ("/webhooks/{id}/disable", "POST", WRITE),
    ("/webhooks/{id}/enable", "POST", WRITE),
    ("/webhooks/{id}/edit", "GET", BOTH),
    ("/webhooks/{id}/edit", "POST", BOTH),
    ("/webhooks/{id}/redeliver", "GET", BOTH),
    ("/webhooks/{id}/redeliver", "POST", WRITE),
    ("/webhooks/{id}/redeliver/{job}", "GET", READ),
    ("/webhooks/{id}/rotate", "POST", WRITE),
    ("/webhooks/{id}/test", "POST", WRITE),
];

/// What these take away would be missing afterwards; their own tests show that they are allowed.
const DESTROYING: [&str; 2] = ["/revoke", "/delete"];

/// The routes as the router writes them.
const ROUTER: &str = include_str!("../../../../panel/src/router.rs");

#[test]
fn every_route_of_the_router_is_in_the_table() {
    let paths = ROUTER.split("\"/panel/{shop}").skip(1).map(|rest| rest.split('"').next().unwrap());
    let routed: BTreeSet<&str> = paths.filter(|path| !path.starts_with("/enter/")).collect();
    let known: BTreeSet<&str> = ROUTES.iter().map(|(path, ..)| *path).collect();
    assert_eq!(known, routed, "say in ROUTES who may use it");
}

/// Every choice of capabilities but none, of which there is no link.
fn choices() -> Vec<Vec<&'static str>> {
    let of = |bits: u8| (0..3).filter(|bit| bits >> bit & 1 == 1).map(|bit| ALL[bit]).collect();
    (1..8).map(of).collect()
}

/// The token of a session's forms, from the first page that it may see.
async fn token(browser: &Browser, shop: &Shop) -> String {
    for path in ["", "/keys", "/webhooks/new"] {
        let page = browser.get(&format!("{}{path}", home(shop))).await;
        if page.status() == 200 {
            return page.form("/leave").field("csrf").to_owned();
        }
    }
    panic!("a session that may see nothing")
}

async fn scene() -> (Scene, Vec<(&'static str, String)>) {
    let scene = Scene::with([]).await;
    scene.first_attempt().await;
    let ids = ids_of(&scene).await;
    (scene, ids)
}

/// The ids of what the scene's shop has, by the names of their placeholders; a delivery has been made.
async fn ids_of(scene: &Scene) -> Vec<(&'static str, String)> {
    let (shop, webhook) = (&scene.shop, &scene.webhook);
    let keys = format!("{}/{}/keys", crate::checks::SHOPS, shop.id);
    let key = scene.server.platform.get(&keys).await.expect(200)["items"][0]["id"].clone();
    let window = serde_json::json!({"since": crate::harness::START, "status": "dropped"});
    let job = shop.admin.post(&format!("{}/redeliver", webhook.path), &window).await.expect(202);
    let delivery = shop.deliveries(webhook).await.remove(0)["id"].clone();
    let text = |id: &serde_json::Value| id.as_str().unwrap().to_owned();
    vec![
        ("{id}", webhook.id.clone()),
        ("{delivery}", text(&delivery)),
        ("{key}", text(&key)),
        ("{job}", text(&job["id"])),
    ]
}

/// The address of every page of a scene's shop.
pub async fn pages(scene: &Scene) -> Vec<String> {
    let (ids, home) = (ids_of(scene).await, home(&scene.shop));
    let shown = ROUTES.iter().filter(|(_, method, _)| *method == "GET");
    shown.map(|(path, ..)| format!("{home}{}", filled(path, &ids))).collect()
}

fn filled(path: &str, ids: &[(&'static str, String)]) -> String {
    let path = ids.iter().fold(path.to_owned(), |path, (name, id)| path.replace(name, id));
    assert!(!path.contains('{'), "no id for {path}");
    path
}

async fn call(browser: &Browser, method: &str, path: &str, token: &str) -> u16 {
    match method {
        "GET" => browser.get(path).await.status(),
        _ => browser.send(&Form::new(path, &[("csrf", token)])).await.status(),
    }
}

#[tokio::test]
async fn every_route_needs_what_it_says_and_no_more() {
    let (scene, ids) = scene().await;
    let (server, shop) = (&scene.server, &scene.shop);
    for choice in choices() {
        for (path, method, needs) in ROUTES {
            let browser = visitor(server, shop, &choice).await;
            let token = token(&browser, shop).await;
            let (needed, refused) = needs;
            let allowed = needed.iter().all(|one| choice.contains(one));
            if allowed && *method == "POST" && DESTROYING.iter().any(|end| path.ends_with(end)) {
                continue;
            }
            let at = format!("{}{}", home(shop), filled(path, &ids));
            let status = call(&browser, method, &at, &token).await;
            let fine = if allowed { status < 401 } else { status == *refused };
            assert!(fine, "{method} {path} with {choice:?}: {status}");
        }
    }
}

#[tokio::test]
async fn no_route_is_for_who_has_no_session() {
    let (scene, ids) = scene().await;
    let (server, shop) = (&scene.server, &scene.shop);
    let other = visitor(server, &server.shop().await, &ALL).await;
    for browser in [Browser::of(server), other] {
        for (path, method, _) in ROUTES {
            let at = format!("{}{}", home(shop), filled(path, &ids));
            assert_eq!(call(&browser, method, &at, "x").await, 401, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn no_form_counts_without_its_token() {
    let (scene, ids) = scene().await;
    let (server, shop) = (&scene.server, &scene.shop);
    let browser = visitor(server, shop, &ALL).await;
    let before = state(server, shop, &scene).await;
    for (path, method, _) in ROUTES.iter().filter(|(_, method, _)| *method == "POST") {
        let at = format!("{}{}", home(shop), filled(path, &ids));
        assert_eq!(call(&browser, method, &at, "x").await, 403, "{path}");
    }
    assert_eq!(browser.get(&home(shop)).await.status(), 200);
    assert_eq!(state(server, shop, &scene).await, before);
}

#[tokio::test]
async fn other_methods_lead_nowhere() {
    let (scene, ids) = scene().await;
    let browser = visitor(&scene.server, &scene.shop, &ALL).await;
    for (path, ..) in ROUTES {
        let at = format!("{}{}", home(&scene.shop), filled(path, &ids));
        for method in ["PUT", "PATCH", "DELETE", "OPTIONS"] {
            assert_eq!(browser.request(method, &at, &[], Vec::new()).await.status(), 404, "{method} {path}");
        }
    }
}

/// What the shop has, as the API shows it.
async fn state(server: &Server, shop: &Shop, scene: &Scene) -> Vec<serde_json::Value> {
    vec![
        shop.get(&scene.webhook).await,
        shop.deliveries(&scene.webhook).await.into(),
        server.platform.get(&format!("{}/{}/keys", crate::checks::SHOPS, shop.id)).await.expect(200)["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["id"].clone())
            .collect(),
    ]
}
