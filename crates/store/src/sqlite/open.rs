//! Opening the file: lock, integrity, key, migrations.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use sellvik_clock::World;

use super::checkpoint::{Checkpointer, FILE_BYTES_MAX};
use super::endpoints::Wanted;
use super::inspect::{because, inspect, key_check, sealed_with};
use super::leases::Leases;
use super::readers::Readers;
use super::schema::{APPLICATION_ID, migrations};
use super::writer::Writer;
use super::{Shared, SqliteStore};
use crate::endpoints::EndpointCache;
use crate::seal::Sealer;
use crate::throttle::Throttle;
use crate::{EncryptionKey, OpenError};

/// How the embedded ledger is opened.
#[derive(Clone)]
pub struct SqliteSettings {
    /// The database file; its folder is made if missing.
    pub path: PathBuf,
    /// What webhook secrets are sealed with.
    pub key: EncryptionKey,
    /// Chance, for nonces.
    pub world: World,
    /// How long a lease lasts unless it is renewed.
    pub lease: Duration,
}

/// Read connections: enough that a slow page does not hold up the next one.
const READERS: usize = 4;

/// How long a reader waits for a lock before it gives up; the writer never blocks readers in WAL mode.
const BUSY_MS: u64 = 5000;

/// Statements kept prepared per connection: more than there are.
const STATEMENTS_MAX: usize = 128;

impl SqliteStore {
    /// Opens the ledger, making it if there is none.
    pub fn open(settings: &SqliteSettings) -> Result<Self, OpenError> {
        let path = &settings.path;
        let lock = lock_folder(path)?;
        inspect(path)?;
        let mut db = connect(path)?;
        // First of all writes, so that a crash among the migrations leaves a file that is known as ours.
        db.pragma_update(None, "application_id", APPLICATION_ID)?;
        migrate(path, &mut db)?;
        check_key(path, &db, &settings.key)?;

        let readers = (0..READERS).map(|_| connect_reader(path)).collect::<Result<_, _>>()?;
        let sealer = Sealer::new(&settings.key, settings.world.clone()).map_err(|_| OpenError::WrongKey)?;
        let shared = Arc::new(Shared {
            sealer,
            endpoints: EndpointCache::default(),
            wanted: Wanted::default(),
            lease: settings.lease,
            leases: Mutex::new(Leases::new(u32::from_be_bytes(settings.world.random()))),
            started: Instant::now(),
            purge_position: AtomicI64::new(0),
            lock: Mutex::new(Some(lock)),
        });
        let io = |source| OpenError::Io { path: path.clone(), source };
        let checkpointer = Checkpointer::start(connect(path)?).map_err(io)?;
        let writer = Writer::start(db, checkpointer, shared.clone()).map_err(io)?;
        Ok(Self { shared, writer, readers: Readers::new(readers), throttle: Throttle::default() })
    }
}

/// Brings the schema up to date. A ledger of millions of deliveries takes its time, so it says what it does.
fn migrate(path: &Path, db: &mut Connection) -> Result<(), OpenError> {
    let runner = migrations::runner();
    let newest = runner.get_migrations().iter().map(refinery::Migration::version).max();
    // A new file has no history to ask.
    let applied = runner.get_last_applied_migration(db).ok().flatten().map(|last| last.version());
    let behind = applied.is_some() && applied < newest;
    if behind {
        tracing::info!(ledger = %path.display(), "bringing the ledger up to date; a large one takes minutes");
    }
    runner.run(db)?;
    if behind {
        tracing::info!("the ledger is up to date");
    }
    Ok(())
}

/// Whether a ledger stands there that was made with an encryption key: then no new key may be made.
pub fn holds_secrets(path: &Path) -> Result<bool, OpenError> {
    Ok(sealed_with(path)?.is_some())
}

fn lock_folder(path: &Path) -> Result<std::fs::File, OpenError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let io = |source| OpenError::Io { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(io)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    let file = std::fs::File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(folder.join(name))
        .map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::InUse(folder.to_owned())),
        Err(std::fs::TryLockError::Error(source)) => Err(io(source)),
    }
}

fn connect(path: &Path) -> Result<Connection, OpenError> {
    let because = |error| because(path, error);
    let db = Connection::open(path).map_err(because)?;
    db.busy_timeout(Duration::from_millis(BUSY_MS))?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // Plans do not depend on what is bound: without this, statements that meet a partial index are planned
    // anew whenever their values change.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // 202 means on disk: every commit is synced before anyone hears of it.
    db.pragma_update(None, "journal_mode", "WAL").map_err(because)?;
    db.pragma_update(None, "synchronous", "FULL")?;
    // 16 MiB. A commit may walk through all of it, so more costs as much as it saves.
    db.pragma_update(None, "cache_size", -16_384)?;
    // Not by whoever happens to commit: see `checkpoint`.
    db.pragma_update(None, "wal_autocheckpoint", 0)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.pragma_update(None, "journal_size_limit", FILE_BYTES_MAX)?;
    // Erased secrets and removed bodies leave nothing behind in free pages.
    db.pragma_update(None, "secure_delete", "FAST")?;
    Ok(db)
}

fn connect_reader(path: &Path) -> Result<Connection, OpenError> {
    let db = connect(path)?;
    db.pragma_update(None, "query_only", true)?;
    db.pragma_update(None, "cache_size", -4096)?;
    Ok(db)
}

fn check_key(path: &Path, db: &Connection, key: &EncryptionKey) -> Result<(), OpenError> {
    match key_check(path, db)? {
        Some(known) if known == key.check_value() => Ok(()),
        Some(_) => Err(OpenError::WrongKey),
        None => {
            db.execute("INSERT INTO meta (key, value) VALUES ('key_check', ?)", [key.check_value()])?;
            Ok(())
        }
    }
}
