//! Connections to PostgreSQL that end in the middle of a commit.

use std::time::{Duration, Instant};

use sellvik_testkit::Postgres;
use serde_json::json;

use super::cluster::{Cluster, PATHS};
use super::proxy::{Cut, Deaf, Proxy};
use super::traffic::Traffic;
use crate::durability::{EVENTS, event};
use crate::harness::{eventually, eventually_within};

/// One node that reaches its server through a proxy.
async fn behind_a_proxy() -> (Cluster, Proxy) {
    let server = Postgres::start("");
    let proxy = Proxy::to(server.port()).await;
    let (direct, port) = (server.schema(), server.port());
    let mut cluster = Cluster::on(server, proxy.address(&direct, port), 1).await;
    cluster.address = direct;
    (cluster, proxy)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_whose_answer_is_lost_are_looked_up_and_nothing_is_lost_or_made_twice() {
    let (cluster, proxy) = behind_a_proxy().await;
    let traffic = Traffic::start(&cluster);
    traffic.accepted(50).await;
    for n in 0..20 {
        let cut = if n % 2 == 0 { Cut::AfterCommit } else { Cut::BeforeCommit };
        proxy.cut([None, None, None, Some(cut)]);
    }
    eventually_within(Duration::from_mins(1), "the last cut", async || {
        if proxy.is_done() { Ok(()) } else { Err(json!("not yet")) }
    })
    .await;
    traffic.accepted(50).await;
    let answers = traffic.stop().await;
    let sums = cluster.sums(&answers).await;
    assert_eq!((sums.duplicates, cluster.sink.at_once()), (0, 0));
    assert_eq!((answers.refused, answers.unknown), (0, 0), "the publishers never noticed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_commit_that_cannot_be_looked_up_has_an_unknown_outcome() {
    let (cluster, proxy) = behind_a_proxy().await;
    let node = &cluster.nodes[0];
    for (id, cut, duplicate) in [("evt_1", Cut::AfterCommit, true), ("evt_2", Cut::BeforeCommit, false)] {
        proxy.cut_and_shut(id, cut);
        let error = node.platform.post(EVENTS, &event(&cluster.shop, id)).await.expect(503)["error"].clone();
        assert_eq!((&error["code"], &error["id"]), (&json!("outcome_unknown"), &json!(id)));
        proxy.open();
        // Whoever asks again with the same id knows where they stand.
        let answer = eventually("an answer", async || {
            let answer = node.platform.post(EVENTS, &event(&cluster.shop, id)).await;
            if answer.status == 202 { Ok(answer.json()) } else { Err(answer.json()) }
        })
        .await;
        assert_eq!(answer["duplicate"] == json!(true), duplicate, "{answer}");
        cluster.sink.took("/quick", 1 + usize::from(id == "evt_2")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_holds_no_caller_for_ever() {
    let (cluster, proxy) = behind_a_proxy().await;
    let node = &cluster.nodes[0];
    node.publish(&cluster.shop, "evt_before").await;
    // An attempt whose endpoint cannot be read any more is put off beyond what this test waits for.
    for path in PATHS {
        cluster.sink.took(path, 1).await;
    }
    proxy.deafen(Deaf::All);
    let asked = Instant::now();
    let (body, webhooks) = (event(&cluster.shop, "evt_1"), "/api/v1/admin/webhooks");
    let admin = node.admin(&cluster.shop);
    let (published, listed, health) = tokio::join!(
        node.platform.post(EVENTS, &body),
        admin.get(webhooks),
        node.platform.get("/api/health")
    );
    assert!(asked.elapsed() < Duration::from_secs(27), "{:?}", asked.elapsed());
    assert_eq!((published.status, listed.status, health.status), (503, 503, 503));
    proxy.deafen(Deaf::Nobody);
    eventually("the same event, taken at last", async || {
        let answer = node.platform.post(EVENTS, &body).await;
        if answer.status == 202 { Ok(()) } else { Err(answer.json()) }
    })
    .await;
    cluster.sink.took("/quick", 2).await;
    assert_eq!(cluster.count("SELECT count(*) FROM event_ids"), 2);
}
