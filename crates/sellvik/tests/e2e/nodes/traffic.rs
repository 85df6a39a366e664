//! A platform that publishes without a break and knows how to: no answer, or one that says so, and it asks again
//! with the same id, at another door.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::cluster::Cluster;
use crate::durability::load::post;
use crate::durability::{EVENTS, Shop, event};

/// Publishers, one call at a time each.
const PUBLISHERS: usize = 6;

/// How long an event may take to be accepted, whatever breaks meanwhile.
const PATIENCE: Duration = Duration::from_mins(1);

const PAUSE: Duration = Duration::from_millis(50);

/// What the publishers were told.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    /// Events that were accepted, each once.
    pub(super) accepted: Vec<String>,
    /// Calls answered with 503, and those of them whose outcome is unknown.
    pub(super) refused: usize,
    pub(super) unknown: usize,
    /// Calls that got no answer.
    pub(super) unanswered: usize,
    /// The longest that a call took.
    pub(super) longest: Duration,
}

pub(super) struct Traffic {
    answers: Arc<watch::Sender<Answers>>,
    stopping: Arc<AtomicBool>,
    publishers: JoinSet<()>,
}

impl Traffic {
    /// To all of the cluster's doors, evenly.
    pub(super) fn start(cluster: &Cluster) -> Self {
        let (answers, stopping) = (Arc::new(watch::Sender::default()), Arc::new(AtomicBool::new(false)));
        let mut publishers = JoinSet::new();
        for number in 0..PUBLISHERS {
            let publisher = Publisher {
                number,
                doors: cluster.nodes.iter().map(|node| node.address.clone()).collect(),
                key: cluster.nodes[0].key.clone(),
                shop: cluster.shop.clone(),
                answers: answers.clone(),
                stopping: stopping.clone(),
            };
            publishers.spawn(publisher.run());
        }
        Self { answers, stopping, publishers }
    }

    /// Waits until so many more events than now are accepted.
    pub(super) async fn accepted(&self, more: usize) {
        let wanted = self.answers.borrow().accepted.len() + more;
        let mut changes = self.answers.subscribe();
        let wait = changes.wait_for(|answers| answers.accepted.len() >= wanted);
        assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "{:?}", self.answers.borrow().refused);
    }

    /// Begins nothing new, and waits until everything that was begun is accepted.
    pub(super) async fn stop(mut self) -> Answers {
        self.stopping.store(true, Ordering::Relaxed);
        while let Some(ended) = self.publishers.join_next().await {
            ended.unwrap();
        }
        self.answers.borrow().clone()
    }
}

struct Publisher {
    number: usize,
    doors: Vec<String>,
    key: String,
    shop: Shop,
    answers: Arc<watch::Sender<Answers>>,
    stopping: Arc<AtomicBool>,
}

impl Publisher {
    async fn run(self) {
        let mut door = self.number;
        for event in 0.. {
            if self.stopping.load(Ordering::Relaxed) {
                return;
            }
            self.publish(&format!("evt_{}_{event}", self.number), &mut door).await;
        }
    }

    /// Until it is accepted.
    async fn publish(&self, id: &str, door: &mut usize) {
        let (body, began) = (event(&self.shop, id).to_string(), Instant::now());
        loop {
            let asked = Instant::now();
            let answer = post(&self.doors[*door % self.doors.len()], &self.key, EVENTS, &body).await;
            let accepted = matches!(answer, Ok((202, _)));
            self.answers.send_modify(|answers| answers.note(id, answer, asked.elapsed()));
            if accepted {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{id} is not accepted");
            *door += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl Answers {
    fn note(&mut self, id: &str, answer: std::io::Result<(u16, Value)>, took: Duration) {
        self.longest = self.longest.max(took);
        match answer {
            Ok((202, answer)) => {
                assert_eq!(answer["id"], id);
                self.accepted.push(id.to_owned());
            }
            Ok((503, answer)) => {
                self.refused += 1;
                match answer["error"]["code"].as_str() {
                    Some("unavailable") => {}
                    Some("outcome_unknown") => {
                        assert_eq!(answer["error"]["id"], id, "{answer}");
                        self.unknown += 1;
                    }
                    _ => panic!("{answer}"),
                }
            }
            Ok((status, answer)) => panic!("{status}: {answer}"),
            Err(_) => self.unanswered += 1,
        }
    }
}
