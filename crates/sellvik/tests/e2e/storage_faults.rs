//! Storage that takes no writes, and storage that is damaged: nothing is taken that is not kept, and
//! nothing that was taken is lost (CONTRACT §2 `unavailable`, §5).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;
use sellvik_testkit::{Answer, Client, Gate, Receiver, Reply};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::checks::{EVENTS, refused};
use crate::durability::{Node, Shop, event, serve};
use crate::harness::{Scene, eventually};
use crate::program::Program;

/// No file may grow beyond this: a few dozen events' worth.
const FILE_KIB_MAX: u32 = 1024;

/// How often each event has arrived.
fn arrivals(receiver: &Receiver) -> BTreeMap<String, usize> {
    let mut arrivals = BTreeMap::new();
    for request in receiver.received_at("/hook") {
        *arrivals.entry(request.header("x-sellvik-event-id").to_owned()).or_default() += 1;
    }
    arrivals
}

/// The same command where no file can grow beyond [`FILE_KIB_MAX`]: to it, the disk is full then.
fn with_little_space(command: &Command) -> Command {
    let mut limited = Command::new("bash");
    // Without the trap the process would be killed instead of being told.
    let script = format!("trap '' XFSZ; ulimit -f {FILE_KIB_MAX}; exec \"$@\"");
    limited.args(["-c", &script, "bash"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited
}

fn large_event(shop: &Shop, id: &str) -> Value {
    let mut event = event(shop, id);
    event["data"]["order"]["note"] = json!("x".repeat(16 << 10));
    event
}

/// What became of the events that were published.
#[derive(Default)]
struct Published {
    accepted: BTreeSet<String>,
    refused: BTreeMap<String, Value>,
}

impl Published {
    /// Publishes; whether it was accepted. If not, it was for want of space.
    async fn publish(&mut self, node: &Node, event: Value) -> bool {
        let id = event["id"].as_str().unwrap().to_owned();
        let answer = node.platform.post(EVENTS, &event).await;
        if answer.status == 202 {
            assert_eq!(answer.expect(202)["id"], json!(id));
            self.accepted.insert(id);
            return true;
        }
        refused(&answer, 503, "unavailable");
        self.refused.insert(id, event);
        false
    }

    /// Publishes until nothing fits any more, large or small.
    async fn fill(&mut self, node: &Node, shop: &Shop) {
        for number in 0.. {
            assert!(number < 1000, "the limit is not felt");
            if !self.publish(node, large_event(shop, &format!("evt_large_{number}"))).await {
                break;
            }
        }
        for number in 0..50 {
            self.publish(node, event(shop, &format!("evt_small_{number}"))).await;
        }
    }
}

/// Waits until these events, and no others, have a delivery, and all have succeeded.
async fn succeeded(node: &Node, shop: &Shop, webhook: &Value, ids: &BTreeSet<String>) {
    eventually("every accepted event's success", async || {
        let deliveries = node.deliveries(shop, webhook).await;
        let made: Vec<&str> = deliveries.iter().map(|one| one["eventId"].as_str().unwrap()).collect();
        assert_eq!(made.len(), ids.len(), "one delivery to an event");
        assert_eq!(made.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>(), *ids);
        let open = deliveries.iter().filter(|one| one["status"] != "succeeded").count();
        if open == 0 { Ok(()) } else { Err(json!({"open": open})) }
    })
    .await;
}

#[tokio::test]
async fn a_full_disk_refuses_events_whole_and_keeps_every_event_that_was_accepted() {
    let (folder, receiver) = (TempDir::new().unwrap(), Receiver::start().await);
    let flags = ["--endpoint-allow", "127.0.0.0/8"];
    let mut limited = with_little_space(&serve(folder.path(), &flags));
    let mut node = Node::run(folder.path(), &mut limited).await;
    let shop = node.shop().await;
    let webhook = node.webhook(&shop, &receiver.url("/hook")).await;
    let mut published = Published::default();
    published.fill(&node, &shop).await;
    assert!(published.accepted.len() > 10 && published.refused.len() > 10);
    // Reads go on.
    let made = node.deliveries(&shop, &webhook).await.len();
    assert_eq!(made, published.accepted.len());
    node.admin(&shop).get("/api/v1/admin/webhooks").await.expect(200);
    node.program.kill();

    let node = Node::start(folder.path(), &[]).await;
    node.platform.get("/api/health").await.expect(200);
    succeeded(&node, &shop, &webhook, &published.accepted).await;
    // Of what was refused nothing stands: the same ids are taken as new.
    let mut all = published.accepted;
    for (id, event) in published.refused {
        let answer = node.platform.post(EVENTS, &event).await.expect(202);
        assert_eq!(answer["deliveries"], json!(1), "{answer}");
        assert_ne!(answer["duplicate"], json!(true), "{answer}");
        all.insert(id);
    }
    succeeded(&node, &shop, &webhook, &all).await;
    assert_eq!(arrivals(&receiver).into_keys().collect::<BTreeSet<_>>(), all);
}

#[tokio::test]
async fn a_full_disk_stays_on_the_health_page_although_calls_that_write_nothing_succeed() {
    let (folder, receiver) = (TempDir::new().unwrap(), Receiver::start().await);
    let flags = ["--endpoint-allow", "127.0.0.0/8"];
    let node = Node::run(folder.path(), &mut with_little_space(&serve(folder.path(), &flags))).await;
    let shop = node.shop().await;
    node.webhook(&shop, &receiver.url("/hook")).await;
    let mut published = Published::default();
    published.fill(&node, &shop).await;
    let known = json!(published.accepted.first().unwrap());
    let again = large_event(&shop, "evt_large_0");
    assert_eq!(known, again["id"]);
    // Whether the last of the space has been used: what is in flight may have settled meanwhile.
    for number in 0..20 {
        published.publish(&node, event(&shop, &format!("evt_last_{number}"))).await;
        node.platform.post(EVENTS, &again).await;
    }
    assert!(!published.publish(&node, event(&shop, "evt_refused")).await);
    assert_eq!(node.platform.get("/api/health").await.expect(503)["status"], "unavailable");
    // Whether it is answered as a duplicate or refused, it is no reason to call the service well.
    for _ in 0..3 {
        let answer = node.platform.post(EVENTS, &again).await;
        assert!(answer.status == 503 || answer.expect(202)["duplicate"] == true);
        node.platform.get("/api/health").await.expect(503);
    }
}

/// Somebody else's hold on the ledger's write lock.
struct Held(Connection);

impl Held {
    fn take(folder: &Path) -> Self {
        let db = Connection::open(folder.join("sellvik.db")).unwrap();
        db.busy_timeout(Duration::from_secs(5)).unwrap();
        db.execute_batch("BEGIN IMMEDIATE").unwrap();
        Self(db)
    }

    fn release(self) {
        self.0.execute_batch("ROLLBACK").unwrap();
    }
}

/// Publishes an event of each id to the scene's shop, all at once; the answers.
async fn publish_all(scene: &Scene, ids: &[String]) -> Vec<Answer> {
    let publish = |id: &String| {
        let (platform, shop): (Client, _) = (scene.server.platform.clone(), scene.shop.id.clone());
        let body = json!({"shop": shop, "type": "order.cancelled", "id": id, "data": {}});
        tokio::spawn(async move { platform.post(EVENTS, &body).await })
    };
    let tasks: Vec<_> = ids.iter().map(publish).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

#[tokio::test]
async fn while_the_ledger_takes_no_writes_nothing_is_taken_and_afterwards_all_goes_on_by_itself() {
    let gate = Gate::new();
    let replies = [Reply::status(500), Reply::gate(gate.clone(), 200), Reply::status(200)];
    let scene = Scene::with(replies).await;
    let waiting = scene.first_attempt().await;
    let flying = scene.shop.publish("order.cancelled").await;
    scene.receiver.wait_for("/hook", 2).await;

    let held = Held::take(scene.server.folder());
    scene.server.advance_to(&waiting["nextAttemptAt"]);
    gate.open();
    let ids: Vec<String> = (0..8).map(|number| format!("evt_{number}")).collect();
    // Not one wait for the lock after the other: the client's patience ends at 30 s.
    for answer in publish_all(&scene, &ids).await {
        refused(&answer, 503, "unavailable");
    }
    assert_eq!(scene.server.anonymous.get("/api/health").await.expect(503)["status"], "unavailable");
    let deliveries = scene.shop.deliveries(&scene.webhook).await;
    assert_eq!(deliveries.len(), 2, "reads go on, and nothing was taken");
    assert_eq!(scene.requests(), 2, "what cannot be recorded is not begun");

    held.release();
    eventually("good health", async || {
        let answer = scene.server.anonymous.get("/api/health").await;
        if answer.status == 200 { Ok(()) } else { Err(answer.json()) }
    })
    .await;
    for answer in publish_all(&scene, &ids).await {
        assert_ne!(answer.expect(202)["duplicate"], json!(true));
    }
    eventually("success everywhere", async || {
        let deliveries = scene.shop.deliveries(&scene.webhook).await;
        let done = deliveries.iter().all(|one| one["status"] == "succeeded");
        if done { Ok(()) } else { Err(json!(deliveries)) }
    })
    .await;
    assert_eq!(scene.shop.deliveries(&scene.webhook).await.len(), 10);
    let mut arrivals = arrivals(&scene.receiver);
    assert_eq!(arrivals.remove(waiting["eventId"].as_str().unwrap()), Some(2), "one retry");
    assert_eq!(arrivals.remove(&flying), Some(1), "the attempt in flight was settled, not repeated");
    assert_eq!(arrivals, ids.into_iter().map(|id| (id, 1)).collect());
}

#[tokio::test]
async fn a_damaged_ledger_is_refused_with_a_sentence_that_names_it_and_is_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("sellvik.db");
    let mut node = Node::start(folder.path(), &[]).await;
    node.shop().await;
    node.program.terminate();
    assert!(node.program.exit().await.success());
    let whole = std::fs::read(&file).unwrap();
    // The file's header, the page that lists the tables, and a copy that ended too soon.
    let mut header = whole.clone();
    header[..16].fill(0xa5);
    let mut schema = whole.clone();
    schema[100..4096].fill(0xa5);
    for damaged in [header, schema, whole[..whole.len() / 2].to_vec(), whole[..2000].to_vec()] {
        std::fs::write(&file, &damaged).unwrap();
        let error = Program::start(&mut serve(folder.path(), &[])).failure().await;
        assert!(error.contains(&file.display().to_string()), "{error}");
        assert!(error.contains("damaged or not a Sellvik ledger"), "{error}");
        assert!(!error.contains("panicked"), "{error}");
        assert!(std::fs::read(&file).unwrap() == damaged, "the file was written to: {error}");
    }
    std::fs::write(&file, &whole).unwrap();
    let node = Node::start(folder.path(), &[]).await;
    let shops = node.platform.get("/api/v1/platform/shops").await.expect(200);
    assert_eq!(shops["items"].as_array().unwrap().len(), 1, "the right copy is taken again");
}
