//! A look at the file before anything is written to it: whether it is ours, whole, and of our time.
//!
//! Through a connection that cannot write, because closing one that can would copy the log into a file
//! that somebody may still want to rescue.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _};
use sellvik_domain::Timestamp;

use super::schema::{APPLICATION_ID, migrations};
use super::wal;
use crate::OpenError;

/// Ledgers up to this size are read through whenever they are opened, which takes well under a second. In a
/// larger one damage shows when it is met: what needs the damaged page is answered with `unavailable`.
const READ_THROUGH_BYTES_MAX: u64 = 256 << 20;

/// Refuses a damaged, foreign or newer file, which is left as it is. One that is missing or empty is new.
pub(super) fn inspect(path: &Path) -> Result<(), OpenError> {
    let Some(db) = look(path)? else { return Ok(()) };
    if wal::has_a_hole(path).map_err(|source| OpenError::Io { path: path.to_owned(), source })? {
        return Err(damaged(path, "its write-ahead log has a hole"));
    }
    if std::fs::metadata(path).is_ok_and(|file| file.len() <= READ_THROUGH_BYTES_MAX) {
        read_through(path, &db)?;
    }
    let applied = history(path, &db)?;
    let secrets = || -> rusqlite::Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM webhooks WHERE secret IS NOT NULL)";
        db.query_row(sql, [], |row| row.get(0))
    };
    // The key is checked right after the first migration; until then there is nothing that needs one.
    if applied && key_check(path, &db)?.is_none() && secrets().map_err(|error| because(path, error))? {
        return Err(damaged(path, "it holds secrets, but not what tells their key"));
    }
    Ok(())
}

/// What tells the key that this file's secrets are sealed with; none if nothing was sealed yet.
pub(super) fn sealed_with(path: &Path) -> Result<Option<[u8; 32]>, OpenError> {
    let Some(db) = look(path)? else { return Ok(None) };
    let has_meta = "SELECT 1 FROM sqlite_schema WHERE name = 'meta'";
    let has_meta: Option<i64> =
        db.query_row(has_meta, [], |row| row.get(0)).optional().map_err(|error| because(path, error))?;
    if has_meta.is_some() { key_check(path, &db) } else { Ok(None) }
}

pub(super) fn key_check(path: &Path, db: &Connection) -> Result<Option<[u8; 32]>, OpenError> {
    let sql = "SELECT value FROM meta WHERE key = 'key_check'";
    db.query_row(sql, [], |row| row.get(0)).optional().map_err(|error| because(path, error))
}

/// A connection for looking only, if there is anything to look at.
fn look(path: &Path) -> Result<Option<Connection>, OpenError> {
    if !std::fs::metadata(path).is_ok_and(|file| file.len() > 0) {
        return Ok(None);
    }
    let because = |error| because(path, error);
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(because)?;
    let number = |sql| db.query_row(sql, [], |row| row.get::<_, i32>(0)).map_err(because);
    if number("SELECT count(*) FROM sqlite_schema")? > 0 && number("PRAGMA application_id")? != APPLICATION_ID
    {
        return Err(OpenError::NotALedger(path.to_owned()));
    }
    Ok(Some(db))
}

/// Every page of every table and index.
fn read_through(path: &Path, db: &Connection) -> Result<(), OpenError> {
    let found: String =
        db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(|error| because(path, error))?;
    if found == "ok" { Ok(()) } else { Err(damaged(path, found.replace('\n', " "))) }
}

/// Compares the migrations that were run with those we know; whether any was.
fn history(path: &Path, db: &Connection) -> Result<bool, OpenError> {
    let because = |error| because(path, error);
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name <> 'refinery_schema_history'";
    let has_tables = db.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(because)? > 0;
    let sql = "SELECT 1 FROM sqlite_schema WHERE name = 'refinery_schema_history'";
    let has_history: Option<i64> = db.query_row(sql, [], |row| row.get(0)).optional().map_err(because)?;
    let applied = if has_history.is_some() { applied(db).map_err(because)? } else { Vec::new() };
    let runner = migrations::runner();
    let known: BTreeMap<i64, _> =
        runner.get_migrations().iter().map(|known| (i64::from(known.version()), known)).collect();
    let newest = known.keys().last().copied().unwrap_or(0);
    if let Some(found) = applied.iter().map(|(version, ..)| *version).find(|version| *version > newest) {
        return Err(OpenError::Newer { path: path.to_owned(), found, known: newest });
    }
    for (place, (version, name, checksum)) in (1..).zip(&applied) {
        let is_ours = known.get(version).is_some_and(|known| {
            known.name() == name && checksum.parse() == Ok(known.checksum()) && *version == place
        });
        if !is_ours {
            return Err(damaged(path, format!("its schema's history names an unknown migration {version}")));
        }
    }
    if has_tables && applied.is_empty() {
        return Err(damaged(path, "its schema has no history"));
    }
    Ok(!applied.is_empty())
}

/// Version, name and checksum of each migration that was run, in order. What is read here, refinery
/// reads again without asking whether it is sound.
fn applied(db: &Connection) -> rusqlite::Result<Vec<(i64, String, String)>> {
    let sql = "SELECT version, name, checksum, applied_on FROM refinery_schema_history ORDER BY version";
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        let applied_on: String = row.get(3)?;
        if Timestamp::parse(&applied_on).is_none() {
            return Err(rusqlite::Error::InvalidColumnName("applied_on".to_owned()));
        }
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    rows.collect()
}

fn damaged(path: &Path, what: impl Into<String>) -> OpenError {
    OpenError::Damaged { path: path.to_owned(), what: what.into() }
}

/// What an error says of the file: that it cannot be reached now is no damage.
pub(super) fn because(path: &Path, error: rusqlite::Error) -> OpenError {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::DiskFull
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::OutOfMemory,
        ) => OpenError::Sqlite(error),
        _ => damaged(path, error.to_string()),
    }
}
