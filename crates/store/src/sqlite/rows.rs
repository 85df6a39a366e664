//! Reading the domain's nouns out of rows. A value that does not parse is damage, never a default.

use rusqlite::types::{FromSql, Type};
use rusqlite::{Error, Result, Row};
use sellvik_domain::{
    Attempt, Delivery, DeliveryId, DeliveryState, DeliveryStatus, DropReason, EndpointUrl, EventId,
    EventType, Name, Shop, ShopId, Subdomain, Timestamp, Webhook, WebhookId,
};

/// What a row says, or the damage of column `index`.
fn parsed<T>(index: usize, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| Error::InvalidColumnType(index, "a stored value does not parse".into(), Type::Null))
}

pub(super) fn time(row: &Row<'_>, index: usize) -> Result<Timestamp> {
    Ok(Timestamp::from_millis(row.get(index)?))
}

pub(super) fn time_or_none(row: &Row<'_>, index: usize) -> Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(index)?.map(Timestamp::from_millis))
}

pub(super) fn name(row: &Row<'_>, index: usize) -> Result<Option<Name>> {
    match row.get::<_, Option<String>>(index)? {
        None => Ok(None),
        Some(text) => parsed(index, Name::parse(&text).ok()).map(Some),
    }
}

pub(super) fn kind(row: &Row<'_>, index: usize) -> Result<EventType> {
    parsed(index, EventType::parse(row.get_ref(index)?.as_str()?))
}

pub(super) fn event_id(row: &Row<'_>, index: usize) -> Result<EventId> {
    parsed(index, EventId::parse(row.get_ref(index)?.as_str()?).ok())
}

pub(super) fn subdomain(row: &Row<'_>, index: usize) -> Result<Subdomain> {
    parsed(index, Subdomain::parse(row.get_ref(index)?.as_str()?).ok())
}

pub(super) fn url(row: &Row<'_>, index: usize) -> Result<EndpointUrl> {
    parsed(index, EndpointUrl::parse(row.get_ref(index)?.as_str()?).ok())
}

pub(super) fn events(row: &Row<'_>, index: usize) -> Result<Vec<EventType>> {
    let names: Option<Vec<String>> = serde_json::from_str(row.get_ref(index)?.as_str()?).ok();
    parsed(index, names.and_then(|names| names.iter().map(|name| EventType::parse(name)).collect()))
}

pub(super) fn status(row: &Row<'_>, index: usize) -> Result<DeliveryStatus> {
    parsed(index, DeliveryStatus::ALL.get(usize::from(row.get::<_, u8>(index)?)).copied())
}

/// A closed set as the number the ledger keeps: its place among `all`.
pub(super) fn number<T: PartialEq>(all: &[T], value: &T) -> i64 {
    all.iter().position(|known| known == value).and_then(|at| i64::try_from(at).ok()).unwrap_or(-1)
}

/// The id that all ids made at this moment or later are not below: a window of time is a range of ids.
pub(super) fn first_id_at(at: Timestamp) -> [u8; 16] {
    *DeliveryId::new(at, [0; 10]).as_bytes()
}

/// The index that lists a webhook's deliveries of a status in the order of their ids, and what of its
/// condition a statement must repeat; without a status the one that lists them all.
pub(super) fn list_of(status: Option<DeliveryStatus>) -> (&'static str, &'static str) {
    match status {
        None => ("deliveries_of_webhook", ""),
        Some(DeliveryStatus::Pending) => ("deliveries_pending", "AND status = 0"),
        Some(DeliveryStatus::Succeeded) => ("deliveries_decided", "AND due IS NULL AND status = 1"),
        Some(DeliveryStatus::Failed) => ("deliveries_failed", "AND status = 2"),
        Some(DeliveryStatus::Dropped) => ("deliveries_decided", "AND due IS NULL AND status = 3"),
    }
}

/// The columns of [`shop`], for a `SELECT`; the position comes first.
pub(super) const SHOP: &str = "s.seq, s.id, s.subdomain, s.name, s.dev, s.created_at";

pub(super) fn shop(row: &Row<'_>, at: usize) -> Result<(i64, Shop)> {
    let shop = Shop {
        id: ShopId::from_bytes(row.get(at + 1)?),
        subdomain: subdomain(row, at + 2)?,
        name: name(row, at + 3)?,
        dev: row.get(at + 4)?,
        created_at: time(row, at + 5)?,
    };
    Ok((row.get(at)?, shop))
}

