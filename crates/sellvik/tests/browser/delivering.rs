//! Deliveries as they happen, and looking for them afterwards.

use std::process::Command;
use std::time::Duration;

use sellvik_testkit::{Gate, Reply};
use serde_json::Value;

use crate::harness::{Scene, Server};
use crate::page::Panel;

#[tokio::test(flavor = "multi_thread")]
async fn a_test_event_is_watched_to_its_end_without_reloading() {
    let gate = Gate::new();
    let scene = Scene::with([Reply::gate(gate.clone(), 200)]).await;
    let panel = Panel::open(&scene.server, &scene.shop).await;
    panel.visit(&format!("/webhooks/{}", scene.webhook.id)).await;

    panel.press("Send test").await;
    panel.arrive("/deliveries/del_").await;
    panel.see("The test event is on its way").await;
    panel.see_in(".outcome .badge", "Waiting").await;
    panel.mark().await;
    scene.receiver.wait_for("/hook", 1).await;
    gate.open();

    panel.see_in(".outcome .badge", "Succeeded").await;
    panel.see("It was delivered: the endpoint answered 200 (OK)").await;
    panel.is_still_marked().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_arrive_while_the_page_stands_open() {
    let scene = Scene::with([]).await;
    let panel = Panel::open(&scene.server, &scene.shop).await;
    panel.visit(&format!("/webhooks/{}", scene.webhook.id)).await;
    panel.see("Nothing was sent yet").await;
    panel.mark().await;

    let first = scene.shop.publish("order.cancelled").await;
    panel.see_in("#delivery-list", &first).await;
    // Deliveries of one millisecond have no order.
    scene.server.advance(Duration::from_secs(1));
    let second = scene.shop.publish("order.cancelled").await;
    panel.see_in("#delivery-list tbody tr:first-child", &second).await;
    panel.see_in("#delivery-list tbody tr:first-child", "Succeeded").await;

    assert_eq!(panel.count("#delivery-list tbody tr").await, 2);
    panel.is_still_marked().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_found_by_status_event_time_and_event_id() {
    let scene = Scene::with([Reply::status(200), Reply::status(500)]).await;
    let both = serde_json::json!({"events": ["order.cancelled", "customer.updated"]});
    scene.shop.patch(&scene.webhook, both).await;
    let early = scene.shop.publish("customer.updated").await;
    scene.shop.reached(&scene.webhook, "succeeded").await;
    scene.server.advance(Duration::from_hours(2));
    let late = scene.shop.publish("order.cancelled").await;
    scene.shop.reached(&scene.webhook, "failed").await;
    let panel = Panel::open(&scene.server, &scene.shop).await;
    let own = format!("/webhooks/{}", scene.webhook.id);

    for (field, choice, found, hidden) in [
        ("status", "failed", &late, &early),
        ("status", "succeeded", &early, &late),
        ("type", "customer.updated", &early, &late),
        ("within", "1h", &late, &early),
    ] {
        panel.visit(&own).await;
        panel.see_in("#delivery-list", &early).await;
        panel.click(&format!("select[name={field}] option[value='{choice}']")).await;
        panel.press("Filter").await;
        panel.arrive(&format!("{field}={choice}")).await;
        panel.see_in("#delivery-list", found).await;
        assert!(!panel.text_of("#delivery-list").await.contains(hidden), "{field} {choice} shows {hidden}");
    }
    panel.visit(&own).await;
    panel.press("Exact times, or one event").await;
    panel.write("Event id", &early).await;
    panel.press("Filter").await;
    panel.arrive("event=evt_").await;
    panel.see_in("#delivery-list", &early).await;
    assert!(!panel.text_of("#delivery-list").await.contains(&late));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_tells_every_attempt_and_is_sent_again() {
    let replies = [Reply::status(500).with_body("no room"), Reply::status(200).with_body("taken")];
    let scene = Scene::with(replies).await;
    let failed = scene.first_attempt().await;
    let panel = Panel::open(&scene.server, &scene.shop).await;
    panel.visit(&format!("/webhooks/{}", scene.webhook.id)).await;
    panel.press("order.cancelled").await;
    panel.see_in(".outcome", "Retrying Attempt 2 comes in").await;
    panel.see_in(".outcome", "because the endpoint answered 500 (Internal Server Error)").await;
    panel.mark().await;

    scene.next_attempt(&failed).await;
    panel.see_in(".timeline li:first-child", "Attempt 2").await;
    panel.see_in(".timeline li:first-child", "taken").await;
    panel.is_still_marked().await;
    panel.reload().await;
    panel.see_in(".outcome .badge", "Succeeded").await;
    panel.see_in(".timeline li:last-child", "Attempt 1").await;
    panel.click(".timeline li:last-child summary").await;
    panel.see_in(".timeline li:last-child", "no room").await;

    panel.press("Send again").await;
    panel.arrive("done=anew").await;
    panel.see("It repeats an earlier delivery").await;
    panel.see_in(".outcome .badge", "Succeeded").await;
    assert_eq!(scene.requests(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_curl_command_sends_the_same_request() {
    let scene = Scene::with([]).await;
    let delivery = scene.first_attempt().await;
    let panel = Panel::open(&scene.server, &scene.shop).await;
    panel.allow_the_clipboard().await;
    let own = format!("/webhooks/{}/deliveries/", scene.webhook.id);
    panel.visit(&format!("{own}{}", delivery["id"].as_str().unwrap())).await;

    panel.press("As a curl command").await;
    panel.click("button[data-copy=curl]").await;
    panel.see_in("button[data-copy=curl]", "Copied").await;
    let command = panel.clipboard().await.as_str().unwrap().to_owned();
    let ran = tokio::task::spawn_blocking(move || Command::new("bash").args(["-c", &command]).output());
    let ran = ran.await.unwrap().unwrap();

    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let [sent, copied] = &scene.receiver.wait_for("/hook", 2).await[..] else { panic!("two requests") };
    assert_eq!(copied.body, sent.body);
    for header in ["x-sellvik-signature", "x-sellvik-delivery", "webhook-id", "webhook-signature"] {
        assert_eq!(copied.headers.get(header), sent.headers.get(header), "{header}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_is_told_and_sent_again_at_once() {
    // Two attempts, and it is given up.
    let scene = Scene::with_flags(&["--retry-schedule", "0s,1s"], [Reply::status(503)]).await;
    for _ in 0..3 {
        scene.shop.publish("order.cancelled").await;
    }
    all_are(&scene, "failed", 3).await;
    scene.server.advance(Duration::from_secs(1));
    all_are(&scene, "dropped", 3).await;
    scene.receiver.script("/hook", [Reply::status(200)]);
    let panel = Panel::open(&scene.server, &scene.shop).await;
    panel.see_in("[role=alert]", "has failed 6 times in a row").await;
    panel.see_in("[role=alert]", "3 deliveries given up in the last 24 hours").await;
    panel.press("See what went wrong").await;
    panel.see_in("[role=alert]", "This endpoint keeps failing").await;
    panel.see_in("[role=alert]", "3 deliveries were given up in the last 24 hours").await;

    panel.press("Send again…").await;
    panel.see_heading("Send deliveries again").await;
    panel.click("select[name=within] option[value='1h']").await;
    panel.press("Count them").await;
    panel.see("3 deliveries match").await;
    assert_eq!(scene.requests(), 6, "nothing is sent before it is confirmed");
    panel.press("Send all 3 again").await;
    panel.see_heading_at_last("Sent again").await;
    panel.see("3 of 3").await;
    scene.receiver.wait_for("/hook", 9).await;
    all_are(&scene, "succeeded", 3).await;

    panel.press("Back to the webhook").await;
    panel.see_in("#chart-outcomes", "3 succeeded, 6 failed, 3 given up").await;
    panel.see_in("#chart-responses", "Half within").await;
    panel.press("Show the numbers").await;
    panel.see_in(".numbers tbody tr", "27 May, 13:00 3 6 3").await;
    assert!(
        panel.count("#chart-outcomes rect.ok").await == 1
            && panel.count("#chart-outcomes rect.dropped").await == 1
    );
    panel.visit("").await;
    panel.see_in("tbody tr", "3 ok, 6 failed").await;
}

async fn all_are(scene: &Scene, status: &str, many: usize) {
    crate::harness::eventually(&format!("{many} {status}"), async || {
        let all = scene.shop.deliveries(&scene.webhook).await;
        let found = all.iter().filter(|delivery| delivery["status"] == status).count();
        if found == many { Ok(()) } else { Err(Value::Array(all)) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exact_times_are_in_the_readers_zone() {
    let scene = Scene::with([]).await;
    let delivery = scene.first_attempt().await;
    let panel = Panel::open(&scene.server, &scene.shop).await;
    panel.tell("Emulation.setTimezoneOverride", serde_json::json!({"timezoneId": "Asia/Tokyo"})).await;
    let own = format!("/webhooks/{}/deliveries/", scene.webhook.id);
    panel.visit(&format!("{own}{}", delivery["id"].as_str().unwrap())).await;

    panel.see_in(".facts time", "27 May 2026, 22:45:00 GMT+9").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_disabled_enabled_and_deleted() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let webhook = shop.webhook("http://127.0.0.1:9/erp", &["order.paid"]).await;
    let panel = Panel::open(&server, &shop).await;
    panel.press("127.0.0.1").await;

    panel.press("Disable").await;
    panel.see("The webhook is disabled. Nothing is sent until you enable it again.").await;
    assert_eq!(shop.get(&webhook).await["enabled"], false);
    panel.press("Enable").await;
    panel.see("The webhook is enabled.").await;
    assert_eq!(shop.get(&webhook).await["enabled"], true);

    panel.press("Delete…").await;
    panel.see_heading("Delete this webhook?").await;
    panel.press("Keep it").await;
    panel.see_heading("127.0.0.1").await;
    panel.press("Delete…").await;
    panel.press("Delete webhook").await;
    panel.see("The webhook was deleted").await;
    shop.admin.get(&webhook.path).await.expect(404);
}
