//! Bringing the write-ahead log into the file, beside the writer rather than between its commits: copying and
//! syncing thousands of pages takes tens of milliseconds, in which nobody who publishes should have to wait.
//!
//! A thread of its own copies what the log holds while the writer goes on, each time that much has come. Now and
//! then the log is to begin anew: the thread goes on until what comes meanwhile is little, and the writer copies
//! that itself. Then the log is all in the file, and the next commit begins it anew.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

/// Pages that are copied together: 32 MiB. One that many commits change, as the last one of each index, is copied
/// once for all of them.
const COPIED_TOGETHER_PAGES: u32 = 8192;

/// Pages in the log at which it is to begin anew: 128 MiB, some seconds of a full load, since the writer stands
/// still for that. With so little left that it is hardly felt, it begins anew at once.
const LOG_PAGES: u32 = 32_768;

/// Pages that the writer copies itself, for a log that is to begin anew and for one that need not: some
/// milliseconds, most of them for syncing the file.
const REST_PAGES: u32 = 256;
const REST_PAGES_EARLY: u32 = 16;

/// Pages in the log at which the writer no longer goes on without copying them all, because the disk is too
/// slow for both: 256 MiB.
const LOG_PAGES_MAX: u32 = 65_536;

/// What the log's file may keep once the log has begun anew, in bytes: as much as it needs next time.
pub(super) const FILE_BYTES_MAX: u32 = 128 << 20;

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
        let Some(log) = checkpoint(db, "NOOP") else { return };
        match next(&log) {
            Next::Nothing => {}
            Next::ByTheWriter => {
                checkpoint(db, "PASSIVE");
            }
            Next::ByTheThread => {
                if let Some(wake) = &self.wake {
                    // Full: it is awake already.
                    let _ = wake.try_send(());
                }
            }
        }
    }
}

/// Who is to copy what the log holds.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Nothing,
    ByTheThread,
    ByTheWriter,
}

fn next(log: &Log) -> Next {
    let rest = log.pages.saturating_sub(log.copied);
    let little = if log.pages >= LOG_PAGES { REST_PAGES } else { REST_PAGES_EARLY };
    match rest {
        _ if log.pages < COPIED_TOGETHER_PAGES => Next::Nothing,
        0 => Next::Nothing,
        _ if rest <= little || log.pages >= LOG_PAGES_MAX => Next::ByTheWriter,
        _ if rest >= COPIED_TOGETHER_PAGES || log.pages >= LOG_PAGES => Next::ByTheThread,
        _ => Next::Nothing,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_writer_copies_little_and_seldom() {
        for (pages, copied, who) in [
            (8191, 0, Next::Nothing),
            (8192, 0, Next::ByTheThread),
            (8300, 8192, Next::Nothing),
            (8208, 8192, Next::ByTheWriter),
            (16_384, 8192, Next::ByTheThread),
            (16_384, 16_384, Next::Nothing),
            (32_768, 32_000, Next::ByTheThread),
            (32_768, 32_512, Next::ByTheWriter),
            (65_536, 40_000, Next::ByTheWriter),
        ] {
            assert_eq!(next(&Log { pages, copied }), who, "{copied} of {pages}");
        }
    }
}
