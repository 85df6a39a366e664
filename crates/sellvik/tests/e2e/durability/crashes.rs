//! kill -9 at random moments: what was answered with 202 is delivered, come what may (CONTRACT §4, §5).

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sellvik_clock::World;
use sellvik_testkit::{Receiver, Reply};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{EVENTS, Node, Shop, event};
use crate::harness::eventually;

const ROUNDS: usize = 5;

/// Several publishers at once, each with ids of its own, who give up when the service is gone.
pub(super) struct Load {
    answered: Arc<watch::Sender<Vec<String>>>,
    stopping: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    pub(super) fn start(node: &Node, shop: &Shop, publishers: usize, prefix: &str) -> Self {
        let (answered, stopping) = (Arc::new(watch::Sender::default()), Arc::new(AtomicBool::new(false)));
        let publisher = |number: usize| Publisher {
            address: node.address.clone(),
            key: node.key.clone(),
            shop: shop.clone(),
            prefix: format!("{prefix}_{number}"),
            answered: Arc::clone(&answered),
            stopping: Arc::clone(&stopping),
        };
        let tasks = (0..publishers).map(|number| tokio::spawn(publisher(number).run())).collect();
        Self { answered, stopping, tasks }
    }

    /// Waits until so many events were answered with 202.
    pub(super) async fn answered(&self, many: usize) {
        let mut changes = self.answered.subscribe();
        let wait = changes.wait_for(|ids| ids.len() >= many);
        tokio::time::timeout(Duration::from_secs(30), wait).await.unwrap().unwrap();
    }

    /// Stops publishing; the ids of all that were answered with 202.
    pub(super) async fn stop(self) -> Vec<String> {
        self.stop_with_unanswered().await.0
    }

    /// As [`Load::stop`], and the ids of those that were sent and never answered.
    async fn stop_with_unanswered(self) -> (Vec<String>, Vec<String>) {
        self.stopping.store(true, Ordering::Relaxed);
        let mut unanswered = Vec::new();
        for task in self.tasks {
            unanswered.extend(task.await.unwrap());
        }
        (self.answered.borrow().clone(), unanswered)
    }
}

struct Publisher {
    address: String,
    key: String,
    shop: Shop,
    prefix: String,
    answered: Arc<watch::Sender<Vec<String>>>,
    stopping: Arc<AtomicBool>,
}

impl Publisher {
    /// Publishes one event after the other; the ids of those that were sent and never answered.
    async fn run(self) -> Vec<String> {
        for number in 0.. {
            if self.stopping.load(Ordering::Relaxed) {
                break;
            }
            let id = format!("evt_{}_{number}", self.prefix);
            match self.publish(&id).await {
                Ok(202) => self.answered.send_modify(|ids| ids.push(id)),
                Ok(status) => panic!("{id} was answered with {status}"),
                Err(_) => return vec![id],
            }
        }
        Vec::new()
    }

    /// The status of the answer; an error if there is none.
    async fn publish(&self, id: &str) -> io::Result<u16> {
        let body = event(&self.shop, id).to_string();
        let mut stream = TcpStream::connect(&self.address).await?;
        let request = format!(
            "POST {EVENTS} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.address,
            self.key,
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        // An answer counts when it is whole.
        let whole = answer.trim_end().ends_with('}');
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        status.filter(|_| whole).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// Waits until each of these events has a delivery and all deliveries have succeeded.
pub(super) async fn succeeded_everywhere(node: &Node, shop: &Shop, webhook: &Value, ids: &[String]) {
    eventually("every accepted event's success", async || {
        let deliveries = node.deliveries(shop, webhook).await;
        let of: BTreeMap<&str, &Value> =
            deliveries.iter().map(|one| (one["eventId"].as_str().unwrap(), &one["status"])).collect();
        let open: Vec<&String> =
            ids.iter().filter(|id| of.get(id.as_str()) != Some(&&json!("succeeded"))).collect();
        let others = deliveries.iter().filter(|one| one["status"] != "succeeded").count();
        if open.is_empty() && others == 0 {
            Ok(())
        } else {
            Err(json!({"accepted": ids.len(), "open": open, "unfinished": others}))
        }
    })
    .await;
}

/// How often each event has arrived.
fn arrivals(receiver: &Receiver) -> BTreeMap<String, usize> {
    let mut arrivals = BTreeMap::new();
    for request in receiver.received() {
        *arrivals.entry(request.header("x-sellvik-event-id").to_owned()).or_default() += 1;
    }
    arrivals
}

/// The arrivals of all events whose delivery is recorded as succeeded: these numbers are final.
async fn settled(node: &Node, shop: &Shop, webhook: &Value, receiver: &Receiver) -> BTreeMap<String, usize> {
    let deliveries = node.deliveries(shop, webhook).await;
    let arrivals = arrivals(receiver);
    let done = deliveries.iter().filter(|one| one["status"] == "succeeded");
    done.map(|one| one["eventId"].as_str().unwrap().to_owned())
        .map(|id| (id.clone(), arrivals.get(&id).copied().unwrap_or(0)))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_202_arrives_although_the_process_is_killed_again_and_again() {
    let (folder, receiver) = (TempDir::new().unwrap(), Receiver::start().await);
    let (mut node, world) = (Node::start(folder.path(), &[]).await, World::system());
    let shop = node.shop().await;
    let webhook = node.webhook(&shop, &receiver.url("/hook")).await;
    let (mut accepted, mut unanswered, mut finals) = (Vec::new(), Vec::new(), BTreeMap::new());
    for round in 0..ROUNDS {
        let load = Load::start(&node, &shop, 4, &round.to_string());
        load.answered(5).await;
        tokio::time::sleep(Duration::from_millis(300).mul_f64(world.draw())).await;
        node.program.kill();
        let (answered, lost) = load.stop_with_unanswered().await;
        accepted.extend(answered);
        unanswered.extend(lost);
        node = Node::start(folder.path(), &[]).await;
        finals.extend(settled(&node, &shop, &webhook, &receiver).await);
    }
    // Whoever got no answer asks again with the same id, and knows where they stand.
    for id in &unanswered {
        assert_eq!(node.publish(&shop, id).await["id"], json!(id));
    }
    accepted.extend(unanswered);
    succeeded_everywhere(&node, &shop, &webhook, &accepted).await;
    assert_eq!(node.deliveries(&shop, &webhook).await.len(), accepted.len(), "one delivery to an event");

    let arrivals = arrivals(&receiver);
    let missing: Vec<&String> = accepted.iter().filter(|id| !arrivals.contains_key(*id)).collect();
    assert!(missing.is_empty(), "accepted and never delivered: {missing:?}");
    for (id, times) in &finals {
        assert!(*times > 0, "{id} was recorded as succeeded and had never arrived");
        assert_eq!(arrivals[id], *times, "{id} was sent again after it was recorded as succeeded");
    }
    let again: usize = arrivals.values().map(|times| times - 1).sum();
    println!("{} events, {} known as done before the end, {again} sent again", accepted.len(), finals.len());
    assert!(again < accepted.len() / 2, "{again} of {} were sent again", accepted.len());
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
