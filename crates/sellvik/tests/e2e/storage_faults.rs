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
use crate::durability::{Node, Pid, Shop, after_lines, event, serve};
use crate::harness::{Scene, eventually};

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

/// The same command where no file can grow beyond [`FILE_KIB_MAX`]: to it, the disk is full then. The limit
/// is a soft one, so that it can be raised while the process runs.
fn with_little_space(folder: &Path, command: &Command) -> Command {
    let keep = Pid::keep_in(folder);
    // Without the trap the process would be killed instead of being told.
    after_lines(&format!("{keep}; trap '' XFSZ; ulimit -S -f {FILE_KIB_MAX}"), command)
}

/// Gives the process that keeps its id in this folder all the space there is.
fn make_space(folder: &Path) {
    Pid::kept_in(folder).run("prlimit", &["--fsize=unlimited:", "--pid"]);
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
    let mut limited = with_little_space(folder.path(), &serve(folder.path(), &flags));
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
    let node =
        Node::run(folder.path(), &mut with_little_space(folder.path(), &serve(folder.path(), &flags))).await;
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

/// Waits until the process says that it is well.
async fn good_health(node: &Node) {
    eventually("good health", async || {
        let answer = node.platform.get("/api/health").await;
        if answer.status == 200 { Ok(()) } else { Err(answer.json()) }
    })
    .await;
}

#[tokio::test]
async fn when_there_is_space_again_a_running_process_goes_on_by_itself() {
    let (folder, receiver) = (TempDir::new().unwrap(), Receiver::start().await);
    let gate = Gate::new();
    receiver.script("/hook", [Reply::gate(gate.clone(), 200)]);
    let flags = ["--endpoint-allow", "127.0.0.0/8", "--delivery-timeout", "1m"];
    let command = serve(folder.path(), &flags);
    let node = Node::run(folder.path(), &mut with_little_space(folder.path(), &command)).await;
    let shop = node.shop().await;
    let webhook = node.webhook(&shop, &receiver.url("/hook")).await;
    let mut published = Published::default();
    published.fill(&node, &shop).await;
    node.platform.get("/api/health").await.expect(503);
    // The attempts in flight end, and there is no space to say so.
    gate.open();
    let unsettled = |line: &str| line.contains("not settled yet").then_some(());
    node.program.err.first("a settlement that fails", unsettled).await;
    eventually("a pause", async || {
        let before = arrivals(&receiver).len();
        for number in 0..20 {
            published_again(&node, &shop, number).await;
        }
        let after = arrivals(&receiver).len();
        if before == after { Ok(()) } else { Err(json!([before, after])) }
    })
    .await;
    let (sent, accepted) = (arrivals(&receiver).len(), published.accepted.len());
    assert!(sent < accepted / 2, "{sent} of {accepted} were sent, and none of it can be recorded");
    node.platform.get("/api/health").await.expect(503);

    make_space(folder.path());
    good_health(&node).await;
    succeeded(&node, &shop, &webhook, &published.accepted).await;
    let once = |ids: &BTreeSet<String>| ids.iter().map(|id| (id.clone(), 1)).collect::<BTreeMap<_, _>>();
    assert_eq!(arrivals(&receiver), once(&published.accepted), "each once, and nothing that was refused");
    let mut all = published.accepted;
    for (id, event) in published.refused {
        assert_ne!(node.platform.post(EVENTS, &event).await.expect(202)["duplicate"], json!(true));
        all.insert(id);
    }
    succeeded(&node, &shop, &webhook, &all).await;
    assert_eq!(arrivals(&receiver), once(&all));
}

/// Publishes what has no room, and is refused.
async fn published_again(node: &Node, shop: &Shop, number: usize) {
    let event = large_event(shop, &format!("evt_never_{number}"));
    refused(&node.platform.post(EVENTS, &event).await, 503, "unavailable");
}

#[tokio::test]
async fn health_turns_good_again_although_nobody_asks_for_anything() {
    let folder = TempDir::new().unwrap();
    let command = serve(folder.path(), &[]);
    let node = Node::run(folder.path(), &mut with_little_space(folder.path(), &command)).await;
    let shop = node.shop().await;
    for number in 0.. {
        assert!(number < 1000, "the limit is not felt");
        let body = json!({"id": format!("evt_{number}"), "shop": shop.id, "type": "order.paid", "data": {}});
        // An event that nobody wants leaves no body: a thousand of them in a batch fill the file.
        let events: Vec<Value> = (0..1000).map(|place| named(&body, number, place)).collect();
        let answer = node.platform.post("/api/v1/platform/events/batch", &json!({"events": events})).await;
        if answer.status != 202 {
            refused(&answer, 503, "unavailable");
            break;
        }
    }
    assert_eq!(node.platform.get("/api/health").await.expect(503)["status"], "unavailable");
    make_space(folder.path());
    good_health(&node).await;
}

fn named(event: &Value, batch: usize, place: usize) -> Value {
    let mut event = event.clone();
    event["id"] = json!(format!("evt_{batch}_{place}"));
    event
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
