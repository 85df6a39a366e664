//! Logs for machines: one line per event and per attempt, and never a secret.

use sellvik_testkit::{Receiver, Reply};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{EVENTS, Node, event};
use crate::harness::eventually;

/// The lines with this message.
fn lines(node: &Node, message: &str) -> Vec<Value> {
    let lines = node.program.err.all();
    let parsed = lines.iter().map(|line| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in the log line {line}"))
    });
    parsed.filter(|line: &Value| line["message"] == message).collect()
}

/// Waits for so many lines with this message; them.
async fn wait_for(node: &Node, message: &str, many: usize) -> Vec<Value> {
    eventually(message, async || {
        let lines = lines(node, message);
        if lines.len() >= many { Ok(lines) } else { Err(json!(lines)) }
    })
    .await
}

#[track_caller]
fn assert_has(line: &Value, fields: &Value) {
    for (name, value) in fields.as_object().unwrap() {
        assert_eq!(&line[name], value, "{name} in {line}");
    }
}

#[tokio::test]
async fn there_is_one_line_for_every_event() {
    let (folder, receiver) = (TempDir::new().unwrap(), Receiver::start().await);
    let mut node = Node::start(folder.path(), &[]).await;
    let shop = node.shop().await;
    node.webhook(&shop, &receiver.url("/hook")).await;
    let unheard = json!({"shop": shop.id, "type": "order.paid", "id": "evt_2", "data": {},
                         "createdAt": "2026-05-27T13:45:00.000Z"});
    node.publish(&shop, "evt_1").await;
    node.publish(&shop, "evt_1").await;
    let batch = json!({"events": [unheard, {"type": "order.vanished"}, event(&shop, "evt_3")]});
    node.platform.post("/api/v1/platform/events/batch", &batch).await.expect(202);
    node.platform.post(EVENTS, &json!({})).await.expect(400);
    receiver.wait_for("/hook", 2).await;
    node.program.terminate();
    assert!(node.program.exit().await.success());
    let lines = lines(&node, "event");
    assert_eq!(lines.len(), 4, "{lines:#?}");
    let (paid, cancelled) = ("order.paid", "order.cancelled");
    for (line, (id, kind, deliveries, duplicate)) in lines.iter().zip([
        ("evt_1", cancelled, 1, false),
        ("evt_1", cancelled, 1, true),
        ("evt_2", paid, 0, false),
        ("evt_3", cancelled, 1, false),
    ]) {
        assert_has(
            line,
            &json!({"level": "INFO", "event_id": id, "event_type": kind, "shop_id": shop.id,
                                 "deliveries": deliveries, "duplicate": duplicate}),
        );
        assert!(line["timestamp"].is_string());
    }
    assert_eq!(lines[2]["created_at"], "2026-05-27T13:45:00.000Z");
}

