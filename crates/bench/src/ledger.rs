//! What the service under measurement keeps its ledger in: a file, or a PostgreSQL server of the site's own, so
//! that the kernel tells what that costs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sellvik_testkit::Postgres;

use crate::accounting;

/// As on a server that is this service's alone: everything durable, checkpoints as far apart as they are meant.
pub(crate) const POSTGRES_OPTIONS: &str = "-c shared_buffers=2GB -c max_wal_size=8GB";

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    /// Where `--write` writes to, from the repository's root.
    pub(crate) fn document(self) -> &'static str {
        match self {
            Self::Sqlite => "docs/BENCHMARKS.md",
            Self::Postgres => "docs/BENCHMARKS-POSTGRESQL.md",
        }
    }
}

pub(crate) enum Ledger {
    Sqlite(PathBuf),
    Postgres(Box<Postgres>, String),
}

impl Ledger {
    /// A new one.
    pub(crate) fn open(kind: Kind, folder: &Path) -> Self {
        match kind {
            Kind::Sqlite => Self::Sqlite(folder.join("sellvik.db")),
            Kind::Postgres => {
                let server = Postgres::start(POSTGRES_OPTIONS);
                let address = server.schema();
                Self::Postgres(Box::new(server), address)
            }
        }
    }

    /// As the service is told.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(file) => format!("sqlite://{}", file.display()),
            Self::Postgres(_, address) => address.clone(),
        }
    }

    /// Deliveries that have not succeeded; the service must be stopped.
    pub(crate) fn not_succeeded(&self) -> anyhow::Result<i64> {
        match self {
            Self::Sqlite(file) => {
                let sql = "SELECT count(*) FROM deliveries WHERE status <> 1";
                Ok(rusqlite::Connection::open(file)?.query_row(sql, [], |row| row.get(0))?)
            }
            Self::Postgres(server, address) => {
                let sql = "SELECT (SELECT count(*) FROM queue)
                                + (SELECT count(*) FROM history WHERE status <> 1)";
                Ok(server.ask(address, sql).parse()?)
            }
        }
    }

    /// Processor time of its own processes so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        match self {
            Self::Sqlite(_) => Ok(Duration::ZERO),
            Self::Postgres(server, _) => accounting::cpu_of_family(server.pid()),
        }
    }
}
