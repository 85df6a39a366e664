//! Settings → API keys.

use crate::harness::Server;
use crate::page::Panel;

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_made_shown_once_listed_and_revoked() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let panel = Panel::open(&server, &shop).await;
    panel.press("API keys").await;
    panel.see_heading("API keys").await;

    panel.press("Create key").await;
    panel.see("Choose at least one").await;
    panel.write("Name", "Warehouse").await;
    panel.click("input[value='webhooks:read']").await;
    panel.press("Create key").await;
    panel.see_heading("Your new key").await;
    let key = panel.field("API key").await.prop("value").await.unwrap().unwrap();
    server.anonymous.with_bearer(&key).get("/api/v1/admin/webhooks").await.expect(200);
    panel.press("I have copied it").await;
    panel.see_in("tbody", "Warehouse").await;
    assert!(!panel.source().await.contains(&key), "the key is shown again");

    panel.press("Revoke Warehouse").await;
    panel.see_heading("Revoke this key?").await;
    panel.press("Keep it").await;
    panel.press("Revoke Warehouse").await;
    panel.press("Revoke key").await;
    panel.see("The key was revoked").await;
    assert!(!panel.offers("Revoke Warehouse").await);
    server.anonymous.with_bearer(&key).get("/api/v1/admin/webhooks").await.expect(401);
}
