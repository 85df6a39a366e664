//! Nor does a secret stand in what is said when things go wrong.

use rusqlite::Connection;
use sellvik_testkit::Receiver;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Node, Plaintexts, delivered, shop, text};
use crate::checks::{EVENTS, SHOPS, WEBHOOKS};

#[tokio::test]
async fn while_the_ledger_takes_no_writes_neither_answers_nor_logs_hold_a_secret() {
    let (folder, receiver) = (TempDir::new().unwrap(), Receiver::start().await);
    let node = Node::start(folder.path(), Plaintexts::default()).await;
    let shop = shop(&node, &receiver.url("/hook")).await;
    delivered(&node, &shop, "succeeded").await;
    let held = Connection::open(folder.path().join("sellvik.db")).unwrap();
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    let [rotate, test] = ["rotate-secret", "test"].map(|call| format!("{}/{call}", shop.webhook));
    let keys = format!("{SHOPS}/{}/keys", shop.id);
    let made = json!({"url": receiver.url("/other"), "events": ["order.paid"]});
    let (scopes, event) = (json!({"scopes": ["webhooks:read"]}), json!({"event": "order.paid"}));
    // What would have been given by these is made before it is refused.
    let answers = tokio::join!(
        node.call(&shop.key, "POST", WEBHOOKS, &made),
        node.call(&shop.key, "POST", &rotate, &Value::Null),
        node.call(&node.platform, "POST", &keys, &scopes),
        node.call(&shop.key, "POST", &test, &event),
    );
    for (status, answer) in [answers.0, answers.1, answers.2, answers.3] {
        assert_eq!((status, &answer["error"]["code"]), (503, &json!("unavailable")));
        let said = answer.to_string();
        assert!(!said.contains("whsec_") && !said.contains("sk_live_"), "an error gives a secret away");
    }
    held.execute_batch("ROLLBACK").unwrap();
    let err = node.program.err.text();
    assert!(!err.contains("whsec_") && !err.contains("sk_live_"), "a log line gives a secret away");
    node.finish().await.are_in_no_file(folder.path());
}

#[tokio::test]
async fn a_sealed_secret_that_does_not_open_is_told_without_a_byte_of_it() {
    let (folder, receiver) = (TempDir::new().unwrap(), Receiver::start().await);
    let node = Node::start(folder.path(), Plaintexts::default()).await;
    let shop = shop(&node, &receiver.url("/hook")).await;
    let mut given = node.finish().await;
    let db = Connection::open(folder.path().join("sellvik.db")).unwrap();
    // One bit of it.
    let sql = "SELECT secret FROM webhooks";
    let mut sealed: Vec<u8> = db.query_row(sql, [], |row| row.get(0)).unwrap();
    *sealed.last_mut().unwrap() ^= 1;
    db.execute("UPDATE webhooks SET secret = ?", [&sealed]).unwrap();
    drop(db);
    given.0.push(("the sealed secret".to_owned(), sealed[..16].to_vec()));

    let node = Node::start(folder.path(), given).await;
    let event = json!({"shop": shop.id, "type": "order.cancelled", "data": {}});
    let id = text(&node.good(&node.platform, "POST", EVENTS, &event).await["id"]);
    let told = |line: &str| line.contains("the endpoint could not be read").then_some(());
    node.program.err.first("the line that says so", told).await;
    let page = node.good(&shop.key, "GET", &format!("{}/deliveries", shop.webhook), &Value::Null).await;
    assert_eq!((&page["items"][0]["eventId"], &page["items"][0]["attempts"]), (&json!(id), &json!(0)));
    node.finish().await;
    assert!(receiver.received().is_empty(), "nothing is sent unsigned");
}
