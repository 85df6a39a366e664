//! The conformance suite on SQLite.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod cache;
mod damage;
mod file;
mod log;
mod migrating;
mod plans;
mod rows;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;
use sellvik_clock::World;
use tempfile::TempDir;

use super::{SqliteSettings, SqliteStore};
use crate::conformance::fixtures::{Backend, Ledger};
use crate::conformance::suite;
use crate::{EncryptionKey, Store};

/// A folder with a ledger in it.
#[derive(Clone)]
struct Folder(Arc<TempDir>);

impl Folder {
    fn file(&self) -> PathBuf {
        self.0.path().join("ledger.db")
    }

    fn settings(&self) -> SqliteSettings {
        SqliteSettings {
            path: self.file(),
            key: EncryptionKey::new([7; 32]),
            world: World::system(),
            lease: Duration::from_mins(10),
        }
    }

    /// The same file, past the store.
    fn look(&self) -> Connection {
        Connection::open(self.file()).unwrap()
    }

    async fn ledger(&self) -> Ledger {
        Ledger::open(Box::new(self.clone())).await
    }
}

#[async_trait]
impl Backend for Folder {
    async fn open(&self, lease: Duration) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(&SqliteSettings { lease, ..self.settings() }).unwrap())
    }
}

fn open_sqlite() -> Folder {
    Folder(Arc::new(tempfile::tempdir().unwrap()))
}

suite!(open_sqlite);
