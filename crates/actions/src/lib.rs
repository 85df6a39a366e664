//! What an actor may do: one function per sentence of the contract.
//!
//! Credentials and scopes are checked here, so that every door obeys the same law. A function takes
//! the proof of who asks ([`Admin`], [`Platform`]), reads what was sent into the domain's types with all
//! problems at once, and asks the ledger.

mod access;
mod body;
mod deliveries;
mod error;
mod history;
mod pages;
mod panel;
mod platform;
mod publish;
mod redeliver;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use sellvik_catalog::Catalog;
use sellvik_clock::World;
use sellvik_domain::CursorKey;
use sellvik_egress::Egress;
use sellvik_store::Store;

pub use access::{Admin, Keyring, Platform, PlatformKeys};
pub use deliveries::TestEvent;
pub use error::ActionError;
pub use history::Searched;
pub use pages::Page;
pub use panel::{Merchant, NewSession, PanelLink, Token};
pub use platform::NewKey;
pub use publish::{Accepted, BATCH_EVENTS_MAX, BatchAnswer, EVENT_BODY_BYTES_MAX};
pub use redeliver::Redelivery;
pub use sellvik_catalog::EventType as CatalogEntry;
pub use sellvik_store::{DeliveryDetail, DeliverySearch, Job};
pub use webhooks::{Created, Rotated};

/// Everything an action needs.
pub struct Actions {
    store: Arc<dyn Store>,
    catalog: Arc<Catalog>,
    egress: Arc<Egress>,
    world: World,
    cursors: CursorKey,
    settings: ActionSettings,
}

/// What the actions are told.
pub struct ActionSettings {
    /// Who counts as the platform.
    pub platform_keys: PlatformKeys,
    /// How many webhooks a shop may have.
    pub webhooks_per_shop: u32,
    /// How long a deleted webhook's deliveries go on.
    pub drain_after_delete: Duration,
}

impl Actions {
    /// Puts the parts together.
    pub fn new(
        store: Arc<dyn Store>,
        catalog: Arc<Catalog>,
        egress: Arc<Egress>,
        world: World,
        cursors: CursorKey,
        settings: ActionSettings,
    ) -> Self {
        Self { store, catalog, egress, world, cursors, settings }
    }

    /// Whether the ledger can be read and takes writes.
    pub async fn ledger_is_up(&self) -> bool {
        self.store.ping().await.is_ok()
    }

    /// The world's clock, for whoever shows the time.
    pub fn now(&self) -> sellvik_domain::Timestamp {
        self.world.now()
    }
}
