//! In by a link, and out again.

use std::time::Duration;

use serde_json::json;

use crate::harness::Server;
use crate::page::{ALL, Panel, link};

#[tokio::test(flavor = "multi_thread")]
async fn a_link_opens_the_panel_once_and_signing_out_closes_it() {
    let server = Server::start().await;
    let shop = server.shop_with(json!({"dev": true, "name": "Tallow & Wick"})).await;
    let panel = Panel::open(&server, &shop).await;
    let used = link(&server, &shop, &ALL).await;

    panel.see_heading("Webhooks").await;
    panel.see("Tallow & Wick").await;
    panel.visit(&used).await;
    panel.see_heading("Webhooks").await;
    panel.visit(&used).await;
    panel.see_heading("This link no longer works").await;

    // The session lives on beside the used link, until it is ended.
    panel.visit("").await;
    panel.press("Sign out").await;
    panel.see_heading("You have left the webhook settings").await;
    panel.visit("").await;
    panel.see_heading("Your session has ended").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_followed_within_five_minutes() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let panel = Panel::open(&server, &shop).await;
    let late = link(&server, &shop, &ALL).await;

    server.advance(Duration::from_mins(5));
    panel.visit(&late).await;

    panel.see_heading("This link no longer works").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_without_capabilities_is_offered_nothing_it_may_not_do() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let webhook = shop.webhook("http://127.0.0.1:9/hook", &["order.paid"]).await;
    let panel = Panel::open_with(&server, &shop, &["read"], json!({})).await;
    let own = format!("/webhooks/{}", webhook.id);

    panel.see_heading("Webhooks").await;
    assert!(!panel.offers("New webhook").await);
    assert!(!panel.offers("API keys").await);
    panel.visit(&own).await;
    panel.see_heading("127.0.0.1").await;
    for label in ["Edit", "Disable", "Delete", "Send test", "Send a test event", "Send again"] {
        assert!(!panel.offers(label).await, "{label} is offered");
    }
    for (address, says) in [
        ("/webhooks/new", "You may not do this"),
        (&format!("{own}/edit"), "You may not do this"),
        ("/keys", "There is nothing here"),
    ] {
        panel.visit(address).await;
        panel.see_heading(says).await;
    }
}
