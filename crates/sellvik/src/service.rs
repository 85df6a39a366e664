//! The service as one thing: put together, started, stopped.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sellvik_actions::{ActionSettings, Actions, PlatformKeys};
use sellvik_api::ApiParts;
use sellvik_catalog::Catalog;
use sellvik_clock::World;
use sellvik_dispatch::{Dispatch, DispatchSettings};
use sellvik_domain::{AddressPolicy, CursorKey};
use sellvik_egress::{Egress, EgressSettings};
use sellvik_panel::{Front, PanelParts};
use sellvik_store::postgres::{PostgresSettings, PostgresStore};
use sellvik_store::sqlite::{SqliteSettings, SqliteStore};
use sellvik_store::{EncryptionKey, Store};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::doors::Doors;
use crate::error::StartError;
use crate::settings::{Database, PlatformKey, Settings};
use crate::{dev, keys, listener};

/// How long a lease lasts unless it is renewed: what a node held that died is taken over this long after, and a
/// look at leases later, so within half a minute.
const LEASE: Duration = Duration::from_secs(20);

/// What a shutdown grants attempts beyond their own timeout, to be settled.
const SETTLE_GRACE: Duration = Duration::from_millis(1500);

/// A running service.
pub struct Service {
    address: SocketAddr,
    platform_key: PlatformKey,
    welcome: Option<String>,
    stop: CancellationToken,
    listening: JoinHandle<()>,
    dispatch: Arc<Dispatch>,
    store: Arc<dyn Store>,
}

impl Service {
    /// Starts everything; once this returns, requests are answered and deliveries made.
    pub async fn start(settings: Settings, world: World) -> Result<Self, StartError> {
        if let Database::Sqlite(path) = &settings.database {
            keys::refuse_an_emptied(path)?;
        }
        let key = keys::encryption_key(&settings, &world)?;
        let store = open(&settings.database, &key, &world).await?;
        let platform_keys = keys::platform_keys(&settings, &world)?;
        let platform_key = platform_keys.first().cloned().ok_or(StartError::PlatformKey)?;
        let known = PlatformKeys::new(platform_keys.iter().map(PlatformKey::reveal));

        let egress = Arc::new(Egress::new(egress_settings(&settings)?)?);
        let catalog = Arc::new(match &settings.catalog_dir {
            Some(folder) => Catalog::with_folder(folder)?,
            None => Catalog::built_in()?,
        });
        let actions = Arc::new(Actions::new(
            store.clone(),
            catalog,
            egress.clone(),
            world.clone(),
            CursorKey::derive(key.reveal()),
            ActionSettings {
                platform_keys: known.ok_or(StartError::PlatformKey)?,
                webhooks_per_shop: settings.webhooks_per_shop,
                drain_after_delete: settings.drain_after_delete,
            },
        ));
        let listen_error = |source| StartError::Listen { address: settings.listen, source };
        let listener = listener::bind(settings.listen).map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;

        let grace = settings.delivery_timeout + SETTLE_GRACE;
        let dispatch = Arc::new(Dispatch::start(
            store.clone(),
            egress,
            world.clone(),
            DispatchSettings {
                schedule: settings.retry_schedule.clone(),
                retention: settings.retention,
                grace,
            },
        ));
        let alive = dispatch.clone();
        let public_url = settings.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
        let parts = ApiParts {
            actions: actions.clone(),
            dispatch_is_alive: Arc::new(move || alive.is_alive()),
            public_url: public_url.clone(),
        };
        let mut api = sellvik_api::router(parts);
        let mut welcome = None;
        if settings.dev {
            let shop = dev::Shop::open(&actions, platform_key.reveal()).await?;
            welcome = Some(shop.welcome(&actions, address, &public_url, platform_key.reveal()).await?);
            api = crate::dev_receiver::routes(store.clone(), shop.id(), world).fallback_service(api);
        }
        let front = Front { origin: public_url, frame_ancestors: settings.frame_ancestors.clone() };
        let panel = sellvik_panel::router(PanelParts { actions, front: Arc::new(front) });
        let stop = CancellationToken::new();
        let listening = tokio::spawn(listener::serve(listener, Doors { api, panel }, stop.clone(), grace));
        tracing::info!(address = %address, "listening");
        Ok(Self { address, platform_key, welcome, stop, listening, dispatch, store })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A platform key that it takes.
    pub fn platform_key(&self) -> &str {
        self.platform_key.reveal()
    }

    /// What to try next, in dev mode. Holds keys: for standard output, never for a log.
    pub fn welcome(&self) -> Option<&str> {
        self.welcome.as_deref()
    }

    /// Takes no more, finishes what is in flight, settles, and frees the data folder.
    pub async fn shutdown(self) {
        self.stop.cancel();
        // Side by side: what the last requests publish waits in the ledger for the next start.
        let (_, ()) = tokio::join!(self.listening, self.dispatch.shutdown());
        self.store.close().await;
    }
}

async fn open(database: &Database, key: &EncryptionKey, world: &World) -> Result<Arc<dyn Store>, StartError> {
    let (key, world) = (key.clone(), world.clone());
    Ok(match database {
        Database::Sqlite(path) => {
            Arc::new(SqliteStore::open(&SqliteSettings { path: path.clone(), key, world, lease: LEASE })?)
        }
        Database::Postgres(address) => {
            let settings = PostgresSettings { address: address.clone(), key, world, lease: LEASE };
            Arc::new(PostgresStore::open(&settings).await?)
        }
    })
}

fn egress_settings(settings: &Settings) -> Result<EgressSettings, StartError> {
    let extra_ca_pem = match &settings.endpoint_ca {
        None => None,
        Some(path) => {
            let io = |source| StartError::Io { path: path.clone(), source };
            Some(std::fs::read(path).map_err(io)?)
        }
    };
    Ok(EgressSettings {
        policy: AddressPolicy::new(settings.endpoint_allow.clone()),
        timeout: settings.delivery_timeout,
        extra_ca_pem,
        dns: settings.endpoint_dns,
    })
}
