//! The writer thread: takes what waits, runs it in one transaction, commits once, then answers each.
//!
//! Somebody waits for the answer to a publish or to a call of the API; nobody does for what dispatch brings.
//! Such patient writes are kept to a share of each transaction, so that a backlog that drains does not hold
//! up what is accepted meanwhile, nor the other way round.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::Shared;
use super::batch::{Batch, Caches};
use super::checkpoint::Checkpointer;
use crate::{Intake, Result, StoreError};

/// Writes waiting at most; a caller beyond that waits for its turn.
const QUEUE_JOBS_MAX: usize = 4096;

/// Events of urgent writes to a commit at most, as far as whole writes allow: bounds how long the first of
/// them waits for the last.
const URGENT_ITEMS_MAX: usize = 1024;

/// Deliveries of patient writes to a commit, alone: bounds how long an urgent one waits for its turn.
const PATIENT_ITEMS_ALONE: usize = 768;

/// The same beside urgent writes, unless those have more themselves.
const PATIENT_ITEMS_BESIDE: usize = 64;

pub(super) struct Writer {
    /// None once the thread was told to end.
    jobs: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    intake: Arc<OnceLock<Arc<dyn Intake>>>,
    healthy: Arc<AtomicBool>,
}

/// One write. It may run twice: a batch that fails is rolled back and its jobs run one by one, so that
/// one bad write does not sink its neighbours.
trait Job: Send {
    fn haste(&self) -> Haste;
    fn run(&mut self, batch: &mut Batch<'_>) -> std::result::Result<(), StoreError>;
    fn answer(self: Box<Self>, commit: std::result::Result<(), Arc<StoreError>>);
}

/// How a write is to be put among others.
#[derive(Clone, Copy)]
pub(super) enum Haste {
    /// Somebody waits for the answer; so many items.
    Urgent(usize),
    /// Nobody does; so many items.
    Patient(usize),
}

struct Call<F, T> {
    haste: Haste,
    work: F,
    outcome: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<F, T> Job for Call<F, T>
where
    F: FnMut(&mut Batch<'_>) -> Result<T> + Send,
    T: Send,
{
    fn haste(&self) -> Haste {
        self.haste
    }

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
        let call = Box::new(Call { haste, work, outcome: None, reply });
        let stopped = || StoreError::unavailable("the ledger was closed");
        let jobs = self.jobs.lock().clone().ok_or_else(stopped)?;
        jobs.send(call).await.map_err(|_| stopped())?;
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

/// Writes that wait for the thread.
#[derive(Default)]
struct Waiting {
    came: u64,
    urgent: VecDeque<Queued>,
    patient: VecDeque<Queued>,
}

struct Queued {
    /// Which of all it was.
    came: u64,
    items: usize,
    job: Box<dyn Job>,
}

impl Waiting {
    /// Takes what has come, and waits if nothing has; false once nothing ever will.
    fn fill(&mut self, queue: &mut mpsc::Receiver<Box<dyn Job>>) -> bool {
        if self.urgent.is_empty() && self.patient.is_empty() {
            let Some(first) = queue.blocking_recv() else { return false };
            self.add(first);
        }
        while self.urgent.len() + self.patient.len() < QUEUE_JOBS_MAX
            && let Ok(next) = queue.try_recv()
        {
            self.add(next);
        }
        true
    }

    fn add(&mut self, job: Box<dyn Job>) {
        self.came += 1;
        let (queue, items) = match job.haste() {
            Haste::Urgent(items) => (&mut self.urgent, items),
            Haste::Patient(items) => (&mut self.patient, items),
        };
        queue.push_back(Queued { came: self.came, items: items.max(1), job });
    }

    /// What goes into the next commit, in the order it came: urgent writes, and at least one patient one.
    fn take(&mut self) -> Vec<Box<dyn Job>> {
        let (mut taken, urgent) = take_front(&mut self.urgent, URGENT_ITEMS_MAX);
        let share = if urgent == 0 { PATIENT_ITEMS_ALONE } else { urgent.max(PATIENT_ITEMS_BESIDE) };
        taken.extend(take_front(&mut self.patient, share).0);
        taken.sort_unstable_by_key(|queued| queued.came);
        taken.into_iter().map(|queued| queued.job).collect()
    }
}

/// Takes writes until they have so many items, or none is left; also says how many items they have.
fn take_front(queue: &mut VecDeque<Queued>, most: usize) -> (Vec<Queued>, usize) {
    let (mut taken, mut items) = (Vec::new(), 0);
    while items < most
        && let Some(next) = queue.pop_front()
    {
        items += next.items;
        taken.push(next);
    }
    (taken, items)
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
    fn run(mut self, mut queue: mpsc::Receiver<Box<dyn Job>>) {
        let mut waiting = Waiting::default();
        while waiting.fill(&mut queue) {
            let mut jobs = waiting.take();
            match self.commit(&mut jobs) {
                Ok(()) => {
                    answer_all(jobs.drain(..), &Ok(()));
                    self.checkpointer.after_commit(&self.db);
                    continue;
                }
                // No write of theirs was at fault: one by one they would only wait in vain again.
                Err(Failed::ToBegin(error)) => {
                    tracing::error!(error = %super::batch::chain(&error), "no write could begin");
                    answer_all(jobs.drain(..), &Err(Arc::new(error)));
                    continue;
                }
                Err(Failed::Inside(_)) => {}
            }
            for job in jobs.drain(..) {
                let mut alone = vec![job];
                let outcome = self.commit(&mut alone).map_err(|failed| Arc::new(StoreError::from(failed)));
                if let Err(error) = &outcome {
                    tracing::error!(error = %super::batch::chain(&**error), "write failed");
                }
                answer_all(alone.drain(..), &outcome);
            }
        }
    }

    /// One transaction; on success everything it promised to others is said before anyone is answered.
    fn commit(&mut self, jobs: &mut [Box<dyn Job>]) -> std::result::Result<(), Failed> {
        let intake = self.intake.get().cloned();
        let recovering = !self.healthy.load(Ordering::Relaxed);
        let mut batch = Batch::new(&self.db, &self.shared, &mut self.caches, intake);
        let done = batch.begin().map_err(Failed::ToBegin).and_then(|()| {
            let mut run = || {
                for job in jobs.iter_mut() {
                    job.run(&mut batch)?;
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

fn answer_all(jobs: impl Iterator<Item = Box<dyn Job>>, commit: &std::result::Result<(), Arc<StoreError>>) {
    for job in jobs {
        job.answer(commit.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake(Haste);

    impl Job for Fake {
        fn haste(&self) -> Haste {
            self.0
        }

        fn run(&mut self, _: &mut Batch<'_>) -> std::result::Result<(), StoreError> {
            Ok(())
        }

        fn answer(self: Box<Self>, _: std::result::Result<(), Arc<StoreError>>) {}
    }

    /// How many urgent and patient writes the next commit takes.
    fn taken(waiting: &mut Waiting) -> (usize, usize) {
        let jobs = waiting.take();
        let urgent = jobs.iter().filter(|job| matches!(job.haste(), Haste::Urgent(_))).count();
        (urgent, jobs.len() - urgent)
    }

    #[test]
    fn neither_urgent_nor_patient_writes_wait_for_all_of_the_others() {
        let mut waiting = Waiting::default();
        for _ in 0..30 {
            waiting.add(Box::new(Fake(Haste::Patient(256))));
        }
        assert_eq!(taken(&mut waiting), (0, 3), "a commit of patient ones is bounded");
        waiting.add(Box::new(Fake(Haste::Urgent(1))));
        assert_eq!(taken(&mut waiting), (1, 1), "an urgent one overtakes all but one of them");
        for _ in 0..3 {
            waiting.add(Box::new(Fake(Haste::Urgent(1000))));
        }
        assert_eq!(taken(&mut waiting), (2, 8), "the patient ones get as much as the urgent ones");
        assert_eq!(taken(&mut waiting), (1, 4));
    }

    #[test]
    fn what_shares_a_commit_runs_in_the_order_it_came() {
        let mut waiting = Waiting::default();
        for haste in [Haste::Patient(1), Haste::Urgent(2), Haste::Patient(3), Haste::Urgent(0)] {
            waiting.add(Box::new(Fake(haste)));
        }
        let items = |job: Box<dyn Job>| match job.haste() {
            Haste::Urgent(items) | Haste::Patient(items) => items,
        };
        assert_eq!(waiting.take().into_iter().map(items).collect::<Vec<_>>(), [1, 2, 3, 0]);
    }
}
