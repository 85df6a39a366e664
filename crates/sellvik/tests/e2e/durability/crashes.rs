//! kill -9 at random moments: what was answered with 202 is delivered, come what may (CONTRACT §4, §5).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sellvik_clock::World;
use sellvik_testkit::{Receiver, Reply};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::ledger::{Ledger, Rows, Status};
use super::load::{Load, succeeded_everywhere};
use super::sink::Sink;
use super::{EVENTS, Node, Shop};
use crate::harness::eventually;

/// How often the process is killed; `scripts/crashes` says more.
const ROUNDS: usize = 5;
const ROUNDS_VARIABLE: &str = "SELLVIK_TEST_CRASH_ROUNDS";

/// Short enough to see the end of, and longer than a drain.
const FLAGS: [&str; 6] = [
    "--retry-schedule",
    "0s,300ms,900ms,2s,4s,7s,12s,20s,40s,1m",
    "--delivery-timeout",
    "3s",
    "--drain-after-delete",
    "5s",
];

/// Where each event of the load goes.
const PATHS: [&str; 3] = ["/quick", "/slow", "/failing"];

/// Deliveries to a redelivery job: more than two steps.
const REDELIVERED: usize = 450;

/// A webhook is deleted in every tenth round.
const DELETED_EVERY: usize = 10;

/// `DropReason::WebhookDeleted`, as the ledger numbers it.
const WEBHOOK_DELETED: i64 = 4;

/// What is known of each delivery beside the ledger's word.
#[derive(Default)]
struct Accounts {
    /// Requests that were under way when the process was killed, so that nobody recorded them.
    unrecorded: BTreeMap<String, usize>,
    /// How often those had arrived that were on record as succeeded at some kill.
    succeeded: BTreeMap<String, usize>,
}

impl Accounts {
    /// After a kill: every request is on record, but for those that were under way just then.
    fn after_kill(&mut self, rows: &Rows, times: &BTreeMap<String, usize>) {
        for (id, row) in rows {
            let arrived = times.get(id).copied().unwrap_or(0);
            let unrecorded = self.unrecorded.entry(id.clone()).or_default();
            let known = row.attempts + *unrecorded;
            assert!(arrived >= known, "{id}: {known} attempts, and only {arrived} arrived");
            if arrived > known {
                assert_eq!(arrived, known + 1, "{id} was under way more than once");
                assert_eq!(row.status, Status::Open, "{id} was sent although it was decided");
                *unrecorded += 1;
            }
            if row.status == Status::Succeeded {
                let first = *self.succeeded.entry(id.clone()).or_insert(arrived);
                assert_eq!(arrived, first, "{id} was sent again after it was recorded as succeeded");
            }
        }
        for id in times.keys() {
            assert!(rows.contains_key(id), "{id} was sent before it was on disk");
        }
    }

    /// When all is done: each delivery arrived once per attempt on record and once per attempt that a
    /// kill cut off.
    fn at_the_end(&self, rows: &Rows, times: &BTreeMap<String, usize>) {
        assert_eq!(times.len(), rows.len(), "every delivery arrived");
        for (id, row) in rows {
            let unrecorded = self.unrecorded.get(id).copied().unwrap_or(0);
            assert_eq!(times[id], row.attempts + unrecorded, "{id} at {}", row.path);
        }
        for (id, arrived) in &self.succeeded {
            assert_eq!(times[id], *arrived, "{id} was sent again after it was recorded as succeeded");
        }
    }
}

/// One service through all its lives.
struct Trial {
    folder: TempDir,
    sink: Sink,
    node: Node,
    shop: Shop,
    again: Value,
    /// The window that redelivery jobs take.
    window: Value,
    accounts: Accounts,
    accepted: Vec<String>,
    jobs: Vec<String>,
    /// The deleted webhooks' paths, each with how often its delivery had arrived when the process died.
    deleted: BTreeMap<String, usize>,
    jobs_cut_off: i64,
}

impl Trial {
    async fn start() -> Self {
        let (folder, sink) = (TempDir::new().unwrap(), Sink::start().await);
        let node = Node::start(folder.path(), &FLAGS).await;
        let shop = node.shop().await;
        for path in PATHS {
            node.webhook(&shop, &sink.url(path)).await;
        }
        let again = node.webhook_for(&shop, &sink.url("/again"), "order.updated").await;
        let event = json!({"shop": shop.id, "type": "order.updated", "data": {}});
        let batch = json!({"events": vec![event; REDELIVERED]});
        node.platform.post(&format!("{EVENTS}/batch"), &batch).await.expect(202);
        all_done(folder.path()).await;
        let until = World::system().now().after(Duration::from_millis(1));
        let window =
            json!({"since": "2026-01-01T00:00:00.000Z", "until": until.to_string(), "status": "succeeded"});
        let accounts = Accounts::default();
        let (accepted, jobs, deleted) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { folder, sink, node, shop, again, window, accounts, accepted, jobs, deleted, jobs_cut_off: 0 }
    }

