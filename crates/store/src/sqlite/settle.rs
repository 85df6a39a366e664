//! Writing what became of a leased delivery. The lease ends with it, so that it settles nothing twice.

use rusqlite::{CachedStatement, params};
use sellvik_domain::{Attempt, DeliveryState, DropReason, Timestamp, Verdict};

use super::batch::Batch;
use super::{deliveries, publish, rows, waiting};
use crate::{Result, Settled, Settlement, Settling, StoreError};

/// An attempt becomes the last of its delivery.
const RECORD: &str = "UPDATE deliveries SET status = ?2, due = ?3, entry = ifnull(?4, entry),
        client_error = ifnull(?5, client_error), drop_reason = ?6, attempts = attempts + 1,
        started_at = ?7, ended_at = ?8, duration_ms = ?9, response_code = ?10, error = ?11,
        final_host = ?12, response_body = ?13
     WHERE seq = ?1 AND due IS NOT NULL";

/// What attempts are written with, looked up once for all of a write.
struct Statements<'a> {
    record: CachedStatement<'a>,
    log: CachedStatement<'a>,
}

pub(super) fn settle_all(batch: &mut Batch<'_>, settlements: &[Settlement]) -> Result<Vec<Settling>> {
    let (record, log) = (batch.db.prepare_cached(RECORD)?, batch.db.prepare_cached(&log_last_attempt())?);
    let mut statements = Statements { record, log };
    settlements.iter().map(|settlement| settle(batch, &mut statements, settlement)).collect()
}

fn settle(
    batch: &mut Batch<'_>,
    statements: &mut Statements<'_>,
    settlement: &Settlement,
) -> Result<Settling> {
    let Settlement { lease, lane, .. } = *settlement;
    if !batch.leases().end(lease) {
        return Ok(Settling::LeaseLost);
    }
    let recorded = match &settlement.settled {
        Settled::Attempted { attempt, verdict } => {
            attempted(batch, statements, settlement, attempt, *verdict)?
        }
        Settled::Dropped { reason, at } => dropped(batch, settlement, *reason, *at)?,
        Settled::Postponed { until } => {
            let sql = "UPDATE deliveries SET due = ? WHERE seq = ? AND due IS NOT NULL";
            let moved = batch.db.prepare_cached(sql)?.execute(params![until.as_millis(), lease.row()])?;
            if moved > 0 {
                batch.tell_waiting(lane, *until);
            }
            moved > 0
        }
        Settled::Released => {
            let waiting = waiting::by_row(batch.db, lease.row())?;
            if let Some(waiting) = &waiting {
                batch.tell_waiting(lane, waiting.due);
            }
            waiting.is_some()
        }
    };
    if !recorded {
        return Ok(Settling::LeaseLost);
    }
    if let Some(notice) = &settlement.notice {
        match publish::notice(batch, notice, lane) {
            Err(StoreError::Unavailable(cause)) => return Err(StoreError::Unavailable(cause)),
            // The settlement stands, whatever becomes of the news of it.
            Err(refusal) => {
                tracing::error!(error = %refusal, event_id = %notice.id, "webhook.failed was refused");
            }
            Ok(()) => {}
        }
    }
    Ok(Settling::Recorded)
}

fn attempted(
    batch: &mut Batch<'_>,
    statements: &mut Statements<'_>,
    settlement: &Settlement,
    attempt: &Attempt,
    verdict: Verdict,
) -> Result<bool> {
    let Settlement { lease, lane, test, .. } = *settlement;
    if settlement.attempts > 0 {
        statements.log.execute([lease.row()])?;
    }
    let (state, chain) = match verdict {
        Verdict::Succeeded => (DeliveryState::Succeeded { at: attempt.ended_at }, None),
        Verdict::RetryAt { at, entry, client_error } => {
            (DeliveryState::Failed { due: at }, Some((entry, client_error)))
        }
        Verdict::Dropped(reason) => (DeliveryState::Dropped { reason }, None),
    };
    let reason = match state {
        DeliveryState::Dropped { reason } => Some(rows::number(&DropReason::ALL, &reason)),
        _ => None,
    };
    let recorded = statements.record.execute(params![
        lease.row(),
        deliveries::status_number(&state),
        state.due().map(Timestamp::as_millis),
        chain.map(|(entry, _)| entry),
        chain.map(|(_, client_error)| client_error),
        reason,
        attempt.started_at.as_millis(),
        attempt.ended_at.as_millis(),
        attempt.duration_ms,
        attempt.status,
        attempt.error,
        attempt.final_host,
        attempt.body
    ])?;
    if recorded == 0 {
        return Ok(false);
    }
    batch.tally.attempt(lane, attempt.ended_at, attempt.succeeded, attempt.duration_ms, test);
    if reason.is_some() {
        batch.tally.dropped(lane, attempt.ended_at, 1);
    }
    if let Some(due) = state.due() {
        batch.tell_waiting(lane, due);
    }
    Ok(true)
}

/// The row keeps the last attempt; the one before it moves to the log. `OR FAIL`: since what fails is rolled back
/// with its whole transaction, the statement need not keep what would undo it alone.
fn log_last_attempt() -> String {
    format!(
        "INSERT OR FAIL INTO attempts SELECT seq, attempts, {} FROM deliveries
         WHERE seq = ? AND due IS NOT NULL AND attempts > 0",
        rows::ATTEMPT
    )
}

fn dropped(
    batch: &mut Batch<'_>,
    settlement: &Settlement,
    reason: DropReason,
    at: Timestamp,
) -> Result<bool> {
    let Settlement { lease, lane, .. } = *settlement;
    let recorded = batch
        .db
        .prepare_cached(
            "UPDATE deliveries SET status = 3, due = NULL, drop_reason = ? WHERE seq = ? AND due IS NOT NULL",
        )?
        .execute(params![rows::number(&DropReason::ALL, &reason), lease.row()])?;
    if recorded > 0 {
        batch.tally.dropped(lane, at, 1);
    }
    Ok(recorded > 0)
}
