//! Bringing the write-ahead log into the file, beside the writer rather than between its commits: copying and
//! syncing thousands of pages takes tens of milliseconds, in which nobody who publishes should have to wait.
//!
//! A thread of its own copies what the log holds while the writer goes on; what came meanwhile is little, and
//! the writer copies that itself. Then the log is all in the file, and the next commit begins it anew.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

/// Pages in the log from which on it is brought into the file: 16 MiB. A page that many commits change, as the
/// last one of each index, is copied once for all of them.
const LOG_PAGES: u32 = 4096;

/// Pages that the writer copies itself: some milliseconds, and more than it adds while the thread syncs the file.
const REST_PAGES: u32 = 1024;

/// Pages in the log at which the writer no longer goes on without copying them all, because the disk is too
/// slow for both: 128 MiB.
const LOG_PAGES_MAX: u32 = 32_768;

/// Pause after an attempt that failed.
const RETRY: Duration = Duration::from_secs(1);

pub(super) struct Checkpointer {
    /// None once the thread was told to end.
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Pages in the log, and how many of them are in the file.
struct Log {
    pages: u32,
    copied: u32,
}

impl Checkpointer {
    /// `db` is a connection of its own.
    pub(super) fn start(db: Connection) -> std::io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        let thread =
            std::thread::Builder::new().name("sellvik-checkpoint".into()).spawn(move || run(&db, &woken))?;
        Ok(Self { wake: Some(wake), thread: Some(thread) })
    }

    /// To be called by the writer after each commit.
    pub(super) fn after_commit(&self, db: &Connection) {
        let Some(log) = checkpoint(db, "NOOP").filter(|log| log.pages >= LOG_PAGES) else { return };
        let rest = log.pages.saturating_sub(log.copied);
        if rest == 0 {
            return;
        }
        if rest <= REST_PAGES || log.pages >= LOG_PAGES_MAX {
            checkpoint(db, "PASSIVE");
        } else if let Some(wake) = &self.wake {
            // Full: it is awake already.
            let _ = wake.try_send(());
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.wake.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(db: &Connection, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        if checkpoint(db, "PASSIVE").is_none() {
            std::thread::sleep(RETRY);
        }
    }
}

/// Copies what it can, or only looks; none if that failed, for which the log is none the worse.
fn checkpoint(db: &Connection, how: &str) -> Option<Log> {
    let read = |row: &rusqlite::Row<'_>| Ok(Log { pages: row.get(1)?, copied: row.get(2)? });
    let pragma = format!("PRAGMA wal_checkpoint({how})");
    let log = db.prepare_cached(&pragma).and_then(|mut pragma| pragma.query_row([], read));
    if let Err(error) = &log {
        tracing::warn!(error = %error, "the write-ahead log was not brought into the ledger's file");
    }
    log.ok()
}
