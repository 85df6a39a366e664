//! Nodes that are well share the work.

use sellvik_testkit::{Gate, Postgres, Receiver, Reply};
use serde_json::json;
use tokio::task::JoinSet;

use super::cluster::{Cluster, attempts, node};
use super::traffic::Traffic;
use crate::durability::{EVENTS, event};
use crate::harness::eventually;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_deliver_together_and_nothing_twice() {
    let cluster = Cluster::start(3).await;
    let traffic = Traffic::start(&cluster);
    traffic.accepted(1500).await;
    let answers = traffic.stop().await;
    let sums = cluster.sums(&answers).await;
    assert_eq!((sums.duplicates, cluster.sink.at_once()), (0, 0));
    assert_eq!((answers.refused, answers.unanswered), (0, 0));
    for node in &cluster.nodes {
        let share = attempts(node) * 100 / sums.received;
        assert!(share >= 20, "a node made only {share} % of all attempts");
    }
}

#[tokio::test]
async fn what_a_full_node_has_no_room_for_is_sent_by_an_idle_one() {
    let server = Postgres::shared();
    let address = server.schema();
    let (full, idle) = (node(&address, &[]).await, node(&address, &[]).await);
    let (receiver, gate) = (Receiver::start().await, Gate::new());
    receiver.script("/hook", [Reply::gate(gate.clone(), 200)]);
    let shop = full.shop().await;
    full.webhook(&shop, &receiver.url("/hook")).await;
    // More than a node takes on of one webhook while it answers nothing.
    let many = 100;
    let events: Vec<_> = (0..many).map(|n| event(&shop, &format!("evt_{n}"))).collect();
    full.platform.post(&format!("{EVENTS}/batch"), &json!({"events": events})).await.expect(202);
    eventually("work at both nodes", async || {
        let owners = "SELECT count(DISTINCT owner) FROM queue WHERE lease_until IS NOT NULL";
        match server.ask(&address, owners).as_str() {
            "2" => Ok(()),
            owners => Err(json!(owners)),
        }
    })
    .await;
    gate.open();
    receiver.wait_for("/hook", many).await;
    eventually("the end of all attempts", async || match attempts(&full) + attempts(&idle) {
        all if all == many => Ok(()),
        all => Err(json!(all)),
    })
    .await;
    assert!(attempts(&idle) > 0);
    assert_eq!(receiver.received_at("/hook").len(), many);
}

#[tokio::test]
async fn keys_secrets_and_cursors_work_at_every_node() {
    let address = Postgres::shared().schema();
    let (one, other) = (node(&address, &[]).await, node(&address, &[]).await);
    let receiver = Receiver::start().await;
    let shop = one.shop().await;
    let webhook = one.webhook(&shop, &receiver.url("/hook")).await;
    for n in 0..3 {
        other.publish(&shop, &format!("evt_{n}")).await;
    }
    let arrived = receiver.wait_for("/hook", 3).await;
    assert!(arrived.iter().all(|request| request.verify_standard(webhook["secret"].as_str().unwrap())));
    let path = format!("/api/v1/admin/webhooks/{}/deliveries?limit=1", webhook["id"].as_str().unwrap());
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    for node in [&one, &other, &one] {
        let page = node.admin(&shop).get(&format!("{path}&cursor={cursor}")).await.expect(200);
        seen.push(page["items"][0]["eventId"].clone());
        cursor = page["nextCursor"].as_str().unwrap_or_default().to_owned();
    }
    assert_eq!(seen, ["evt_2", "evt_1", "evt_0"]);
    assert_eq!(cursor, "", "that was the last page");
}

#[tokio::test]
async fn a_key_has_its_thousand_requests_at_all_nodes_together() {
    let address = Postgres::shared().schema();
    let nodes = [node(&address, &[]).await, node(&address, &[]).await];
    let shop = nodes[0].shop().await;
    let mut callers = JoinSet::new();
    for caller in 0..8 {
        let admin = nodes[caller % 2].admin(&shop);
        callers.spawn(async move {
            let mut taken = 0;
            for _ in 0..150 {
                let answer = admin.get("/api/v1/admin/webhooks").await;
                assert!([200, 429].contains(&answer.status));
                taken += usize::from(answer.status == 200);
            }
            taken
        });
    }
    let taken: usize = callers.join_all().await.into_iter().sum();
    assert_eq!(taken, 1000);
}
