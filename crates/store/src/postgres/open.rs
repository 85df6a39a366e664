//! Opening the ledger in a PostgreSQL database: connections, migrations, key.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use parking_lot::Mutex;
use sellvik_clock::World;
use tokio::task::JoinSet;

use super::address::PostgresAddress;
use super::ledger::{Ledger, RoutesCache};
use super::partitions::Partitions;
use super::publisher::Publisher;
use super::session::Sessions;
use super::throttle::Refused;
use super::{PostgresStore, listen};
use crate::endpoints::EndpointCache;
use crate::error::chain;
use crate::seal::Sealer;
use crate::{EncryptionKey, OpenError};

mod embedded {
    refinery::embed_migrations!("migrations/postgres");
}

/// How a ledger in PostgreSQL is opened.
#[derive(Clone)]
pub struct PostgresSettings {
    /// Where it is, as `postgres://…` or in libpq's words; several hosts are tried in turn. Its tables are in
    /// the first schema of the search path.
    pub address: PostgresAddress,
    /// What webhook secrets are sealed with: the same at every node.
    pub key: EncryptionKey,
    /// The time, for the days that are made ahead, and chance, for nonces.
    pub world: World,
    /// How long a lease lasts unless it is renewed.
    pub lease: Duration,
}

/// The oldest PostgreSQL that statements are tested with.
const OLDEST_SERVER: u32 = 15;

/// Connections to a node: what its commits, claims and pages use side by side. The server's default allows a
/// hundred in all.
const CONNECTIONS_MAX: usize = 16;

/// How long a call waits for a connection before it is answered that the ledger is unavailable.
const CONNECTION_WAIT: Duration = Duration::from_secs(5);

impl PostgresStore {
    /// Opens the ledger, making its tables if there are none.
    pub async fn open(settings: &PostgresSettings) -> Result<Self, OpenError> {
        let pool = pool(&settings.address)?;
        let sessions = Sessions::new(pool.clone());
        let mut db = Object::take(pool.get().await.map_err(unreachable)?);
        let version: String = db.query_one("SHOW server_version_num", &[]).await?.try_get(0)?;
        if version.parse::<u32>().is_ok_and(|version| version < OLDEST_SERVER * 10_000) {
            return Err(OpenError::OldServer { oldest: OLDEST_SERVER });
        }
        // On a connection that is closed afterwards: the lock goes with it, whatever happens.
        db.execute(
            "SELECT pg_advisory_lock(hashtext('sellvik migrations'), hashtext(current_schema()))",
            &[],
        )
        .await?;
        migrate(&mut db).await?;
        check_key(&db, &settings.key).await?;
        let own = "SELECT nextval('nodes')::integer, 'sellvik_' || current_schema()";
        let own = db.query_one(own, &[]).await?;
        let sealer = Sealer::new(&settings.key, settings.world.clone()).map_err(|_| OpenError::WrongKey)?;
        let ledger = Arc::new(Ledger {
            sessions,
            sealer,
            endpoints: EndpointCache::default(),
            routes: RoutesCache::default(),
            partitions: Partitions::default(),
            refused: Refused::default(),
            intake: OnceLock::new(),
            world: settings.world.clone(),
            overflow: Arc::default(),
            channel: own.try_get(1)?,
            node: own.try_get(0)?,
            lease: settings.lease,
        });
        let publisher = Publisher::start(&ledger);
        let mut talk = JoinSet::new();
        talk.spawn(listen::listen(ledger.clone(), settings.address.clone()));
        talk.spawn(listen::tell_of_waiting(ledger.clone()));
        Ok(Self { ledger, publisher, talk: Mutex::new(talk) })
    }
}

/// Brings the schema up to date, unless a newer version has done so that still lets this one serve: then it is
/// being rolled out.
async fn migrate(db: &mut tokio_postgres::Client) -> Result<(), OpenError> {
    let runner = embedded::migrations::runner();
    let known = runner.get_migrations().iter().map(refinery::Migration::version).max().unwrap_or_default();
    // A new database has no history to ask.
    let applied = runner.get_last_applied_migration_async(db).await.ok().flatten();
    let found = applied.map_or(0, |last| last.version());
    if found <= known {
        runner.run_async(db).await?;
        return Ok(());
    }
    let sql = "SELECT convert_from(value, 'UTF8')::bigint FROM meta WHERE key = 'served_from'";
    let served_from: i64 = db.query_one(sql, &[]).await?.try_get(0)?;
    let (known, found) = (i64::from(known), i64::from(found));
    if known < served_from {
        return Err(OpenError::NewerDatabase { found, known });
    }
    tracing::info!(found, known, "the database is a newer sellvik's, which lets this one serve");
    Ok(())
}

/// What is said of a server that cannot be used.
fn unreachable(error: PoolError) -> OpenError {
    let error: Box<dyn std::error::Error + Send + Sync> = match error {
        PoolError::Backend(error) => Box::new(error),
        error => Box::new(error),
    };
    // tokio-postgres has no kind for it.
    if chain(&*error).contains("server does not support TLS") {
        return OpenError::NoTls;
    }
    OpenError::Unreachable(error)
}

fn pool(address: &PostgresAddress) -> Result<Pool, OpenError> {
    let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = match address.tls() {
        Some(tls) => Manager::from_config(address.config().clone(), tls, config),
        None => Manager::from_config(address.config().clone(), tokio_postgres::NoTls, config),
    };
    Pool::builder(manager)
        .max_size(CONNECTIONS_MAX)
        .wait_timeout(Some(CONNECTION_WAIT))
        .create_timeout(Some(CONNECTION_WAIT))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| OpenError::Unreachable(Box::new(error)))
}

/// The first node to come leaves what tells its key; the others must have the same one.
async fn check_key(db: &tokio_postgres::Client, key: &EncryptionKey) -> Result<(), OpenError> {
    let own = key.check_value();
    let sql = "INSERT INTO meta (key, value) VALUES ('key_check', $1) ON CONFLICT DO NOTHING";
    db.execute(sql, &[&own.as_slice()]).await?;
    let known = db.query_one("SELECT value FROM meta WHERE key = 'key_check'", &[]).await?;
    if known.try_get::<_, &[u8]>(0)? == own { Ok(()) } else { Err(OpenError::WrongKey) }
}
