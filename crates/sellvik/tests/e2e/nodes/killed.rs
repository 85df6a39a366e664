//! A node that dies, and one that only believes it holds its leases.

use std::time::{Duration, Instant};

use sellvik_testkit::{Gate, Postgres, Receiver, Reply};
use serde_json::json;

use super::cluster::{Cluster, node};
use super::traffic::Traffic;
use crate::durability::load::succeeded_everywhere;
use crate::harness::eventually_within;

/// How soon the others must have taken over what a node left.
const TAKEN_OVER: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_node_held_is_delivered_by_the_others() {
    let mut cluster = Cluster::start(3).await;
    let traffic = Traffic::start(&cluster);
    traffic.accepted(300).await;
    cluster.nodes[0].program.kill();
    let killed = Instant::now();
    traffic.accepted(300).await;
    let answers = traffic.stop().await;
    cluster.nodes.remove(0);
    let sums = cluster.sums(&answers).await;
    assert!(killed.elapsed() < TAKEN_OVER, "taken over after {:?}", killed.elapsed());
    // What it was sending, or had sent and not recorded yet.
    assert!(sums.duplicates <= sums.accepted / 4, "{sums:?}");
    assert!(answers.unanswered > 0, "the publishers noticed");
}

#[tokio::test]
async fn a_node_paused_past_its_leases_cannot_settle_over_the_new_holder() {
    let server = Postgres::shared();
    let address = server.schema();
    let (paused, other) = (node(&address, &[]).await, node(&address, &[]).await);
    let (receiver, gate) = (Receiver::start().await, Gate::new());
    // The first attempt fails once the gate is open, the second one succeeds at once.
    receiver.script("/hook", [Reply::gate(gate.clone(), 500), Reply::status(200)]);
    let shop = paused.shop().await;
    let webhook = paused.webhook(&shop, &receiver.url("/hook")).await;
    let published = Instant::now();
    paused.publish(&shop, "evt_1").await;
    receiver.wait_for("/hook", 1).await;
    paused.program.pause();
    eventually_within(TAKEN_OVER, "the other node's attempt", async || {
        let arrived = receiver.received_at("/hook").len();
        if arrived == 2 { Ok(()) } else { Err(json!(arrived)) }
    })
    .await;
    assert!(published.elapsed() < TAKEN_OVER);
    succeeded_everywhere(&other, &shop, &webhook, &["evt_1".to_owned()]).await;

    gate.open();
    paused.program.resume();
    let told = |line: &str| line.contains(r#""message":"attempt""#).then_some(());
    paused.program.err.first("the end of the attempt that it believes to be its own", told).await;
    // What it settles after that is on record: so the attempt's own settlement has been decided, too.
    other.publish(&shop, "evt_2").await;
    paused.publish(&shop, "evt_3").await;
    succeeded_everywhere(&paused, &shop, &webhook, &["evt_2".to_owned(), "evt_3".to_owned()]).await;
    for delivery in other.deliveries(&shop, &webhook).await {
        assert_eq!(
            (&delivery["status"], &delivery["attempts"]),
            (&json!("succeeded"), &json!(1)),
            "{delivery}"
        );
    }
    let path = format!("/api/v1/admin/webhooks/{}", webhook["id"].as_str().unwrap());
    let webhook = other.admin(&shop).get(&path).await.expect(200);
    assert_eq!(webhook["failureCount"], 0);
    assert_eq!(receiver.received_at("/hook").len(), 4);
}
