//! Crowds before the real process: receivers and callers by the thousand, most of them hostile. Memory
//! stays bounded, and nobody else waits for them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

mod callers;
mod dripping;
mod full_house;
mod house;
mod idle;
mod mob;
mod receivers;
mod trickle;
mod unread;

/// What the whole process may have needed of memory at its worst, in KiB.
const PEAK_KIB_MAX: u64 = 150 << 10;

/// What three crowds like those before them may add to the peak, in KiB: less than one crowd's own need.
const GROWTH_KIB_MAX: u64 = 8 << 10;

/// How long a request's head may take, or the pause before it, and what a busy machine may add.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);
const BUSY: Duration = Duration::from_secs(8);

/// One large crowd at a time: they would slow each other down, and run out of files.
static TURN: Mutex<()> = Mutex::const_new(());

/// Waits for one's turn, with as many open files as the machine allows.
async fn turn() -> MutexGuard<'static, ()> {
    let turn = TURN.lock().await;
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    turn
}

/// Runs this for every number below `many`, so many at once; what came of each.
async fn side_by_side<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    many: usize,
    at_once: usize,
    task: impl Fn(usize) -> F,
) -> Vec<T> {
    let gate = Arc::new(tokio::sync::Semaphore::new(at_once));
    let mut tasks = Vec::with_capacity(many);
    for number in 0..many {
        let permit = gate.clone().acquire_owned().await.unwrap();
        let task = task(number);
        tasks.push(tokio::spawn(async move {
            let _permit = permit;
            task.await
        }));
    }
    let mut results = Vec::with_capacity(many);
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}
