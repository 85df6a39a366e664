//! Reading what attempts need to know of webhooks.

use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::{Connection, Row};
use sellvik_domain::{Endpoint, Lane, ShopId, WebhookId};

use tokio::sync::oneshot;

use super::readers::Readers;
use super::{Shared, rows};
use crate::endpoints::{READ_TOGETHER_MAX, Sealed, standing};
use crate::{Result, StoreError};

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

/// Reads an endpoint, and keeps what its shop has besides at hand.
fn load(db: &Connection, shared: &Shared, lane: Lane) -> Loaded {
    if let Some(known) = shared.endpoints.get(lane) {
        return Ok(Some(known));
    }
    let as_of = shared.endpoints.changes();
    let one = format!("{ENDPOINT} WHERE w.seq = ?");
    let Some((shop, row)) = rows::one(db, &one, [lane.0], read)? else { return Ok(None) };
    let endpoint = Arc::new(row.unseal(&shared.sealer)?);
    shared.endpoints.keep(&endpoint, as_of);
    let others = format!("{ENDPOINT} WHERE w.shop = ? AND w.deleted_at IS NULL LIMIT {READ_TOGETHER_MAX}");
    for (_, row) in rows::all(db, &others, [shop], read)? {
        // One that cannot be opened is the concern of whoever asks for it.
        if row.endpoint.lane != lane
            && let Ok(other) = row.unseal(&shared.sealer)
        {
            shared.endpoints.keep(&Arc::new(other), as_of);
        }
    }
    Ok(Some(endpoint))
}

/// The columns of [`read`].
const ENDPOINT: &str =
    "SELECT w.id, s.id, s.dev, w.url, w.name, w.secret, w.replaced, w.active_from, w.enabled,
        w.enabled_at, w.drain_ends_at, w.seq, w.shop
 FROM webhooks w JOIN shops s ON s.seq = w.shop";

/// An endpoint and the position of its shop.
fn read(row: &Row<'_>) -> rusqlite::Result<(i64, Sealed)> {
    let enabled = row.get(8)?;
    let endpoint = Endpoint {
        lane: Lane(row.get(11)?),
        webhook: WebhookId::from_bytes(row.get(0)?),
        shop: ShopId::from_bytes(row.get(1)?),
        dev: row.get(2)?,
        url: Arc::new(rows::url(row, 3)?),
        name: rows::name(row, 4)?,
        signer: None,
        standing: standing(enabled, rows::time_or_none(row, 10)?),
        enabled_at: rows::time(row, 9)?,
    };
    let sealed =
        Sealed { endpoint, secret: row.get(5)?, replaced: row.get(6)?, active_from: rows::time(row, 7)? };
    Ok((row.get(12)?, sealed))
}
