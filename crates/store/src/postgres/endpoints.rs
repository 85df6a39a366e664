//! Reading what attempts need to know of webhooks.

use std::sync::Arc;

use sellvik_domain::{Endpoint, Lane, ShopId, WebhookId};
use tokio_postgres::Row;

use super::ledger::Ledger;
use super::rows;
use crate::Result;
use crate::endpoints::{READ_TOGETHER_MAX, Sealed, standing};

/// A lane's endpoint, and others of its shop.
fn sql() -> String {
    format!(
        "SELECT w.seq, w.id, s.id, s.dev, w.url, w.name, w.secret, w.replaced, w.active_from, w.enabled,
                w.enabled_at, w.drain_ends_at
         FROM (SELECT * FROM webhooks WHERE seq = $1
               UNION ALL
               (SELECT * FROM webhooks WHERE shop = (SELECT shop FROM webhooks WHERE seq = $1)
                AND deleted_at IS NULL AND seq <> $1 LIMIT {READ_TOGETHER_MAX})) w
         JOIN shops s ON s.seq = w.shop"
    )
}

pub(super) async fn get(ledger: &Ledger, lane: Lane) -> Result<Option<Arc<Endpoint>>> {
    if let Some(known) = ledger.endpoints.get(lane) {
        return Ok(Some(known));
    }
    let as_of = ledger.endpoints.changes();
    let mut wanted = None;
    for row in ledger.sessions.all(&sql(), &[&lane.0]).await? {
        let row = read(&row)?;
        let is_wanted = row.endpoint.lane == lane;
        let endpoint = match row.unseal(&ledger.sealer) {
            Ok(endpoint) => Arc::new(endpoint),
            Err(error) if is_wanted => return Err(error),
            // The concern of whoever asks for that one.
            Err(_) => continue,
        };
        ledger.endpoints.keep(&endpoint, as_of);
        if is_wanted {
            wanted = Some(endpoint);
        }
    }
    Ok(wanted)
}

fn read(row: &Row) -> Result<Sealed> {
    let enabled = row.try_get(9)?;
    let endpoint = Endpoint {
        lane: Lane(row.try_get(0)?),
        webhook: WebhookId::from_bytes(rows::bytes(row, 1)?),
        shop: ShopId::from_bytes(rows::bytes(row, 2)?),
        dev: row.try_get(3)?,
        url: Arc::new(rows::url(row, 4)?),
        name: rows::name(row, 5)?,
        signer: None,
        standing: standing(enabled, rows::time_or_none(row, 11)?),
        enabled_at: rows::time(row, 10)?,
    };
    Ok(Sealed {
        endpoint,
        secret: row.try_get(6)?,
        replaced: row.try_get(7)?,
        active_from: rows::time(row, 8)?,
    })
}
