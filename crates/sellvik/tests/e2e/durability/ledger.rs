//! The ledger as a process left it, read past the service.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

/// A delivery, by its id.
pub(super) type Rows = BTreeMap<String, Row>;

/// What the ledger knows of a delivery.
pub(super) struct Row {
    /// The path of its webhook's URL.
    pub(super) path: String,
    pub(super) event: String,
    pub(super) status: Status,
    /// Attempts whose outcome is on record.
    pub(super) attempts: usize,
    pub(super) redelivery_of: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Open,
    Succeeded,
    /// Dropped, for the reason of this number.
    Dropped(i64),
}

/// What a deleted webhook still has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Drain {
    pub(super) ends_at_ms: i64,
    pub(super) has_secret: bool,
    pub(super) done: bool,
}

pub(super) struct Ledger {
    db: Connection,
    /// The copy's folder, if it is one.
    _copy: Option<TempDir>,
}

impl Ledger {
    /// As it stands; somebody may be writing to it.
    pub(super) fn live(folder: &Path) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        Self { db: Connection::open_with_flags(folder.join("sellvik.db"), flags).unwrap(), _copy: None }
    }

    /// As a process left it. A copy, because opening the very file would tidy it up for the next process.
    pub(super) fn left_in(folder: &Path) -> Self {
        let copy = TempDir::new().unwrap();
        for name in ["sellvik.db", "sellvik.db-wal"] {
            std::fs::copy(folder.join(name), copy.path().join(name)).unwrap();
        }
        Self { db: Connection::open(copy.path().join("sellvik.db")).unwrap(), _copy: Some(copy) }
    }

    /// Every delivery.
    pub(super) fn rows(&self) -> Rows {
        let sql = "SELECT 'del_' || lower(hex(d.id)), w.url, e.id, d.status, d.drop_reason, d.attempts,
                          'del_' || lower(hex(d.redelivery_of)), d.redelivery_of IS NULL
                   FROM deliveries d JOIN webhooks w ON w.seq = d.webhook JOIN events e ON e.seq = d.event";
        let mut statement = self.db.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| {
            let (url, original): (String, bool) = (row.get(1)?, row.get(7)?);
            let status = match row.get(3)? {
                0 | 2 => Status::Open,
                1 => Status::Succeeded,
                _ => Status::Dropped(row.get(4)?),
            };
            let read = Row {
                path: url[url.rfind(':').unwrap()..]
                    .split_once('/')
                    .map(|(_, path)| format!("/{path}"))
                    .unwrap(),
                event: row.get(2)?,
                status,
                attempts: row.get::<_, u32>(5)? as usize,
                redelivery_of: if original { None } else { Some(row.get(6)?) },
            };
            Ok((row.get(0)?, read))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// The deleted webhooks, by their URL.
    pub(super) fn drains(&self) -> BTreeMap<String, Drain> {
        let sql = "SELECT url, drain_ends_at, secret IS NOT NULL, drained FROM webhooks WHERE deleted_at IS NOT NULL";
        let mut statement = self.db.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| {
            Ok((row.get(0)?, Drain { ends_at_ms: row.get(1)?, has_secret: row.get(2)?, done: row.get(3)? }))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// Events that have another number of deliveries than they were accepted with.
    pub(super) fn half_written(&self) -> i64 {
        self.count(
            "SELECT count(*) FROM events e LEFT JOIN (
                 SELECT event, count(*) AS made FROM deliveries WHERE redelivery_of IS NULL GROUP BY event
             ) d ON d.event = e.seq WHERE e.deliveries <> ifnull(d.made, 0)",
        )
    }

    /// Redelivery jobs that have not ended.
    pub(super) fn jobs_under_way(&self) -> i64 {
        self.count("SELECT count(*) FROM redelivery_jobs WHERE finished_at IS NULL")
    }

    /// What is still to be done: deliveries, redelivery jobs and drains.
    pub(super) fn to_be_done(&self) -> i64 {
        self.count(
            "SELECT (SELECT count(*) FROM deliveries WHERE due IS NOT NULL)
                  + (SELECT count(*) FROM redelivery_jobs WHERE finished_at IS NULL)
                  + (SELECT count(*) FROM webhooks WHERE deleted_at IS NOT NULL AND drained = 0)",
        )
    }

    fn count(&self, sql: &str) -> i64 {
        self.db.query_row(sql, [], |row| row.get(0)).unwrap()
    }
}