/// The columns of [`webhook`]; from `webhooks w JOIN shops s LEFT JOIN webhook_counters c`.
pub(super) const WEBHOOK: &str = "w.id, s.id, w.name, w.url, w.events, w.enabled, ifnull(c.failure_count, 0), c.last_delivery_at, w.created_at";

pub(super) fn webhook(row: &Row<'_>) -> Result<Webhook> {
    Ok(Webhook {
        id: WebhookId::from_bytes(row.get(0)?),
        shop: ShopId::from_bytes(row.get(1)?),
        name: name(row, 2)?,
        url: url(row, 3)?,
        events: events(row, 4)?,
        enabled: row.get(5)?,
        failure_count: row.get(6)?,
        last_delivery_at: time_or_none(row, 7)?,
        created_at: time(row, 8)?,
    })
}

/// The columns of [`attempt`], as both the deliveries and the attempts table have them.
pub(super) const ATTEMPT: &str =
    "started_at, ended_at, duration_ms, response_code, error, final_host, response_body";

/// An attempt of the log did not succeed: only a last one can have.
pub(super) fn attempt(row: &Row<'_>, at: usize, succeeded: bool) -> Result<Attempt> {
    Ok(Attempt {
        started_at: time(row, at)?,
        ended_at: time(row, at + 1)?,
        duration_ms: row.get(at + 2)?,
        status: row.get(at + 3)?,
        error: row.get(at + 4)?,
        final_host: row.get(at + 5)?,
        body: row.get(at + 6)?,
        succeeded,
    })
}

/// The columns of [`delivery`]; from `deliveries d JOIN events e`.
pub(super) const DELIVERY: &str = "d.id, e.id, e.kind, d.created_at, d.status, d.due, d.drop_reason, d.attempts, \
     d.test, d.redelivery_of, d.started_at, d.ended_at, d.duration_ms, d.response_code, d.error, d.final_host, \
     d.response_body";

pub(super) fn delivery(row: &Row<'_>) -> Result<Delivery> {
    let status = status(row, 4)?;
    let attempts: u32 = row.get(7)?;
    let last = (attempts > 0).then(|| attempt(row, 10, status == DeliveryStatus::Succeeded)).transpose()?;
    let due = || parsed(5, time_or_none(row, 5)?);
    let state = match status {
        DeliveryStatus::Pending => DeliveryState::Pending { due: due()? },
        DeliveryStatus::Failed => DeliveryState::Failed { due: due()? },
        DeliveryStatus::Succeeded => DeliveryState::Succeeded { at: time(row, 11)? },
        DeliveryStatus::Dropped => DeliveryState::Dropped {
            reason: parsed(6, DropReason::ALL.get(usize::from(row.get::<_, u8>(6)?)).copied())?,
        },
    };
    Ok(Delivery {
        id: DeliveryId::from_bytes(row.get(0)?),
        event: event_id(row, 1)?,
        kind: kind(row, 2)?,
        created_at: time(row, 3)?,
        state,
        attempts,
        last,
        test: row.get(8)?,
        redelivery_of: row.get::<_, Option<[u8; 16]>>(9)?.map(DeliveryId::from_bytes),
    })
}

/// Everything a query yields.
pub(super) fn all<T>(
    db: &rusqlite::Connection,
    sql: &str,
    params: impl rusqlite::Params,
    read: impl FnMut(&Row<'_>) -> Result<T>,
) -> crate::Result<Vec<T>> {
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params, read)?.collect::<Result<Vec<T>>>()?;
    Ok(rows)
}

/// The one row a query yields, if any.
pub(super) fn one<T>(
    db: &rusqlite::Connection,
    sql: &str,
    params: impl rusqlite::Params,
    read: impl FnOnce(&Row<'_>) -> Result<T>,
) -> crate::Result<Option<T>> {
    use rusqlite::OptionalExtension as _;
    Ok(db.prepare_cached(sql)?.query_row(params, read).optional()?)
}

/// The one value of a row's first column, if there is a row.
pub(super) fn value<T: FromSql>(
    db: &rusqlite::Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> crate::Result<Option<T>> {
    one(db, sql, params, |row| row.get(0))
}
