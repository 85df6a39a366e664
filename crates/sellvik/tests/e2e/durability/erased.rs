//! What is past its retention is gone from the ledger's file, not only from its tables (CONTRACT §4).

use std::path::Path;
use std::time::Duration;

use sellvik_testkit::Receiver;
use serde_json::{Value, json};

use super::EVENTS;
use crate::harness::{Server, eventually};

const MONTH: Duration = Duration::from_hours(31 * 24);

/// Whether any file of the folder holds these bytes.
fn holds(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[tokio::test]
async fn the_bodies_of_removed_deliveries_are_gone_from_the_disk() {
    let (mut server, receiver) = (Server::start().await, Receiver::start().await);
    let shop = server.shop().await;
    let webhook = shop.webhook(&receiver.url("/hook"), &["order.cancelled"]).await;
    let marker = "a customer's very own words";
    let body = |data: Value| json!({"shop": shop.id, "type": "order.cancelled", "id": "evt_1", "data": data});
    server.platform.post(EVENTS, &body(json!({"reason": marker}))).await.expect(202);
    shop.reached(&webhook, "succeeded").await;
    server.stop().await;
    assert!(holds(server.folder(), marker), "the control: as long as it is kept it can be found");
    server.restart().await;
    server.advance(MONTH);
    eventually("an id that is free again", async || {
        let answer = server.platform.post(EVENTS, &body(json!({}))).await;
        if answer.status == 202 { Ok(()) } else { Err(answer.json()) }
    })
    .await;
    // A clean stop writes back what the journal still holds.
    server.stop().await;
    assert!(!holds(server.folder(), marker));
}
