//! Stopping in good order: SIGTERM.

use std::time::{Duration, Instant};

use sellvik_testkit::{Gate, Receiver, Reply};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::crashes::{Load, succeeded_everywhere};
use super::{EVENTS, Node};

/// What a stop may take beyond the delivery timeout.
const BEYOND: Duration = Duration::from_secs(2);

#[tokio::test]
async fn under_load_nothing_is_lost_and_nothing_is_sent_twice() {
    let (folder, receiver) = (TempDir::new().unwrap(), Receiver::start().await);
    // Once deliveries flow, some answers are held back until the service has been asked to stop.
    let gate = Gate::new();
    let flowing = (0..30).map(|_| Reply::status(200));
    let held = (0..8).map(|_| Reply::gate(gate.clone(), 200));
    receiver.script("/hook", flowing.chain(held).chain([Reply::status(200)]));
    let mut node = Node::start(folder.path(), &[]).await;
    let shop = node.shop().await;
    let webhook = node.webhook(&shop, &receiver.url("/hook")).await;
    let load = Load::start(&node, &shop, 4, "evt");
    receiver.wait_for("/hook", 31).await;
    load.answered(50).await;
    node.program.terminate();
    let asked = Instant::now();
    gate.open();
    let status = node.program.exit().await;
    assert_eq!(status.code(), Some(0), "{}", node.program.err.text());
    assert!(asked.elapsed() < Duration::from_secs(10) + BEYOND, "{:?}", asked.elapsed());
    let accepted = load.stop().await;

    let node = Node::start(folder.path(), &[]).await;
    succeeded_everywhere(&node, &shop, &webhook, &accepted).await;
    let mut arrived: Vec<Value> = receiver.received().iter().map(|one| one.json()["id"].clone()).collect();
    let all = arrived.len();
    arrived.sort_by_key(Value::to_string);
    arrived.dedup();
    assert_eq!(arrived.len(), all, "nothing was sent twice");
}

/// Starts a service with a short delivery timeout and one attempt that hangs.
async fn with_a_hanging_attempt(folder: &TempDir, receiver: &Receiver) -> (Node, super::Shop, Value) {
    receiver.script("/hook", [Reply::hang(), Reply::status(200)]);
    let flags = ["--delivery-timeout", "1s", "--retry-schedule", "0s,3s,1m"];
    let node = Node::start(folder.path(), &flags).await;
    let shop = node.shop().await;
    let webhook = node.webhook(&shop, &receiver.url("/hook")).await;
    node.publish(&shop, "evt_1").await;
    receiver.wait_for("/hook", 1).await;
    (node, shop, webhook)
}

#[tokio::test]
async fn an_attempt_that_hangs_is_waited_for_judged_and_settled() {
    let (folder, receiver) = (TempDir::new().unwrap(), Receiver::start().await);
    let (mut node, shop, webhook) = with_a_hanging_attempt(&folder, &receiver).await;
    let asked = Instant::now();
    node.program.terminate();
    assert_eq!(node.program.exit().await.code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(1) + BEYOND, "{:?}", asked.elapsed());
    let node = Node::start(folder.path(), &["--retry-schedule", "0s,3s,1m"]).await;
    let delivery = node.deliveries(&shop, &webhook).await.remove(0);
    assert_eq!(delivery["attempts"], json!(1), "{delivery}");
    succeeded_everywhere(&node, &shop, &webhook, &["evt_1".to_owned()]).await;
}

#[tokio::test]
async fn a_caller_who_never_finishes_a_request_does_not_hold_up_a_stop() {
    let (folder, receiver) = (TempDir::new().unwrap(), Receiver::start().await);
    let (mut node, ..) = with_a_hanging_attempt(&folder, &receiver).await;
    let mut stuck = TcpStream::connect(&node.address).await.unwrap();
    let head = format!("POST {EVENTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n", node.key);
    stuck.write_all(format!("{head}Content-Length: 100\r\n\r\n{{").as_bytes()).await.unwrap();
    let idle = TcpStream::connect(&node.address).await.unwrap();
    // Answered on a later connection, so the earlier ones have been taken.
    node.platform.get("/api/health").await.expect(200);
    let asked = Instant::now();
    node.program.terminate();
    assert_eq!(node.program.exit().await.code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(1) + BEYOND, "{:?}", asked.elapsed());
    drop((stuck, idle));
}

#[tokio::test]
async fn an_idle_service_stops_at_once() {
    let folder = TempDir::new().unwrap();
    let mut node = Node::start(folder.path(), &[]).await;
    let asked = Instant::now();
    node.program.terminate();
    assert_eq!(node.program.exit().await.code(), Some(0));
    assert!(asked.elapsed() < BEYOND, "{:?}", asked.elapsed());
}