    /// Publishers at work, a redelivery begun, every so often a webhook deleted; then the end of it.
    async fn round(&mut self, round: usize, world: &World) {
        let load = Load::start(&self.node, &self.shop, 4, &round.to_string());
        load.answered(20).await;
        if round.is_multiple_of(DELETED_EVERY) {
            self.delete_a_webhook(&format!("/drained/{round}")).await;
        }
        tokio::time::sleep(Duration::from_millis(300).mul_f64(world.draw())).await;
        self.begin_a_redelivery().await;
        tokio::time::sleep(Duration::from_millis(20).mul_f64(world.draw())).await;
        self.node.program.kill();
        let (answered, unanswered) = load.stop().await;
        self.accepted.extend(answered);

        self.sink.quiet().await;
        let (left, times) = (Ledger::left_in(self.folder.path()), self.sink.times());
        self.accounts.after_kill(&left.rows(), &times);
        assert_eq!(left.half_written(), 0, "an event is there with all its deliveries or not at all");
        self.jobs_cut_off += left.jobs_under_way();
        let now = World::system().now().as_millis();
        for (url, drain) in left.drains() {
            assert!(drain.has_secret || drain.ends_at_ms <= now, "{url} lost its secret before its time");
        }
        for (path, arrived) in &mut self.deleted {
            if *arrived == 0 {
                *arrived = self.sink.arrivals().iter().filter(|one| one.path == *path).count();
            }
        }

        self.node = Node::start(self.folder.path(), &FLAGS).await;
        // Whoever got no answer asks again with the same id, and knows where they stand.
        for event in unanswered {
            let answer = self.node.platform.post(EVENTS, &event).await.expect(202);
            assert_eq!((&answer["id"], &answer["deliveries"]), (&event["id"], &json!(PATHS.len())));
            self.accepted.push(answer["id"].as_str().unwrap().to_owned());
        }
    }

    /// Registers a webhook that always fails, and deletes it while its delivery waits for a retry.
    async fn delete_a_webhook(&mut self, path: &str) {
        let webhook = self.node.webhook_for(&self.shop, &self.sink.url(path), "product.updated").await;
        let event = json!({"shop": self.shop.id, "type": "product.updated", "data": {}});
        self.node.platform.post(EVENTS, &event).await.expect(202);
        self.sink.arrived_at(path).await;
        let admin = self.node.admin(&self.shop);
        let path_of = format!("/api/v1/admin/webhooks/{}", webhook["id"].as_str().unwrap());
        admin.delete(&path_of).await.expect(204);
        self.deleted.insert(path.to_owned(), 0);
    }

    /// Begins a redelivery job, unless the last one is still running.
    async fn begin_a_redelivery(&mut self) {
        let path = format!("/api/v1/admin/webhooks/{}/redeliver", self.again["id"].as_str().unwrap());
        let answer = self.node.admin(&self.shop).post(&path, &self.window).await;
        if answer.status == 409 {
            assert_eq!(answer.code(), "redelivery_running");
            return;
        }
        let job = answer.expect(202);
        assert_eq!(job["matched"], json!(REDELIVERED));
        self.jobs.push(job["id"].as_str().unwrap().to_owned());
    }

    /// Every accepted event went to every webhook.
    fn check_events(&self, rows: &Rows) {
        let accepted: BTreeSet<&str> = self.accepted.iter().map(String::as_str).collect();
        assert_eq!(accepted.len(), self.accepted.len());
        for path in PATHS {
            let at_path: Vec<_> = rows.values().filter(|row| row.path == path).collect();
            assert!(at_path.iter().all(|row| row.status == Status::Succeeded), "{path}");
            let events: BTreeSet<&str> = at_path.iter().map(|row| row.event.as_str()).collect();
            assert_eq!(events.len(), at_path.len(), "one delivery to an event at {path}");
            let lost: Vec<_> = accepted.difference(&events).collect();
            assert!(lost.is_empty(), "accepted, and never sent to {path}: {lost:?}");
            assert_eq!(events.len(), accepted.len(), "nothing else was sent to {path}");
        }
    }

