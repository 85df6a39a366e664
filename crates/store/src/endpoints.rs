//! What attempts need to know of webhooks, kept at hand and forgotten when it changes.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use sellvik_domain::{Endpoint, Lane, Signer, Standing, Timestamp};

use crate::seal::Sealer;
use crate::{Result, StoreError};

/// Endpoints kept at hand, each a few hundred bytes; beyond that the cache starts anew.
const CACHED_ENDPOINTS_MAX: usize = 150_000;

#[derive(Default)]
pub(crate) struct EndpointCache(Mutex<Known>);

#[derive(Default)]
struct Known {
    endpoints: HashMap<Lane, Arc<Endpoint>, RandomState>,
    /// Rises with every change, so that a load that began before one is not kept.
    changes: u64,
}

impl EndpointCache {
    pub(crate) fn get(&self, lane: Lane) -> Option<Arc<Endpoint>> {
        self.0.lock().endpoints.get(&lane).cloned()
    }

    pub(crate) fn forget(&self, lane: Lane) {
        let mut known = self.0.lock();
        known.changes += 1;
        known.endpoints.remove(&lane);
    }

    /// Nothing that is known can be relied on any more.
    pub(crate) fn forget_all(&self) {
        let mut known = self.0.lock();
        known.changes += 1;
        known.endpoints.clear();
    }

    pub(crate) fn changes(&self) -> u64 {
        self.0.lock().changes
    }

    pub(crate) fn keep(&self, endpoint: &Arc<Endpoint>, as_of: u64) {
        let mut known = self.0.lock();
        if known.changes != as_of {
            return;
        }
        if known.endpoints.len() >= CACHED_ENDPOINTS_MAX {
            known.endpoints.clear();
        }
        known.endpoints.insert(endpoint.lane, endpoint.clone());
    }
}

/// Endpoints of a shop that are read when one of them is asked for: its next event mostly needs another one.
pub(crate) const READ_TOGETHER_MAX: usize = 64;

/// A row whose secrets are still sealed.
pub(crate) struct Sealed {
    pub(crate) endpoint: Endpoint,
    pub(crate) secret: Option<Vec<u8>>,
    pub(crate) replaced: Option<Vec<u8>>,
    pub(crate) active_from: Timestamp,
}

impl Sealed {
    /// With its secrets opened.
    pub(crate) fn unseal(self, sealer: &Sealer) -> Result<Endpoint> {
        let Self { mut endpoint, secret, replaced, active_from } = self;
        let open = |sealed: Vec<u8>| sealer.open(endpoint.webhook, &sealed).map_err(StoreError::unavailable);
        if let Some(newest) = secret.map(open).transpose()? {
            let replaced = replaced.map(open).transpose()?;
            endpoint.signer = Some(Signer::new(&newest, replaced.as_ref(), active_from));
        }
        Ok(endpoint)
    }
}

/// How a webhook stands.
pub(crate) fn standing(enabled: bool, drain_ends: Option<Timestamp>) -> Standing {
    match drain_ends {
        Some(drain_ends) => Standing::Deleted { drain_ends, enabled },
        None if enabled => Standing::Enabled,
        None => Standing::Disabled,
    }
}
