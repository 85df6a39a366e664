//! Opening the ledger in a PostgreSQL database: connections, migrations, key.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use parking_lot::Mutex;
use sellvik_clock::World;
use tokio::task::JoinSet;
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::ledger::{Ledger, RoutesCache};
use super::partitions::Partitions;
use super::publisher::Publisher;
use super::session::Sessions;
use super::throttle::Refused;
use super::{PostgresStore, listen};
use crate::endpoints::EndpointCache;
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

/// Where a PostgreSQL database is. Holds its password, so it is never printed.
#[derive(Clone)]
pub struct PostgresAddress {
    config: Arc<Config>,
    tls: Option<Arc<rustls::ClientConfig>>,
}

impl PartialEq for PostgresAddress {
    fn eq(&self, other: &Self) -> bool {
        self.config == other.config
    }
}

impl Eq for PostgresAddress {}

impl std::fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PostgresAddress(redacted)")
    }
}

/// Connections to a node: what its commits, claims and pages use side by side. The server's default allows a
/// hundred in all.
const CONNECTIONS_MAX: usize = 16;

/// How long a call waits for a connection before it is answered that the ledger is unavailable.
const CONNECTION_WAIT: Duration = Duration::from_secs(5);

/// How long a server may take to let us in.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// What every session begins with. Each statement here goes by an index, whatever the statistics of a table that
/// was empty a moment ago say; plans are kept, because they do not depend on what is bound; a commit is on disk,
/// whatever the server's own default.
const SESSION: &str = "-c enable_seqscan=off -c enable_bitmapscan=off -c jit=off \
     -c plan_cache_mode=force_generic_plan -c synchronous_commit=on -c default_transaction_isolation=read\\ committed \
     -c idle_in_transaction_session_timeout=30s -c application_name=sellvik";

impl PostgresAddress {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it; never the address itself.
    pub fn parse(url: &str) -> Result<Self, String> {
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
        })?;
        let options = config.get_options().map_or_else(String::new, |own| format!("{own} "));
        config.options(format!("{options}{SESSION}"));
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        Ok(Self { config: Arc::new(config), tls: None })
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn tls(&self) -> Option<MakeRustlsConnect> {
        self.tls.as_ref().map(|tls| MakeRustlsConnect::new((**tls).clone()))
    }
}

impl PostgresStore {
    /// Opens the ledger, making its tables if there are none.
    pub async fn open(settings: &PostgresSettings) -> Result<Self, OpenError> {
        let pool = pool(&settings.address)?;
        let sessions = Sessions::new(pool.clone());
        let unreachable = |error| match error {
            PoolError::Backend(error) => OpenError::Unreachable(Box::new(error)),
            error => OpenError::Unreachable(Box::new(error)),
        };
        let mut db = Object::take(pool.get().await.map_err(unreachable)?);
        // On a connection that is closed afterwards: the lock goes with it, whatever happens.
        db.execute(
            "SELECT pg_advisory_lock(hashtext('sellvik migrations'), hashtext(current_schema()))",
            &[],
        )
        .await?;
        embedded::migrations::runner().run_async(&mut *db).await?;
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

fn pool(address: &PostgresAddress) -> Result<Pool, OpenError> {
    let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = match address.tls() {
        Some(tls) => Manager::from_config((*address.config).clone(), tls, config),
        None => Manager::from_config((*address.config).clone(), tokio_postgres::NoTls, config),
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
