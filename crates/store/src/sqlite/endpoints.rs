//! What attempts need to know of webhooks, kept at hand and forgotten when it changes.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::{Connection, Row};
use sellvik_domain::{Endpoint, Lane, ShopId, Signer, Standing, Timestamp, WebhookId};

use tokio::sync::oneshot;

use super::readers::Readers;
use super::{Shared, rows};
use crate::seal::Sealer;
use crate::{Result, StoreError};

/// Endpoints kept at hand, each a few hundred bytes; beyond that the cache starts anew.
const CACHED_ENDPOINTS_MAX: usize = 50_000;

#[derive(Default)]
pub(super) struct EndpointCache(Mutex<Known>);

#[derive(Default)]
struct Known {
    endpoints: HashMap<Lane, Arc<Endpoint>>,
    /// Rises with every change, so that a load that began before one is not kept.
    changes: u64,
}

impl EndpointCache {
    pub(super) fn get(&self, lane: Lane) -> Option<Arc<Endpoint>> {
        self.0.lock().endpoints.get(&lane).cloned()
    }

    pub(super) fn forget(&self, lane: Lane) {
        let mut known = self.0.lock();
        known.changes += 1;
        known.endpoints.remove(&lane);
    }

    pub(super) fn changes(&self) -> u64 {
        self.0.lock().changes
    }

    pub(super) fn keep(&self, endpoint: &Arc<Endpoint>, as_of: u64) {
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

/// Endpoints that attempts wait for: read many at a time, because each read of its own would cost a change of
/// threads, there and back.
#[derive(Default)]
pub(super) struct Wanted(Mutex<Vec<(Lane, oneshot::Sender<Loaded>)>>);

type Loaded = Result<Option<Arc<Endpoint>>>;

impl Wanted {
    /// Asks for an endpoint. Also says whether nobody else waits yet: then [`Wanted::read`] is to be run.
    fn ask(&self, lane: Lane) -> (oneshot::Receiver<Loaded>, bool) {
        let (reply, answer) = oneshot::channel();
        let mut wanted = self.0.lock();
        wanted.push((lane, reply));
        (answer, wanted.len() == 1)
    }

    /// What everyone who has asked so far is to be answered.
    fn read(&self, db: &Connection, shared: &Shared) -> Vec<Answer> {
        let wanted = std::mem::take(&mut *self.0.lock());
        wanted.into_iter().map(|(lane, reply)| Answer { loaded: load(db, shared, lane), reply }).collect()
    }

    /// Nobody is going to answer: everyone who waits is told so.
    fn give_up(&self) {
        self.0.lock().clear();
    }
}

struct Answer {
    loaded: Loaded,
    reply: oneshot::Sender<Loaded>,
}

impl Answer {
    fn send(self) {
        // Whoever asked may have gone away.
        let _ = self.reply.send(self.loaded);
    }
}

/// A lane's endpoint, from memory or read together with others that are asked for.
pub(super) async fn get(shared: &Arc<Shared>, readers: &Readers, lane: Lane) -> Loaded {
    if let Some(known) = shared.endpoints.get(lane) {
        return Ok(Some(known));
    }
    let (answer, first) = shared.wanted.ask(lane);
    if first {
        let (readers, shared) = (readers.clone(), shared.clone());
        // A task of its own, because others wait for it too.
        tokio::spawn(async move {
            let reading = shared.clone();
            let read = readers.read(move |db| Ok(reading.wanted.read(db, &reading))).await;
            if read.is_err() {
                shared.wanted.give_up();
            }
            // Once answered, nobody holds the ledger any more.
            drop((shared, readers));
            read.into_iter().flatten().for_each(Answer::send);
        });
    }
    answer.await.map_err(StoreError::unavailable)?
}

fn load(db: &Connection, shared: &Shared, lane: Lane) -> Result<Option<Arc<Endpoint>>> {
    let as_of = shared.endpoints.changes();
    let sql = "SELECT w.id, s.id, s.dev, w.url, w.name, w.secret, w.replaced, w.active_from, w.enabled,
                      w.enabled_at, w.drain_ends_at
               FROM webhooks w JOIN shops s ON s.seq = w.shop WHERE w.seq = ?";
    let Some(row) = rows::one(db, sql, [lane.0], |row| read(row, lane))? else { return Ok(None) };
    let endpoint = Arc::new(row.unseal(&shared.sealer)?);
    shared.endpoints.keep(&endpoint, as_of);
    Ok(Some(endpoint))
}

/// A row whose secrets are still sealed.
struct Sealed {
    endpoint: Endpoint,
    secret: Option<Vec<u8>>,
    replaced: Option<Vec<u8>>,
    active_from: Timestamp,
}

fn read(row: &Row<'_>, lane: Lane) -> rusqlite::Result<Sealed> {
    let enabled = row.get(8)?;
    let standing = match rows::time_or_none(row, 10)? {
        Some(drain_ends) => Standing::Deleted { drain_ends, enabled },
        None if enabled => Standing::Enabled,
        None => Standing::Disabled,
    };
    let endpoint = Endpoint {
        lane,
        webhook: WebhookId::from_bytes(row.get(0)?),
        shop: ShopId::from_bytes(row.get(1)?),
        dev: row.get(2)?,
        url: Arc::new(rows::url(row, 3)?),
        name: rows::name(row, 4)?,
        signer: None,
        standing,
        enabled_at: rows::time(row, 9)?,
    };
    Ok(Sealed { endpoint, secret: row.get(5)?, replaced: row.get(6)?, active_from: rows::time(row, 7)? })
}

impl Sealed {
    fn unseal(self, sealer: &Sealer) -> Result<Endpoint> {
        let Self { mut endpoint, secret, replaced, active_from } = self;
        let open = |sealed: Vec<u8>| sealer.open(endpoint.webhook, &sealed).map_err(StoreError::unavailable);
        if let Some(newest) = secret.map(open).transpose()? {
            let replaced = replaced.map(open).transpose()?;
            endpoint.signer = Some(Signer::new(&newest, replaced.as_ref(), active_from));
        }
        Ok(endpoint)
    }
}