#[tokio::test]
async fn there_is_one_line_for_every_attempt() {
    let (folder, receiver) = (TempDir::new().unwrap(), Receiver::start().await);
    // A new connection each time: on one that was used before, a close may only mean that it was idle.
    let closing = |code| Reply::status(code).with_header("Connection", "close");
    receiver.script("/hook", [closing(503), closing(404), Reply::close(), Reply::status(200)]);
    receiver.script("/gone", [closing(410)]);
    let mut node = Node::start(folder.path(), &["--retry-schedule", "0s,400ms,2s,4s,8s,16s"]).await;
    let shop = node.shop().await;
    let hook = node.webhook(&shop, &receiver.url("/hook")).await;
    let gone = node.webhook(&shop, &receiver.url("/gone")).await;
    node.publish(&shop, "evt_1").await;
    wait_for(&node, "attempt", 6).await;
    node.program.terminate();
    assert!(node.program.exit().await.success());
    let lines = lines(&node, "attempt");
    let host = receiver.addr().ip().to_string();
    let of = |webhook: &Value| -> Vec<&Value> {
        lines.iter().filter(|line| line["webhook_id"] == webhook["id"]).collect()
    };
    let expected = [
        (&hook, json!([["failed", 503], ["failed", 404], ["failed", null], ["succeeded", 200]])),
        (&gone, json!([["failed", 410], ["dropped", 410]])),
    ];
    for (webhook, attempts) in expected {
        let attempts = attempts.as_array().unwrap();
        let lines = of(webhook);
        assert_eq!(lines.len(), attempts.len(), "{lines:#?}");
        for (number, (line, attempt)) in (1..).zip(lines.iter().zip(attempts)) {
            assert_has(
                line,
                &json!({"level": "INFO", "event_id": "evt_1", "event_type": "order.cancelled",
                                     "shop_id": shop.id, "attempt": number, "outcome": attempt[0],
                                     "response_code": attempt[1], "test": false}),
            );
            assert!(line["delivery_id"].as_str().unwrap().starts_with("del_"), "{line}");
            assert_eq!(line["delivery_id"], lines[0]["delivery_id"]);
            assert!(line["duration_ms"].is_u64(), "{line}");
            assert!(line["host"].is_null() || line["host"] == host.as_str(), "{line}");
            assert_eq!(line["next_attempt_at"].is_string(), attempt[0] == "failed", "{line}");
            assert_eq!(line["drop_reason"].is_string(), attempt[0] == "dropped", "{line}");
            assert_eq!(line["error"].is_string(), attempt[0] != "succeeded", "{line}");
        }
    }
    assert_eq!(lines.len(), 6);
}

#[tokio::test]
async fn logs_and_standard_output_never_hold_a_secret_or_a_key_at_any_level() {
    let (folder, receiver) = (TempDir::new().unwrap(), Receiver::start().await);
    receiver.script("/hook/path-token", [Reply::status(200), Reply::close(), Reply::status(500)]);
    let mut node = Node::start(folder.path(), &["--log", "trace"]).await;
    let shop = node.shop().await;
    let webhook = node.webhook(&shop, &receiver.url("/hook/path-token?key=query-token")).await;
    let path = format!("/api/v1/admin/webhooks/{}", webhook["id"].as_str().unwrap());
    let rotate = json!({"activateIn": 60});
    let rotated = node.admin(&shop).post(&format!("{path}/rotate-secret"), &rotate).await.expect(200);
    for id in ["evt_1", "evt_2", "evt_3"] {
        node.publish(&shop, id).await;
    }
    wait_for(&node, "attempt", 3).await;
    let wrong = sellvik_testkit::Client::new(&node.address).with_bearer("sk_live_0a1b2c_somebodys-key");
    wrong.get("/api/v1/admin/webhooks").await.expect(401);
    node.program.terminate();
    assert!(node.program.exit().await.success());
    let encryption = std::fs::read_to_string(folder.path().join("encryption.key")).unwrap();
    let written = [node.program.out.text(), node.program.err.text()].concat();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for secret in [
        text(&webhook["secret"]),
        text(&rotated["secret"]),
        text(&webhook["secret"])["whsec_".len()..].to_owned(),
        shop.key.clone(),
        node.key.clone(),
        encryption.trim().to_owned(),
        "somebodys-key".to_owned(),
        "path-token".to_owned(),
        "query-token".to_owned(),
    ] {
        let line = written.lines().find(|line| line.contains(&secret));
        assert!(line.is_none(), "{secret} is in {line:?}");
    }
}

#[tokio::test]
async fn the_dev_services_logs_hold_no_key_either() {
    let folder = TempDir::new().unwrap();
    let mut node = Node::run(folder.path(), &mut super::serve(folder.path(), &["--dev"])).await;
    let last = |line: &str| line.contains("/deliveries").then_some(());
    node.program.out.first("the last line", last).await;
    node.program.terminate();
    assert!(node.program.exit().await.success());
    let shown = node.program.out.text();
    let admin = shown.lines().find_map(|line| line.trim().strip_prefix("export SELLVIK_ADMIN_KEY=")).unwrap();
    assert!(shown.contains(&node.key), "standard output is where the developer copies it from");
    let logs = node.program.err.text();
    assert!(!logs.contains(admin) && !logs.contains(&node.key), "{logs}");
}
