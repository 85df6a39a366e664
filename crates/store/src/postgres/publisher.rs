//! Publishes that come at the same time share a transaction.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::ledger::Ledger;
use super::publish;
use super::session::{CALL_MAX, within};
use crate::{NewEvent, Published, Result, StoreError};

/// Publishes waiting at most; a caller beyond that waits for its turn.
const WAITING_MAX: usize = 4096;

/// Events to a transaction, as far as whole publishes allow: bounds how long the first waits for the last.
const EVENTS_MAX: usize = 1024;

/// Transactions at a time: while one waits for its commit, others are made.
const AT_A_TIME: usize = 3;

struct Call {
    events: Vec<NewEvent>,
    reply: oneshot::Sender<Result<Vec<Result<Published>>>>,
}

pub(super) struct Publisher {
    /// None once the ledger is closed.
    calls: Mutex<Option<mpsc::Sender<Call>>>,
    workers: Mutex<JoinSet<()>>,
}

type Waiting = tokio::sync::Mutex<mpsc::Receiver<Call>>;

impl Publisher {
    pub(super) fn start(ledger: &Arc<Ledger>) -> Self {
        let (calls, waiting) = mpsc::channel(WAITING_MAX);
        let waiting = Arc::new(Waiting::new(waiting));
        let mut workers = JoinSet::new();
        for _ in 0..AT_A_TIME {
            workers.spawn(work(ledger.clone(), waiting.clone()));
        }
        Self { calls: Mutex::new(Some(calls)), workers: Mutex::new(workers) }
    }

    /// Publishes in one of the next transactions; answers once it is on disk.
    pub(super) async fn publish(&self, events: Vec<NewEvent>) -> Result<Vec<Result<Published>>> {
        let closed = || StoreError::unavailable("the ledger was closed");
        let (reply, answer) = oneshot::channel();
        let calls = self.calls.lock().clone().ok_or_else(closed)?;
        // Until it is taken up, nothing can become of it.
        let sent = timeout(CALL_MAX, calls.send(Call { events, reply })).await;
        sent.map_err(StoreError::unavailable)?.map_err(|_| closed())?;
        drop(calls);
        within(async { answer.await.map_err(|_| closed())? }).await
    }

    /// Takes no more, and returns once what was queued is written.
    pub(super) async fn close(&self) {
        self.calls.lock().take();
        let workers = std::mem::take(&mut *self.workers.lock());
        workers.join_all().await;
    }
}

async fn work(ledger: Arc<Ledger>, waiting: Arc<Waiting>) {
    while let Some(calls) = next(&waiting).await {
        let events: Vec<NewEvent> = calls.iter().flat_map(|call| call.events.iter().cloned()).collect();
        match publish::all(&ledger, &events).await {
            Ok(answers) => answer(calls, answers),
            Err(StoreError::OutcomeUnknown) => refuse(calls, || StoreError::OutcomeUnknown),
            // One bad publish must not sink its neighbours.
            Err(error) if calls.len() > 1 && is_about_data(&error) => alone(&ledger, calls).await,
            Err(error) => {
                let cause = Arc::new(error);
                refuse(calls, || StoreError::unavailable(cause.clone()));
            }
        }
    }
}

/// What waits, in the order it came; none once nothing ever will.
async fn next(waiting: &Waiting) -> Option<Vec<Call>> {
    let mut waiting = waiting.lock().await;
    let first = waiting.recv().await?;
    let mut many = first.events.len();
    let mut calls = vec![first];
    while many < EVENTS_MAX
        && let Ok(call) = waiting.try_recv()
    {
        many += call.events.len();
        calls.push(call);
    }
    Some(calls)
}

fn answer(calls: Vec<Call>, answers: Vec<Result<Published>>) {
    let mut answers = answers.into_iter();
    for Call { events, reply } in calls {
        // The caller may have gone away; the commit stands all the same.
        let _ = reply.send(Ok(answers.by_ref().take(events.len()).collect()));
    }
}

fn refuse(calls: Vec<Call>, error: impl Fn() -> StoreError) {
    for call in calls {
        let _ = call.reply.send(Err(error()));
    }
}

async fn alone(ledger: &Ledger, calls: Vec<Call>) {
    for call in calls {
        let answers = publish::all(ledger, &call.events).await;
        let _ = call.reply.send(answers);
    }
}

/// Whether the server refused what was written, not us.
fn is_about_data(error: &StoreError) -> bool {
    let StoreError::Unavailable(cause) = error else { return false };
    cause.downcast_ref::<tokio_postgres::Error>().is_some_and(|error| error.as_db_error().is_some())
}
