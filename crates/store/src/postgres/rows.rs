//! Reading the domain's nouns out of rows. A value that does not parse is damage, never a default.

use sellvik_domain::{
    Attempt, Delivery, DeliveryId, DeliveryState, DeliveryStatus, DropReason, EndpointUrl, EventId,
    EventType, Name, Shop, ShopId, Subdomain, Timestamp, Webhook, WebhookId,
};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{Result, StoreError};

/// What a row says, or the damage.
fn parsed<T>(value: Option<T>) -> Result<T> {
    value.ok_or_else(|| StoreError::unavailable("a stored value does not parse"))
}

pub(super) fn time(row: &Row, index: usize) -> Result<Timestamp> {
    Ok(Timestamp::from_millis(row.try_get(index)?))
}

pub(super) fn time_or_none(row: &Row, index: usize) -> Result<Option<Timestamp>> {
    Ok(row.try_get::<_, Option<i64>>(index)?.map(Timestamp::from_millis))
}

/// The 16 bytes of an id.
pub(super) fn bytes(row: &Row, index: usize) -> Result<[u8; 16]> {
    Ok(row.try_get::<_, Uuid>(index)?.into_bytes())
}

/// 16 bytes as a statement's parameter.
pub(super) fn id(bytes: &[u8; 16]) -> Uuid {
    Uuid::from_bytes(*bytes)
}

/// The moment at which a time-ordered id was made.
pub(super) fn made_at(id: DeliveryId) -> Timestamp {
    let mut ms = [0; 8];
    ms[2..].copy_from_slice(&id.as_bytes()[..6]);
    Timestamp::from_millis(i64::from_be_bytes(ms))
}

/// The id that all ids made at this moment or later are not below: a window of time is a range of ids.
pub(super) fn first_id_at(at: Timestamp) -> Uuid {
    id(DeliveryId::new(at, [0; 10]).as_bytes())
}

/// Above all ids.
pub(super) const LAST_ID: Uuid = Uuid::from_bytes([0xff; 16]);

/// A count that is never negative.
pub(super) fn count(row: &Row, index: usize) -> Result<u32> {
    parsed(u32::try_from(row.try_get::<_, i32>(index)?).ok())
}

pub(super) fn name(row: &Row, index: usize) -> Result<Option<Name>> {
    match row.try_get::<_, Option<&str>>(index)? {
        None => Ok(None),
        Some(text) => parsed(Name::parse(text).ok()).map(Some),
    }
}

pub(super) fn kind(row: &Row, index: usize) -> Result<EventType> {
    parsed(EventType::parse(row.try_get(index)?))
}

pub(super) fn event_id(row: &Row, index: usize) -> Result<EventId> {
    parsed(EventId::parse(row.try_get(index)?).ok())
}

pub(super) fn subdomain(row: &Row, index: usize) -> Result<Subdomain> {
    parsed(Subdomain::parse(row.try_get(index)?).ok())
}

pub(super) fn url(row: &Row, index: usize) -> Result<EndpointUrl> {
    parsed(EndpointUrl::parse(row.try_get(index)?).ok())
}

pub(super) fn events(row: &Row, index: usize) -> Result<Vec<EventType>> {
    let names: Vec<&str> = row.try_get(index)?;
    parsed(names.into_iter().map(EventType::parse).collect())
}

/// A value of a closed set, kept as its place among `all`.
fn of_set<T: Copy>(all: &[T], number: i16) -> Result<T> {
    parsed(usize::try_from(number).ok().and_then(|at| all.get(at)).copied())
}

pub(super) fn status(row: &Row, index: usize) -> Result<DeliveryStatus> {
    of_set(&DeliveryStatus::ALL, row.try_get(index)?)
}

/// A closed set as the number the ledger keeps: its place among `all`.
pub(super) fn number<T: PartialEq>(all: &[T], value: &T) -> i16 {
    all.iter().position(|known| known == value).and_then(|at| i16::try_from(at).ok()).unwrap_or(-1)
}

/// The columns of [`shop`], for a `SELECT`; the position comes first.
pub(super) const SHOP: &str = "s.seq, s.id, s.subdomain, s.name, s.dev, s.created_at";

pub(super) fn shop(row: &Row, at: usize) -> Result<(i64, Shop)> {
    let shop = Shop {
        id: ShopId::from_bytes(bytes(row, at + 1)?),
        subdomain: subdomain(row, at + 2)?,
        name: name(row, at + 3)?,
        dev: row.try_get(at + 4)?,
        created_at: time(row, at + 5)?,
    };
    Ok((row.try_get(at)?, shop))
}

