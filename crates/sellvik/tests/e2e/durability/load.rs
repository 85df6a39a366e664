//! Several publishers at once, and what became of what they sent.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{EVENTS, Node, Shop, event};
use crate::harness::eventually;

/// Events to a batch.
const BATCH: usize = 10;

/// Publishers with ids of their own, one of whom sends batches; they give up when the service is gone.
pub(super) struct Load {
    answered: Arc<watch::Sender<Vec<String>>>,
    stopping: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Vec<Value>>>,
}

impl Load {
    pub(super) fn start(node: &Node, shop: &Shop, publishers: usize, prefix: &str) -> Self {
        let (answered, stopping) = (Arc::new(watch::Sender::default()), Arc::new(AtomicBool::new(false)));
        let publisher = |number: usize| Publisher {
            address: node.address.clone(),
            key: node.key.clone(),
            shop: shop.clone(),
            prefix: format!("{prefix}_{number}"),
            batches: number == 0,
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

    /// Stops publishing; the ids of all that were answered with 202, and the events that were sent and
    /// never answered.
    pub(super) async fn stop(self) -> (Vec<String>, Vec<Value>) {
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
    batches: bool,
    answered: Arc<watch::Sender<Vec<String>>>,
    stopping: Arc<AtomicBool>,
}

impl Publisher {
    /// Publishes one call after the other; the events of the call that was never answered.
    async fn run(self) -> Vec<Value> {
        for number in 0.. {
            if self.stopping.load(Ordering::Relaxed) {
                break;
            }
            let size = if self.batches { BATCH } else { 1 };
            let event = |place: usize| event(&self.shop, &format!("evt_{}_{number}_{place}", self.prefix));
            let events: Vec<Value> = (0..size).map(event).collect();
            let Ok((status, answer)) = self.publish(&events).await else { return events };
            assert_eq!(status, 202, "{answer}");
            let results =
                if self.batches { answer["results"].as_array().unwrap().clone() } else { vec![answer] };
            assert_eq!(results.len(), events.len());
            for (event, result) in events.iter().zip(&results) {
                assert_eq!(event["id"], result["id"], "{result}");
            }
            let ids = events.iter().map(|event| event["id"].as_str().unwrap().to_owned());
            self.answered.send_modify(|answered| answered.extend(ids));
        }
        Vec::new()
    }

    async fn publish(&self, events: &[Value]) -> io::Result<(u16, Value)> {
        let (path, body) = match events {
            [one] if !self.batches => (EVENTS.to_owned(), one.to_string()),
            many => (format!("{EVENTS}/batch"), json!({"events": many}).to_string()),
        };
        post(&self.address, &self.key, &path, &body).await
    }
}

/// The answer; an error if there is none, or none that is whole.
pub(crate) async fn post(address: &str, key: &str, path: &str, body: &str) -> io::Result<(u16, Value)> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str(body).ok());
    status.zip(body).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// Waits until each of these events has a delivery and all deliveries have succeeded.
pub(crate) async fn succeeded_everywhere(node: &Node, shop: &Shop, webhook: &Value, ids: &[String]) {
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
