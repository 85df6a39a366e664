//! Without JavaScript: everything but what arrives by itself.

use std::time::Duration;

use sellvik_testkit::Reply;
use serde_json::json;

use crate::harness::{Scene, Server, Shop, assert_shows};
use crate::page::{ALL, Panel};

/// A browser that runs no scripts of pages.
async fn open(server: &Server, shop: &Shop) -> Panel {
    let none = json!({"profile.managed_default_content_settings.javascript": 2});
    Panel::open_with(server, shop, &ALL, none).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_made_changed_and_deleted_without_scripts() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let panel = open(&server, &shop).await;

    panel.press("Create your first webhook").await;
    panel.write("Address", "http://127.0.0.1:9/erp").await;
    panel.write("Search events", "shipment").await;
    panel.press("Search").await;
    panel.see("Show all").await;
    panel.see_nothing_of("customer.updated").await;
    panel.press("Select all of Shipping").await;
    panel.see_in("#count", "3 of").await;
    panel.press("Create webhook").await;
    panel.see_heading("Your webhook is ready").await;
    assert!(!panel.offers("Copy").await, "a script runs");
    panel.press("I have copied it").await;
    panel.see_heading("127.0.0.1").await;
    let page = shop.admin.get("/api/v1/admin/webhooks").await.expect(200);
    let events = json!(["shipment.created", "shipment.delivered", "shipment.updated"]);
    assert_shows(&page["items"][0], &json!({"url": "http://127.0.0.1:9/erp", "events": events}));

    panel.press("Edit").await;
    panel.write("Name (optional)", "Parcels").await;
    panel.press("Clear Shipping").await;
    panel.see_in("#count", "0 of").await;
    panel.click("input[value='order.paid']").await;
    panel.press("Save changes").await;
    panel.see_heading("Parcels").await;
    panel.press("Disable").await;
    panel.see("The webhook is disabled").await;
    let page = shop.admin.get("/api/v1/admin/webhooks").await.expect(200);
    assert_shows(&page["items"][0], &json!({"name": "Parcels", "events": ["order.paid"], "enabled": false}));

    panel.press("Delete…").await;
    panel.press("Delete webhook").await;
    panel.see("The webhook was deleted").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_found_and_sent_again_without_scripts() {
    let scene = Scene::with([Reply::status(200)]).await;
    scene.first_attempt().await;
    let panel = open(&scene.server, &scene.shop).await;

    panel.press("127.0.0.1").await;
    panel.see("13:45:00 UTC").await;
    panel.click("select[name=status] option[value=dropped]").await;
    panel.press("Filter").await;
    panel.see("No delivery meets these conditions").await;
    panel.click("select[name=status] option[value=succeeded]").await;
    panel.press("Filter").await;
    panel.press("order.cancelled").await;
    // Deliveries of one millisecond have no order.
    scene.server.advance(Duration::from_secs(1));
    panel.press("Send again").await;
    panel.see("The event is sent again").await;
    scene.receiver.wait_for("/hook", 2).await;
    scene.shop.reached(&scene.webhook, "succeeded").await;
    scene.server.advance(Duration::from_secs(1));

    panel.visit(&format!("/webhooks/{}", scene.webhook.id)).await;
    panel.press("Send again…").await;
    panel.click("input[value=succeeded]").await;
    panel.press("Count them").await;
    panel.press("Send all 2 again").await;
    panel.see_heading_at_last("Sent again").await;
    scene.receiver.wait_for("/hook", 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_and_revoked_without_scripts() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let panel = open(&server, &shop).await;

    panel.press("API keys").await;
    panel.write("Name", "ERP").await;
    panel.click("input[value='webhooks:write']").await;
    panel.press("Create key").await;
    panel.see_heading("Your new key").await;
    panel.press("I have copied it").await;
    panel.press("Revoke ERP").await;
    panel.press("Revoke key").await;
    panel.see("The key was revoked").await;
    panel.press("Sign out").await;
    panel.see_heading("You have left the webhook settings").await;
}
