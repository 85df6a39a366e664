//! The writer thread: takes what waits, runs it in one transaction, commits once, then answers each.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::Shared;
use super::batch::{Batch, Caches};
use super::checkpoint::Checkpointer;
use super::queue::{Haste, Queue, Taken};
use crate::{Intake, Result, StoreError};

/// Writes waiting at most; a caller beyond that waits for its turn.
const QUEUE_JOBS_MAX: usize = 4096;

pub(super) struct Writer {
    /// None once the thread was told to end.
    jobs: Mutex<Option<mpsc::Sender<Write>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    intake: Arc<OnceLock<Arc<dyn Intake>>>,
    healthy: Arc<AtomicBool>,
}

/// One write. It may run twice: a batch that fails is rolled back and its jobs run one by one, so that
/// one bad write does not sink its neighbours.
trait Job: Send {
    fn run(&mut self, batch: &mut Batch<'_>) -> std::result::Result<(), StoreError>;
    fn answer(self: Box<Self>, commit: std::result::Result<(), Arc<StoreError>>);
}

type Write = (Haste, Box<dyn Job>);

struct Call<F, T> {
    work: F,
    outcome: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<F, T> Job for Call<F, T>
where
    F: FnMut(&mut Batch<'_>) -> Result<T> + Send,
    T: Send,
{
    fn run(&mut self, batch: &mut Batch<'_>) -> std::result::Result<(), StoreError> {
        match (self.work)(batch) {
            Err(StoreError::Unavailable(cause)) => Err(StoreError::Unavailable(cause)),
            // A refusal has written nothing; it is an answer like any other.
            outcome => {
                self.outcome = Some(outcome);
                Ok(())
            }
        }
    }

    fn answer(self: Box<Self>, commit: std::result::Result<(), Arc<StoreError>>) {
        let answer = match (commit, self.outcome) {
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(StoreError::unavailable("the write was not run")),
            (Err(error), _) => Err(StoreError::unavailable(error)),
        };
        // The caller may have gone away; the commit stands all the same.
        let _ = self.reply.send(answer);
    }
}

impl Writer {
    pub(super) fn start(
        db: Connection,
        checkpointer: Checkpointer,
        shared: Arc<Shared>,
    ) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel(QUEUE_JOBS_MAX);
        let intake = Arc::new(OnceLock::new());
        let healthy = Arc::new(AtomicBool::new(true));
        let thread = Thread {
            db,
            checkpointer,
            shared,
            caches: Caches::default(),
            intake: intake.clone(),
            healthy: healthy.clone(),
        };
        let thread =
            std::thread::Builder::new().name("sellvik-writer".into()).spawn(move || thread.run(queue))?;
        Ok(Self { jobs: Mutex::new(Some(jobs)), thread: Mutex::new(Some(thread)), intake, healthy })
    }

    pub(super) fn attach(&self, intake: Arc<dyn Intake>) {
        // Attached once, when the service is put together; a second one would not be heard.
        let _ = self.intake.set(intake);
    }

    pub(super) fn healthy(&self) -> Result<()> {
        if self.healthy.load(Ordering::Relaxed) {
            return Ok(());
        }
        Err(StoreError::unavailable("the last write failed"))
    }

    /// Runs `work` in one of the next commits; its answer comes once that commit is on disk.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        haste: Haste,
        work: impl FnMut(&mut Batch<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let call = Box::new(Call { work, outcome: None, reply });
        let stopped = || StoreError::unavailable("the ledger was closed");
        let jobs = self.jobs.lock().clone().ok_or_else(stopped)?;
        jobs.send((haste, call)).await.map_err(|_| stopped())?;
        drop(jobs);
        answer.await.map_err(StoreError::unavailable)?
    }
}

impl Writer {
    /// Takes no more, and returns once what was queued is written and the thread has ended.
    pub(super) async fn close(&self) {
        if let Some(thread) = self.end() {
            let _ = tokio::task::spawn_blocking(|| thread.join()).await;
        }
    }

