//! The writer: many writes to a commit, and a bad one sinks none of its neighbours.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use parking_lot::Mutex;
use sellvik_domain::{Lane, ShopId, Timestamp};
use tokio::task::JoinHandle;

use super::open_sqlite;
use crate::conformance::fixtures::{Ledger, ORDER, at, attempted, retry};
use crate::conformance::intake::Recorder;
use crate::{Intake, Leased, NewEvent, Settling, StoreError};

/// Stops the writer in its first hand-over until it is let go, so that what comes meanwhile shares a batch.
struct Gate {
    recorder: Arc<Recorder>,
    entered: Sender<()>,
    open: Mutex<Receiver<()>>,
}

impl Intake for Gate {
    fn reserve(&self, shop: ShopId, lane: Lane, bytes: usize) -> bool {
        self.recorder.reserve(shop, lane, bytes)
    }

    fn cancel(&self, lane: Lane, bytes: usize) {
        self.recorder.cancel(lane, bytes);
    }

    fn hand_over(&self, leased: Vec<Leased>) {
        self.recorder.hand_over(leased);
        if self.entered.send(()).is_ok() {
            // Fails once the test has let go of the other end: from then on the gate stands open.
            let _ = self.open.lock().recv();
        }
    }

    fn waiting(&self, lanes: &[(Lane, Timestamp)]) {
        self.recorder.waiting(lanes);
    }

    fn changed(&self, lane: Lane) {
        self.recorder.changed(lane);
    }

    fn all_changed(&self) {}

    fn job_made(&self) {
        self.recorder.job_made();
    }
}

/// A writer that stands still.
struct Stopped {
    recorder: Arc<Recorder>,
    by: JoinHandle<()>,
    gate: Sender<()>,
}

impl Stopped {
    /// Attaches an intake whose hand-over of this event holds the writer up.
    async fn by(ledger: &Ledger, event: &NewEvent) -> Self {
        let (entered, has_entered) = channel();
        let (let_go, open) = channel();
        let recorder = Recorder::accepting();
        ledger.attach(Arc::new(Gate { recorder: recorder.clone(), entered, open: Mutex::new(open) }));
        let (store, event) = (ledger.handle(), event.clone());
        let by = tokio::spawn(async move { drop(store.publish(vec![event]).await.unwrap()) });
        tokio::task::yield_now().await;
        has_entered.recv().unwrap();
        Self { recorder, by, gate: let_go }
    }

    /// Lets it go on, at the end of a biased `join!`: what stands before is polled first, so it is queued.
    async fn go_on(self) -> Arc<Recorder> {
        drop(self.gate);
        self.by.await.unwrap();
        self.recorder
    }
}

#[tokio::test]
async fn a_write_that_fails_sinks_no_neighbour() {
    let folder = open_sqlite();
    let mut ledger: Ledger = folder.ledger().await;
    let (shop, hook) = ledger.shop_and_hook().await;

    let first = ledger.event(&shop, ORDER, at(1));
    let good = [ledger.event(&shop, ORDER, at(2)), ledger.event(&shop, ORDER, at(3))];
    // The delivery's id would be there twice: a broken rule that no check foresees.
    let bad = NewEvent { seed: first.seed, ..ledger.event(&shop, ORDER, at(1)) };
    let publish = |event: &NewEvent| {
        let (store, event) = (ledger.handle(), event.clone());
        async move { store.publish(vec![event]).await }
    };
    let stopped = Stopped::by(&ledger, &first).await;
    let (one, sunk, two, recorder) =
        tokio::join!(biased; publish(&good[0]), publish(&bad), publish(&good[1]), stopped.go_on());
    for answer in [one, two] {
        assert_eq!(answer.unwrap().remove(0).unwrap().deliveries, 1);
    }
    assert!(matches!(sunk, Err(StoreError::Unavailable(_))));
    ledger.ping().await.unwrap();

    let told = recorder.told();
    let handed: Vec<_> = told.handed_over.iter().map(|leased| leased.event.id.clone()).collect();
    assert_eq!(handed, [first.id.clone(), good[0].id.clone(), good[1].id.clone()]);
    assert_eq!(told.reserved.len(), handed.len() + told.cancelled.len(), "what was held is given back");
    assert_eq!(told.cancelled.len(), 3, "two of the batch up to the bad one, then the bad one alone");

    ledger.reopen().await;
    let kept: Vec<_> = ledger.deliveries(&hook).await.into_iter().map(|found| found.event).collect();
    assert_eq!(kept, [good[1].id.clone(), good[0].id.clone(), first.id]);
    assert!(!ledger.send(NewEvent { seed: ledger.seed(), ..bad }).await.duplicate, "nothing of it was taken");
}

#[tokio::test]
async fn re_enabling_clears_what_the_same_commit_counts() {
    let folder = open_sqlite();
    let ledger = folder.ledger().await;
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.order(&shop, at(1)).await;
    let leased = ledger.claim_only(&hook, at(1)).await;
    ledger.enable(&hook, false).await;

    let other = ledger.shop("other").await;
    ledger.hook(&other, "other.example", &[ORDER]).await;
    let stopped = Stopped::by(&ledger, &ledger.event(&other, ORDER, at(1))).await;
    let failed = attempted(at(2), retry(at(30), 1));
    // So many that they have no commit to themselves.
    let many = (0..20).map(|_| ledger.event(&other, ORDER, at(1))).collect();
    let (settling, (), published, _) = tokio::join!(
        biased;
        ledger.settle_as(&leased, failed),
        ledger.enable(&hook, true),
        ledger.publish(many),
        stopped.go_on()
    );
    assert_eq!(published.unwrap().len(), 20);
    assert_eq!(settling, Settling::Recorded);
    let webhook = ledger.webhook(&hook).await;
    assert_eq!((webhook.failure_count, webhook.last_delivery_at), (0, Some(at(2))));
}

#[tokio::test]
async fn a_failed_write_shows_until_the_next_one_succeeds() {
    let folder = open_sqlite();
    let ledger = folder.ledger().await;
    let (shop, _) = ledger.shop_and_hook().await;
    let event = ledger.event(&shop, ORDER, at(1));
    ledger.send(event.clone()).await;
    let bad = NewEvent { seed: event.seed, ..ledger.event(&shop, ORDER, at(1)) };
    assert!(matches!(ledger.publish(vec![bad]).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(ledger.ping().await, Err(StoreError::Unavailable(_))));
    ledger.order(&shop, at(2)).await;
    ledger.ping().await.unwrap();
}