/// The columns of [`webhook`]; from `webhooks w JOIN shops s LEFT JOIN webhook_counters c`.
pub(super) const WEBHOOK: &str = "w.id, s.id, w.name, w.url, w.events, w.enabled, coalesce(c.failure_count, 0), c.last_delivery_at, w.created_at";

pub(super) fn webhook(row: &Row) -> Result<Webhook> {
    Ok(Webhook {
        id: WebhookId::from_bytes(bytes(row, 0)?),
        shop: ShopId::from_bytes(bytes(row, 1)?),
        name: name(row, 2)?,
        url: url(row, 3)?,
        events: events(row, 4)?,
        enabled: row.try_get(5)?,
        failure_count: parsed(row.try_get::<_, i64>(6)?.try_into().ok())?,
        last_delivery_at: time_or_none(row, 7)?,
        created_at: time(row, 8)?,
    })
}

/// The columns of [`attempt`], as the queue, the history and the attempts table have them.
pub(super) const ATTEMPT: &str =
    "started_at, ended_at, duration_ms, response_code, error, final_host, response_body";

/// An attempt of the log did not succeed: only a last one can have.
pub(super) fn attempt(row: &Row, at: usize, succeeded: bool) -> Result<Attempt> {
    let status = row.try_get::<_, Option<i32>>(at + 3)?;
    // A body may hold a NUL, which a column of text may not: it is kept as bytes.
    let body = row.try_get::<_, Option<&[u8]>>(at + 6)?;
    Ok(Attempt {
        started_at: time(row, at)?,
        ended_at: time(row, at + 1)?,
        duration_ms: parsed(row.try_get::<_, i64>(at + 2)?.try_into().ok())?,
        status: status.map(|status| parsed(u16::try_from(status).ok())).transpose()?,
        error: row.try_get(at + 4)?,
        final_host: row.try_get(at + 5)?,
        body: body.map(|body| parsed(String::from_utf8(body.to_vec()).ok())).transpose()?,
        succeeded,
    })
}

/// The columns of [`delivery`] as they are called in both tables: of a decided one the first of these, of an
/// undecided one the second.
pub(super) const DECIDED: &str = "id, event, status, NULL::bigint AS due, drop_reason, attempts, test, redelivery_of, \
     started_at, ended_at, duration_ms, response_code, error, final_host, response_body";
pub(super) const UNDECIDED: &str = "id, event, status, due, NULL::smallint AS drop_reason, attempts, test, \
     redelivery_of, started_at, ended_at, duration_ms, response_code, error, final_host, response_body";

/// The columns of [`delivery`]; from `d`, which has those above, and its event `e`.
pub(super) const DELIVERY: &str = "d.id, e.name, e.kind, d.status, d.due, d.drop_reason, d.attempts, d.test, \
     d.redelivery_of, d.started_at, d.ended_at, d.duration_ms, d.response_code, d.error, d.final_host, d.response_body";

pub(super) fn delivery(row: &Row) -> Result<Delivery> {
    let id = DeliveryId::from_bytes(bytes(row, 0)?);
    let status = status(row, 3)?;
    let attempts = count(row, 6)?;
    let last = (attempts > 0).then(|| attempt(row, 9, status == DeliveryStatus::Succeeded)).transpose()?;
    let due = || time_or_none(row, 4).and_then(parsed);
    let state = match status {
        DeliveryStatus::Pending => DeliveryState::Pending { due: due()? },
        DeliveryStatus::Failed => DeliveryState::Failed { due: due()? },
        DeliveryStatus::Succeeded => DeliveryState::Succeeded { at: time(row, 10)? },
        DeliveryStatus::Dropped => {
            DeliveryState::Dropped { reason: of_set(&DropReason::ALL, parsed(row.try_get(5)?)?)? }
        }
    };
    Ok(Delivery {
        id,
        event: event_id(row, 1)?,
        kind: kind(row, 2)?,
        created_at: made_at(id),
        state,
        attempts,
        last,
        test: row.try_get(7)?,
        redelivery_of: row.try_get::<_, Option<Uuid>>(8)?.map(|id| DeliveryId::from_bytes(id.into_bytes())),
    })
}

/// Every row, read by `read`.
pub(super) fn each<T>(rows: &[Row], read: impl FnMut(&Row) -> Result<T>) -> Result<Vec<T>> {
    rows.iter().map(read).collect()
}