    fn end(&self) -> Option<JoinHandle<()>> {
        self.jobs.lock().take();
        self.thread.lock().take()
    }
}

impl Drop for Writer {
    /// As [`Writer::close`], so that the data folder is free when this returns.
    fn drop(&mut self) {
        if let Some(thread) = self.end() {
            let _ = thread.join();
        }
    }
}

struct Thread {
    db: Connection,
    checkpointer: Checkpointer,
    shared: Arc<Shared>,
    caches: Caches,
    intake: Arc<OnceLock<Arc<dyn Intake>>>,
    healthy: Arc<AtomicBool>,
}

impl Thread {
    fn run(mut self, mut queue: mpsc::Receiver<Write>) {
        let mut waiting = Queue::default();
        while wait(&mut waiting, &mut queue) {
            let (mut jobs, mut taken) = (Vec::new(), Taken::default());
            let mut next = || {
                fill(&mut waiting, &mut queue);
                waiting.next(&mut taken)
            };
            match self.commit(&mut jobs, &mut next) {
                Ok(()) => {
                    answer_all(jobs, &Ok(()));
                    self.checkpointer.after_commit(&self.db);
                    continue;
                }
                // No write of theirs was at fault: one by one they would only wait in vain again.
                Err(Failed::ToBegin(error)) => {
                    tracing::error!(error = %crate::error::chain(&error), "no write could begin");
                    answer_all(std::iter::from_fn(next), &Err(Arc::new(error)));
                    continue;
                }
                Err(Failed::Inside(_)) => {}
            }
            for job in jobs {
                let mut alone = vec![job];
                let outcome = self
                    .commit(&mut alone, &mut || None)
                    .map_err(|failed| Arc::new(StoreError::from(failed)));
                if let Err(error) = &outcome {
                    tracing::error!(error = %crate::error::chain(&**error), "write failed");
                }
                answer_all(alone, &outcome);
            }
        }
    }

    /// One transaction of these writes, and of what `next` adds to them while they run; on success everything it
    /// promised to others is said before anyone is answered.
    fn commit(
        &mut self,
        jobs: &mut Vec<Box<dyn Job>>,
        next: &mut impl FnMut() -> Option<Box<dyn Job>>,
    ) -> std::result::Result<(), Failed> {
        let intake = self.intake.get().cloned();
        let recovering = !self.healthy.load(Ordering::Relaxed);
        let mut batch = Batch::new(&self.db, &self.shared, &mut self.caches, intake);
        let done = batch.begin().map_err(Failed::ToBegin).and_then(|()| {
            let mut run = || {
                for job in jobs.iter_mut() {
                    job.run(&mut batch)?;
                }
                while let Some(mut job) = next() {
                    let outcome = job.run(&mut batch);
                    jobs.push(job);
                    outcome?;
                }
                if recovering {
                    batch.write_something()?;
                }
                batch.commit()
            };
            run().map_err(Failed::Inside)
        });
        if done.is_err() {
            batch.roll_back();
        }
        self.healthy.store(done.is_ok(), Ordering::Relaxed);
        done
    }
}

/// Waits until something is to be written; false once nothing ever will.
fn wait(waiting: &mut Queue<Box<dyn Job>>, queue: &mut mpsc::Receiver<Write>) -> bool {
    if waiting.is_empty() {
        let Some((haste, first)) = queue.blocking_recv() else { return false };
        waiting.add(haste, first);
    }
    true
}

/// Takes what has come.
fn fill(waiting: &mut Queue<Box<dyn Job>>, queue: &mut mpsc::Receiver<Write>) {
    while waiting.len() < QUEUE_JOBS_MAX
        && let Ok((haste, next)) = queue.try_recv()
    {
        waiting.add(haste, next);
    }
}

/// Where a transaction failed.
enum Failed {
    /// Before any write was run.
    ToBegin(StoreError),
    /// In a write or in the commit.
    Inside(StoreError),
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        let (Failed::ToBegin(error) | Failed::Inside(error)) = failed;
        error
    }
}

fn answer_all(
    jobs: impl IntoIterator<Item = Box<dyn Job>>,
    commit: &std::result::Result<(), Arc<StoreError>>,
) {
    for job in jobs {
        job.answer(commit.clone());
    }
}