    /// Every job sent each delivery of its window again, once.
    async fn check_jobs(&self, rows: &Rows) {
        for job in &self.jobs {
            let webhook = self.again["id"].as_str().unwrap();
            let path = format!("/api/v1/admin/webhooks/{webhook}/redeliver/{job}");
            let job = self.node.admin(&self.shop).get(&path).await.expect(200);
            assert_eq!((&job["matched"], &job["processed"]), (&json!(REDELIVERED), &json!(REDELIVERED)));
            assert!(job["finishedAt"].is_string(), "{job}");
        }
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for (id, row) in rows.iter().filter(|(_, row)| row.path == "/again") {
            assert_eq!(row.status, Status::Succeeded, "{id}");
            match &row.redelivery_of {
                None => *times.entry(id).or_default() += 0,
                Some(original) => *times.entry(original).or_default() += 1,
            }
        }
        assert_eq!(times.len(), REDELIVERED);
        assert!(times.values().all(|times| *times == self.jobs.len()), "{} jobs: {times:?}", self.jobs.len());
    }

    /// Every deleted webhook's delivery went on until the drain's end; then the secret was erased.
    fn check_drains(&self, rows: &Rows, ledger: &Ledger) {
        let drains = ledger.drains();
        assert_eq!(drains.len(), self.deleted.len());
        for (path, before) in &self.deleted {
            let drain = &drains[&self.sink.url(path)];
            assert!(drain.done && !drain.has_secret, "{path}: {drain:?}");
            let dropped: Vec<_> = rows.values().filter(|row| row.path == *path).collect();
            assert_eq!(dropped.len(), 1);
            assert_eq!(dropped[0].status, Status::Dropped(WEBHOOK_DELETED));
            let arrivals: Vec<_> = self.sink.arrivals().into_iter().filter(|one| one.path == *path).collect();
            assert!(arrivals.len() > *before, "{path} did not go on after the restart");
            let last = arrivals.iter().map(|one| one.signed).max().unwrap();
            // An attempt may have been begun in the last moment and signed right after.
            assert!(last <= drain.ends_at_ms / 1000 + 1, "{path} went on after its end");
        }
    }
}

/// Waits until nothing is left to be done.
async fn all_done(folder: &std::path::Path) {
    let ledger = Ledger::live(folder);
    eventually("the end of all work", async || match ledger.to_be_done() {
        0 => Ok(()),
        left => Err(json!(left)),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_arrives_although_the_process_is_killed_again_and_again() {
    let rounds = std::env::var(ROUNDS_VARIABLE).map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let (mut trial, world) = (Trial::start().await, World::system());
    for round in 0..rounds {
        trial.round(round, &world).await;
    }
    all_done(trial.folder.path()).await;
    let ledger = Ledger::live(trial.folder.path());
    let (rows, times) = (ledger.rows(), trial.sink.times());
    trial.accounts.at_the_end(&rows, &times);
    trial.check_events(&rows);
    trial.check_jobs(&rows).await;
    trial.check_drains(&rows, &ledger);
    let cut_off: usize = trial.accounts.unrecorded.values().sum();
    println!(
        "{rounds} kills, {} events, {} deliveries, {} requests, of which {cut_off} were under way at a kill; \
         {} redelivery jobs, {} of them cut off; {} drains",
        trial.accepted.len(),
        rows.len(),
        times.values().sum::<usize>(),
        trial.jobs.len(),
        trial.jobs_cut_off,
        trial.deleted.len(),
    );
}

#[tokio::test]
async fn an_attempt_in_flight_when_the_process_was_killed_is_made_again_at_once() {
    let (folder, receiver) = (TempDir::new().unwrap(), Receiver::start().await);
    receiver.script("/hook", [Reply::hang(), Reply::status(200)]);
    let mut node = Node::start(folder.path(), &[]).await;
    let shop = node.shop().await;
    let webhook = node.webhook(&shop, &receiver.url("/hook")).await;
    node.publish(&shop, "evt_1").await;
    receiver.wait_for("/hook", 1).await;
    node.program.kill();
    let node = Node::start(folder.path(), &[]).await;
    succeeded_everywhere(&node, &shop, &webhook, &["evt_1".to_owned()]).await;
    let arrived = receiver.received_at("/hook");
    assert_eq!(arrived.len(), 2);
    assert_eq!(arrived[0].body, arrived[1].body);
}
