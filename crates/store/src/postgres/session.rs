//! Connections, and transactions whose commit is looked up when its answer is lost.

use std::time::Duration;

use deadpool_postgres::{Client, Pool, Transaction};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::{Result, StoreError};

/// How often, and after which pause, a lost commit is asked for: about as long as a failover takes.
const LOOKUPS_MAX: u32 = 50;
const LOOKUP_PAUSE: Duration = Duration::from_millis(200);

/// How long a call may take, looking a lost commit up included: a server that hangs holds no caller for ever.
pub(super) const CALL_MAX: Duration = Duration::from_secs(20);

/// A call that changes something, within [`CALL_MAX`]. What was sent may still take effect after that.
pub(super) async fn within<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(CALL_MAX, work).await.unwrap_or(Err(StoreError::OutcomeUnknown))
}

/// One that only reads.
pub(super) async fn reading<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(CALL_MAX, work).await.unwrap_or_else(|late| Err(StoreError::unavailable(late)))
}

/// What a statement's `$1`, `$2`, … stand for.
pub(super) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// The ledger's connections.
#[derive(Clone)]
pub(super) struct Sessions {
    pool: Pool,
}

impl Sessions {
    pub(super) fn new(pool: Pool) -> Self {
        Self { pool }
    }

    pub(super) fn close(&self) {
        self.pool.close();
    }

    /// A connection; waits for one, and fails where none is to be had in time.
    pub(super) async fn get(&self) -> Result<Client> {
        self.pool.get().await.map_err(StoreError::unavailable)
    }

    /// Everything a query yields.
    pub(super) async fn all(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>> {
        reading(async {
            let db = self.get().await?;
            let statement = db.prepare_cached(sql).await?;
            Ok(db.query(&statement, params).await?)
        })
        .await
    }

    /// The one row a query yields, if any.
    pub(super) async fn one(&self, sql: &str, params: Params<'_>) -> Result<Option<Row>> {
        reading(async {
            let db = self.get().await?;
            let statement = db.prepare_cached(sql).await?;
            Ok(db.query_opt(&statement, params).await?)
        })
        .await
    }

    /// Commits. Where the answer does not come, the next connection is asked what became of it.
    pub(super) async fn commit(&self, tx: Transaction<'_>) -> Result<()> {
        let mark = Mark::of(&tx).await?;
        let Err(error) = tx.commit().await else { return Ok(()) };
        tracing::warn!(error = %error, "the answer to a commit was lost; looking it up");
        for _ in 0..LOOKUPS_MAX {
            match self.became(&mark).await {
                Ok(Fate::Committed) => return Ok(()),
                Ok(Fate::Aborted) => return Err(error.into()),
                Ok(Fate::Unknown) => break,
                // It is still under way, or there is nobody to ask yet.
                Ok(Fate::Open) | Err(_) => tokio::time::sleep(LOOKUP_PAUSE).await,
            }
        }
        Err(StoreError::OutcomeUnknown)
    }

    async fn became(&self, mark: &Mark) -> Result<Fate> {
        let db = self.get().await?;
        let now = db.query_one(TIMELINE, &[]).await?;
        // A server that was promoted since counts its transactions on: the number may be another's by now.
        if now.try_get::<_, String>(0)? != mark.timeline {
            return Ok(Fate::Unknown);
        }
        let status = db.query_one("SELECT pg_xact_status($1::text::xid8)", &[&mark.xid]).await?;
        Ok(match status.try_get::<_, Option<String>>(0)?.as_deref() {
            Some("committed") => Fate::Committed,
            Some("aborted") => Fate::Aborted,
            Some(_) => Fate::Open,
            None => Fate::Unknown,
        })
    }
}

/// Which transaction it is, and in which history of the server: the timeline changes when a standby takes over.
struct Mark {
    xid: String,
    timeline: String,
}

const TIMELINE: &str = "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)";

impl Mark {
    async fn of(tx: &Transaction<'_>) -> Result<Self> {
        let sql = "SELECT pg_current_xact_id()::text, left(pg_walfile_name(pg_current_wal_lsn()), 8)";
        let row = tx.query_one(&tx.prepare_cached(sql).await?, &[]).await?;
        Ok(Self { xid: row.try_get(0)?, timeline: row.try_get(1)? })
    }
}

enum Fate {
    Committed,
    Aborted,
    /// It has not ended yet.
    Open,
    /// The server cannot tell.
    Unknown,
}
