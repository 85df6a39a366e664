//! A few read connections, lent out one query at a time.

use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::{Result, StoreError};

#[derive(Clone)]
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        let permits = Arc::new(Semaphore::new(connections.len()));
        Self { idle: Arc::new(Mutex::new(connections)), permits }
    }

    /// Runs a query on a thread that may block.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = self.permits.clone().acquire_owned().await.map_err(StoreError::unavailable)?;
        let idle = self.idle.clone();
        let run = move || {
            let _permit = permit;
            let lent = Lent { db: idle.lock().pop(), home: &idle };
            match &lent.db {
                Some(db) => query(db),
                None => Err(StoreError::unavailable("no read connection")),
            }
        };
        tokio::task::spawn_blocking(run).await.map_err(StoreError::unavailable)?
    }
}

/// Brings its connection back even if the query panics. Drops before the permit that let it out.
struct Lent<'a> {
    db: Option<Connection>,
    home: &'a Mutex<Vec<Connection>>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.home.lock().extend(self.db.take());
    }
}
