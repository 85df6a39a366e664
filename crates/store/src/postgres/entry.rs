//! An undecided delivery, taken out of the queue: it goes back there or into history.

use deadpool_postgres::Transaction;
use sellvik_domain::{Attempt, DeliveryId, DropReason, Lane};
use tokio_postgres::Row;
use uuid::Uuid;

use super::rows;
use super::session::Params;
use super::tables::{AttemptRow, HistoryRow, QueueRow};
use crate::Result;

/// The columns of [`Entry`], for a `RETURNING`.
pub(super) const ENTRY: &str = "id, shop, webhook, event, status, due, put_off, entry, client_error, test, \
     redelivery_of, origin, epoch, attempts, started_at, ended_at, duration_ms, response_code, error, final_host, \
     response_body";

pub(super) struct Entry {
    pub(super) id: DeliveryId,
    pub(super) shop: i64,
    pub(super) lane: Lane,
    event: Uuid,
    pub(super) status: i16,
    pub(super) due: i64,
    pub(super) put_off: bool,
    pub(super) step: i16,
    pub(super) client_error: bool,
    test: bool,
    redelivery_of: Option<Uuid>,
    origin: Option<Uuid>,
    pub(super) epoch: i64,
    pub(super) attempts: i32,
    last: Last,
}

/// The last attempt, as the columns have it.
#[derive(Default)]
struct Last {
    started_at: Option<i64>,
    ended_at: Option<i64>,
    duration_ms: Option<i64>,
    response_code: Option<i32>,
    error: Option<String>,
    final_host: Option<String>,
    response_body: Option<Vec<u8>>,
}

impl Entry {
    /// Runs a statement that takes rows out of the queue and returns [`ENTRY`].
    pub(super) async fn take(tx: &Transaction<'_>, sql: &str, params: Params<'_>) -> Result<Vec<Self>> {
        let taken = tx.query(&tx.prepare_cached(sql).await?, params).await?;
        rows::each(&taken, Self::read)
    }

    fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: DeliveryId::from_bytes(rows::bytes(row, 0)?),
            shop: row.try_get(1)?,
            lane: Lane(row.try_get(2)?),
            event: row.try_get(3)?,
            status: row.try_get(4)?,
            due: row.try_get(5)?,
            put_off: row.try_get(6)?,
            step: row.try_get(7)?,
            client_error: row.try_get(8)?,
            test: row.try_get(9)?,
            redelivery_of: row.try_get(10)?,
            origin: row.try_get(11)?,
            epoch: row.try_get(12)?,
            attempts: row.try_get(13)?,
            last: Last {
                started_at: row.try_get(14)?,
                ended_at: row.try_get(15)?,
                duration_ms: row.try_get(16)?,
                response_code: row.try_get(17)?,
                error: row.try_get(18)?,
                final_host: row.try_get(19)?,
                response_body: row.try_get(20)?,
            },
        })
    }

    /// Takes an attempt on record; the one before it is for the log.
    pub(super) fn attempted(&mut self, attempt: &Attempt) -> Option<AttemptRow> {
        let before = std::mem::replace(&mut self.last, Last::of(attempt));
        let number = self.attempts;
        self.attempts += 1;
        Some(AttemptRow {
            delivery: rows::id(self.id.as_bytes()),
            number,
            shop: self.shop,
            started_at: before.started_at?,
            ended_at: before.ended_at?,
            duration_ms: before.duration_ms?,
            response_code: before.response_code,
            error: before.error,
            final_host: before.final_host?,
            response_body: before.response_body,
        })
    }

    /// Decided: dropped for a reason, or delivered.
    pub(super) fn decided(self, dropped: Option<DropReason>) -> HistoryRow {
        HistoryRow {
            id: rows::id(self.id.as_bytes()),
            shop: self.shop,
            webhook: self.lane.0,
            event: self.event,
            status: if dropped.is_some() { 3 } else { 1 },
            test: self.test,
            redelivery_of: self.redelivery_of,
            origin: self.origin,
            drop_reason: dropped.map(|reason| rows::number(&DropReason::ALL, &reason)),
            attempts: self.attempts,
            started_at: self.last.started_at,
            ended_at: self.last.ended_at,
            duration_ms: self.last.duration_ms,
            response_code: self.last.response_code,
            error: self.last.error,
            final_host: self.last.final_host,
            response_body: self.last.response_body,
        }
    }

    /// Back to the queue, nobody's, in an epoch of its own: the next claim does not renew the last one.
    pub(super) fn waiting(self) -> QueueRow {
        QueueRow {
            id: rows::id(self.id.as_bytes()),
            shop: self.shop,
            webhook: self.lane.0,
            event: self.event,
            status: self.status,
            due: self.due,
            put_off: self.put_off,
            entry: self.step,
            client_error: self.client_error,
            test: self.test,
            redelivery_of: self.redelivery_of,
            origin: self.origin,
            epoch: self.epoch + 1,
            attempts: self.attempts,
            started_at: self.last.started_at,
            ended_at: self.last.ended_at,
            duration_ms: self.last.duration_ms,
            response_code: self.last.response_code,
            error: self.last.error,
            final_host: self.last.final_host,
            response_body: self.last.response_body,
        }
    }
}

impl Last {
    fn of(attempt: &Attempt) -> Self {
        Self {
            started_at: Some(attempt.started_at.as_millis()),
            ended_at: Some(attempt.ended_at.as_millis()),
            duration_ms: Some(i64::from(attempt.duration_ms)),
            response_code: attempt.status.map(i32::from),
            error: attempt.error.clone(),
            final_host: Some(attempt.final_host.clone()),
            response_body: attempt.body.as_ref().map(|body| body.clone().into_bytes()),
        }
    }
}
