//! A PostgreSQL that goes away and comes back, and one that another takes over from.

use std::time::{Duration, Instant};

use sellvik_testkit::Postgres;
use serde_json::json;

use super::cluster::Cluster;
use super::traffic::Traffic;
use crate::harness::eventually_within;

/// How long a publish may keep its caller waiting while there is no server.
const LONGEST: Duration = Duration::from_secs(20);

/// How soon a node is well again once its server is.
const RECOVERY: Duration = Duration::from_secs(15);

async fn all_well(cluster: &Cluster) {
    for node in &cluster.nodes {
        eventually_within(RECOVERY, "good health", async || {
            let answer = node.platform.get("/api/health").await;
            if answer.status == 200 { Ok(()) } else { Err(answer.json()) }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_restarted_under_load_loses_nothing() {
    let cluster = Cluster::start(2).await;
    let traffic = Traffic::start(&cluster);
    traffic.accepted(200).await;
    cluster.server.crash();
    let health = cluster.nodes[0].platform.get("/api/health").await;
    assert_eq!(health.expect(503)["status"], "unavailable");
    cluster.server.start_again();
    traffic.accepted(200).await;
    cluster.server.stop();
    cluster.server.start_again();
    traffic.accepted(200).await;
    let answers = traffic.stop().await;
    all_well(&cluster).await;
    let sums = cluster.sums(&answers).await;
    // Nobody lost a lease in so short a time.
    assert_eq!((sums.duplicates, cluster.sink.at_once()), (0, 0));
    assert!(answers.refused > 0, "some publishers were told");
    assert_eq!((answers.unknown, answers.unanswered), (0, 0));
    assert!(answers.longest < LONGEST, "{:?}", answers.longest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_standby_has_all_that_was_accepted() {
    let primary = Postgres::start("");
    let schema = primary.schema();
    let standby = primary.standby();
    let (_, options) = schema.split_once('?').unwrap();
    let address = format!(
        "postgres://sellvik@127.0.0.1:{},127.0.0.1:{}/postgres?target_session_attrs=read-write&{options}",
        primary.port(),
        standby.port()
    );
    let mut cluster = Cluster::on(primary, address, 2).await;
    let traffic = Traffic::start(&cluster);
    traffic.accepted(300).await;
    cluster.server.crash();
    let gone = Instant::now();
    standby.promote();
    traffic.accepted(300).await;
    println!("accepted again {:?} after the crash", gone.elapsed());
    let answers = traffic.stop().await;
    all_well(&cluster).await;
    cluster.server = standby;
    cluster.address = format!("{}?{options}", cluster.server.address());
    let sums = cluster.sums(&answers).await;
    assert_eq!((sums.duplicates, cluster.sink.at_once()), (0, 0));
    assert_eq!((answers.unknown, answers.unanswered), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_server_publishes_are_refused_in_time_and_nothing_is_taken() {
    let cluster = Cluster::start(1).await;
    let node = &cluster.nodes[0];
    node.publish(&cluster.shop, "evt_before").await;
    cluster.server.stop();
    let asked = Instant::now();
    let answer = node
        .platform
        .post(crate::durability::EVENTS, &crate::durability::event(&cluster.shop, "evt_1"))
        .await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"));
    assert!(asked.elapsed() < LONGEST);
    cluster.server.start_again();
    all_well(&cluster).await;
    let body = json!({"id": "evt_1", "deliveries": 2});
    assert_eq!(node.publish(&cluster.shop, "evt_1").await, body);
}
