//! The panel over plain HTTP, as a browser without scripts sees it (CONTRACT §7).

mod acting;
mod browser;
mod capabilities;
mod entering;
mod forms;
mod heads;
mod hostile_text;
mod keys;
mod markup;
mod registering;

use serde_json::json;

use crate::checks::SHOPS;
use crate::harness::{Server, Shop};
use browser::Browser;

/// All that a session may be given.
const ALL: [&str; 3] = ["read", "write", "keys"];

/// A link to a shop's panel; its path.
async fn link(server: &Server, shop: &Shop, capabilities: &[&str]) -> String {
    let path = format!("{SHOPS}/{}/panel-links", shop.id);
    let made = server.platform.post(&path, &json!({"capabilities": capabilities})).await.expect(201);
    let url = made["url"].as_str().unwrap();
    let at = url.find("/panel/").unwrap();
    url[at..].to_owned()
}

/// A browser in which a session of this shop was opened.
async fn visitor(server: &Server, shop: &Shop, capabilities: &[&str]) -> Browser {
    let browser = Browser::of(server);
    enter(server, &browser, shop, capabilities).await;
    browser
}

/// Opens a session of this shop in a browser.
async fn enter(server: &Server, browser: &Browser, shop: &Shop, capabilities: &[&str]) {
    let entered = browser.get(&link(server, shop, capabilities).await).await;
    assert_eq!(entered.status(), 303, "{}", entered.text);
    assert!(entered.location().starts_with(&home(shop)), "{}", entered.location());
}

/// The address of a shop's panel.
fn home(shop: &Shop) -> String {
    format!("/panel/{}", shop.id)
}
