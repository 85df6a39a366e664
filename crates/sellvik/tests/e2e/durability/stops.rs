//! Stopping in good order: SIGTERM, or SIGINT.

use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use sellvik_testkit::{Gate, Receiver, Reply};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::load::{Load, succeeded_everywhere};
use super::{EVENTS, Node, Pid, after_lines, event, serve};
use crate::harness::eventually;

/// What a stop may take beyond the delivery timeout.
const BEYOND: Duration = Duration::from_secs(2);

/// Starts a service that can be sent any signal.
async fn with_pid(folder: &Path, flags: &[&str]) -> (Node, Pid) {
    let allow = ["--endpoint-allow", "127.0.0.0/8"];
    let command = serve(folder, &[&allow, flags].concat());
    let node = Node::run(folder, &mut after_lines(&Pid::keep_in(folder), &command)).await;
    (node, Pid::kept_in(folder))
}

/// Publishers, one of them with batches, and answers that are held back until the service was told to stop.
async fn stopped_under_load_by(signal: &str) {
    let (folder, receiver) = (TempDir::new().unwrap(), Receiver::start().await);
    let gate = Gate::new();
    let flowing = (0..30).map(|_| Reply::status(200));
    let held = (0..8).map(|_| Reply::gate(gate.clone(), 200));
    receiver.script("/hook", flowing.chain(held).chain([Reply::status(200)]));
    let (mut node, pid) = with_pid(folder.path(), &[]).await;
    let shop = node.shop().await;
    let webhook = node.webhook(&shop, &receiver.url("/hook")).await;
    let load = Load::start(&node, &shop, 4, "evt");
    receiver.wait_for("/hook", 31).await;
    load.answered(50).await;
    pid.run("kill", &[signal]);
    let asked = Instant::now();
    gate.open();
    let status = node.program.exit().await;
    assert_eq!(status.code(), Some(0), "{}", node.program.err.text());
    assert!(asked.elapsed() < Duration::from_secs(10) + BEYOND, "{:?}", asked.elapsed());
    let (mut accepted, unanswered) = load.stop().await;
    let in_flight = receiver.received().len();

    let node = Node::start(folder.path(), &[]).await;
    for event in unanswered {
        let answer = node.platform.post(EVENTS, &event).await.expect(202);
        accepted.push(answer["id"].as_str().unwrap().to_owned());
    }
    succeeded_everywhere(&node, &shop, &webhook, &accepted).await;
    let mut arrived: Vec<Value> = receiver.received().iter().map(|one| one.json()["id"].clone()).collect();
    assert_eq!(arrived.len(), accepted.len(), "of which {in_flight} came before the stop");
    arrived.sort_by_key(Value::to_string);
    arrived.dedup();
    assert_eq!(arrived.len(), accepted.len(), "nothing was sent twice");
}

#[tokio::test]
async fn under_load_nothing_is_lost_and_nothing_is_sent_twice() {
    stopped_under_load_by("-TERM").await;
}

#[tokio::test]
async fn an_interrupt_stops_in_good_order_too() {
    stopped_under_load_by("-INT").await;
}

/// Starts a service with a short delivery timeout and one attempt that hangs.
async fn with_a_hanging_attempt(folder: &TempDir, receiver: &Receiver) -> (Node, super::Shop, Value, Pid) {
    receiver.script("/hook", [Reply::hang(), Reply::status(200)]);
    let flags = ["--delivery-timeout", "1s", "--retry-schedule", "0s,3s,1m"];
    let (node, pid) = with_pid(folder.path(), &flags).await;
    let shop = node.shop().await;
    let webhook = node.webhook(&shop, &receiver.url("/hook")).await;
    node.publish(&shop, "evt_1").await;
    receiver.wait_for("/hook", 1).await;
    (node, shop, webhook, pid)
}

#[tokio::test]
async fn an_attempt_that_hangs_is_waited_for_judged_and_settled() {
    let (folder, receiver) = (TempDir::new().unwrap(), Receiver::start().await);
    let (mut node, shop, webhook, _) = with_a_hanging_attempt(&folder, &receiver).await;
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
async fn a_second_signal_does_no_harm() {
    let (folder, receiver) = (TempDir::new().unwrap(), Receiver::start().await);
    let (mut node, shop, webhook, pid) = with_a_hanging_attempt(&folder, &receiver).await;
    let asked = Instant::now();
    pid.run("kill", &["-TERM"]);
    let stopping = |line: &str| line.contains("stopping").then_some(());
    node.program.err.first("the line that says that it stops", stopping).await;
    for signal in ["-TERM", "-INT", "-TERM"] {
        pid.run("kill", &[signal]);
    }
    assert_eq!(node.program.exit().await.code(), Some(0), "{}", node.program.err.text());
    assert!(asked.elapsed() < Duration::from_secs(1) + BEYOND, "{:?}", asked.elapsed());
    let node = Node::start(folder.path(), &["--retry-schedule", "0s,3s,1m"]).await;
    let delivery = node.deliveries(&shop, &webhook).await.remove(0);
    assert_eq!(delivery["attempts"], json!(1), "the attempt in flight was settled: {delivery}");
}

#[tokio::test]
async fn new_connections_are_refused_while_a_request_under_way_is_answered() {
    let (folder, receiver) = (TempDir::new().unwrap(), Receiver::start().await);
    let mut node = Node::start(folder.path(), &[]).await;
    let shop = node.shop().await;
    let webhook = node.webhook(&shop, &receiver.url("/hook")).await;
    let body = event(&shop, "evt_1").to_string();
    let mut under_way = TcpStream::connect(&node.address).await.unwrap();
    let head = format!(
        "POST {EVENTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nExpect: 100-continue\r\n\
         Content-Length: {}\r\n\r\n",
        node.key,
        body.len()
    );
    under_way.write_all(head.as_bytes()).await.unwrap();
    // Asked for its body, so it is under way.
    let mut go_on = [0; 25];
    under_way.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    let asked = Instant::now();
    node.program.terminate();
    eventually("new connections being refused", async || match TcpStream::connect(&node.address).await {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        other => Err(json!(format!("{other:?}"))),
    })
    .await;
    under_way.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    under_way.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    assert_eq!(node.program.exit().await.code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(10) + BEYOND, "{:?}", asked.elapsed());

    let node = Node::start(folder.path(), &[]).await;
    succeeded_everywhere(&node, &shop, &webhook, &["evt_1".to_owned()]).await;
    assert_eq!(receiver.received_at("/hook").len(), 1);
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
