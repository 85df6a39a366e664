//! A webhook from an empty panel to its secret, and what can be changed about it.

use serde_json::json;

use crate::harness::{Server, assert_shows};
use crate::page::Panel;
use crate::webdriver::key;

#[tokio::test(flavor = "multi_thread")]
async fn the_first_webhook_is_made_from_an_empty_panel() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let panel = Panel::open(&server, &shop).await;

    panel.see("Tell your other systems what happens in your shop").await;
    panel.press("Create your first webhook").await;
    panel.see_heading("New webhook").await;
    panel.write("Address", "http://127.0.0.1:9/erp").await;
    panel.write("Name (optional)", "ERP").await;
    panel.write("Search events", "order paid").await;
    panel.click("[data-event]:not([hidden]) input[value='order.paid']").await;
    panel.press("Create webhook").await;

    panel.see_heading("Your webhook is ready").await;
    let page = shop.admin.get("/api/v1/admin/webhooks").await.expect(200);
    assert_shows(
        &page["items"][0],
        &json!({"name": "ERP", "url": "http://127.0.0.1:9/erp", "events": ["order.paid"], "enabled": true}),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_judged_as_its_field_is_left_in_the_words_of_the_api() {
    let server = Server::start().await;
    let shop = server.shop_with(json!({})).await;
    let panel = Panel::open(&server, &shop).await;
    panel.visit("/webhooks/new").await;

    for url in ["http://8.8.8.8/hook", "https://10.0.0.1/hook", "https://user@example.com/hook"] {
        let body = json!({"url": url, "events": []});
        let refused = shop.admin.post("/api/v1/admin/webhooks", &body).await.expect(400);
        let issues = refused["error"]["issues"].as_array().unwrap();
        let words = issues.iter().find(|issue| issue["path"] == json!(["url"])).unwrap()["message"].as_str();

        panel.write("Address", url).await;
        panel.keys(key::TAB).await;

        panel
            .until(&format!("{words:?} at the field"), async || {
                let shown = panel.problem_of("url").await.to_lowercase();
                let invalid = panel.field("Address").await.attr("aria-invalid").await?;
                let words = words.unwrap_or_default().to_lowercase();
                Ok((shown.contains(&words) && invalid.as_deref() == Some("true")).then_some(()))
            })
            .await;
    }
    panel.write("Address", "https://127.0.0.1:9/hook").await;
    panel.keys(key::TAB).await;
    panel.until("no problem", async || Ok(panel.problem_of("url").await.is_empty().then_some(()))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_refused_keeps_what_was_filled_in_and_leads_to_each_problem() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let panel = Panel::open(&server, &shop).await;
    panel.visit("/webhooks/new").await;

    panel.write("Address", "ftp://example.com").await;
    panel.write("Name (optional)", "Warehouse").await;
    panel.press("Create webhook").await;

    panel.see("Nothing was saved yet").await;
    let focused = panel.value("document.activeElement.getAttribute('role')").await;
    assert_eq!(focused, "alert", "the summary of the problems has the focus");
    assert_eq!(panel.field("Name (optional)").await.prop("value").await.unwrap().unwrap(), "Warehouse");
    panel.click(".summary a[href='#url']").await;
    assert_eq!(panel.value("document.activeElement.id").await, "url");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_found_by_search_and_chosen_by_family() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let panel = Panel::open(&server, &shop).await;
    panel.visit("/webhooks/new").await;
    let all = panel.count("[data-event]").await;

    panel.see_in("#count", &format!("0 of {all} events chosen")).await;
    panel.write("Search events", "refund").await;
    panel.see("refund.created").await;
    panel.see_nothing_of("customer.updated").await;
    panel.write("Search events", "no such thing").await;
    panel.see("No event has these words").await;
    panel.write("Search events", "shipment").await;
    let shown = panel.count("[data-event]:not([hidden])").await;
    assert!(shown > 1 && shown < all, "{shown} of {all}");
    panel.click("[data-family]:not([hidden]) [data-all]").await;
    panel.see_in("#count", " events chosen").await;
    let chosen = panel.count("[data-event]:not([hidden]) input:checked").await;
    assert!(chosen > 1);
    panel.see_in("#count", &format!("{chosen} of {all} events chosen")).await;
    panel.click("[data-family]:not([hidden]) [data-none]").await;
    panel.see_in("#count", &format!("0 of {all} events chosen")).await;

    panel.write("Search events", "order.cancelled").await;
    panel.click("[data-event]:not([hidden]) summary").await;
    panel.see_in("[data-event]:not([hidden]) pre", "\"order\"").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_is_shown_once_and_can_be_copied() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let panel = Panel::open(&server, &shop).await;
    panel.allow_the_clipboard().await;
    panel.visit("/webhooks/new").await;
    panel.write("Address", "http://127.0.0.1:9/erp").await;
    panel.click("input[value='order.paid']").await;
    panel.press("Create webhook").await;
    panel.see_heading("Your webhook is ready").await;

    let secret = panel.field("Secret").await.prop("value").await.unwrap().unwrap();
    assert!(secret.starts_with("whsec_"));
    panel.click("button[data-copy=secret]").await;
    panel.see_in("button[data-copy=secret]", "Copied").await;
    assert_eq!(panel.clipboard().await, secret);

    panel.reload().await;
    assert!(!panel.source().await.contains(&secret), "the secret is shown again");
    panel.visit("").await;
    panel.press("127.0.0.1").await;
    panel.arrive("/webhooks/wh_").await;
    assert!(!panel.source().await.contains(&secret));
    let page = shop.admin.get("/api/v1/admin/webhooks").await.expect(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "sending the form once more makes no second one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_edited_and_given_a_new_secret() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let webhook = shop.webhook("http://127.0.0.1:9/erp", &["order.paid", "order.created"]).await;
    let panel = Panel::open(&server, &shop).await;

    panel.visit(&format!("/webhooks/{}", webhook.id)).await;
    panel.press("Edit").await;
    panel.see_heading("Edit webhook").await;
    panel.write("Address", "http://127.0.0.1:9/new").await;
    panel.write("Name (optional)", "Accounts").await;
    panel.click("input[value='order.paid']").await;
    panel.click("input[value='refund.created']").await;
    panel.press("Save changes").await;
    panel.see_heading("Accounts").await;
    let changed = json!({
        "name": "Accounts", "url": "http://127.0.0.1:9/new", "events": ["order.created", "refund.created"],
    });
    assert_shows(&shop.get(&webhook).await, &changed);

    panel.press("Edit").await;
    panel.press("Replace the secret").await;
    panel.see_heading("Your new secret").await;
    let secret = panel.field("Secret").await.prop("value").await.unwrap().unwrap();
    assert!(secret.starts_with("whsec_") && secret != webhook.secret);
    panel.press("I have copied it").await;
    panel.see_heading("Accounts").await;
    assert!(!panel.source().await.contains(&secret));
}
