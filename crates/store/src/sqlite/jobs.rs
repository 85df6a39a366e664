//! Redelivery jobs: a window of a webhook's deliveries, taken a step at a time.

use rusqlite::{Connection, Row, params};
use sellvik_domain::{
    DeliveryId, DeliveryStatus, JobId, Lane, ShopId, Timestamp, WebhookId, delivery_id_of_family,
};

use super::batch::Batch;
use super::deliveries::{self, Candidate};
use super::{lanes, rows};
use crate::{Job, Result, StoreError, Window};

const JOB: &str = "j.id, j.since, j.until, j.status, j.matched, j.processed, j.created_at, j.finished_at";

pub(super) fn count(
    db: &Connection,
    shop: ShopId,
    webhook: WebhookId,
    window: Window,
    cap: u32,
) -> Result<Option<u32>> {
    let Some(lane) = lanes::lane(db, shop, webhook)? else { return Ok(None) };
    Ok(Some(extent(db, lane, window, cap)?.0))
}

/// The front of a window, from its own stretch of the index.
pub(super) fn extent_sql(status: DeliveryStatus) -> String {
    let (index, and) = rows::list_of(Some(status));
    format!(
        "SELECT count(*), max(id) FROM (
             SELECT id FROM deliveries INDEXED BY {index}
             WHERE webhook = ? AND id >= ? AND id < ? {and} ORDER BY id LIMIT ?)"
    )
}

/// How many deliveries the window holds, at most `cap`, and the id of the last of them.
fn extent(db: &Connection, lane: Lane, window: Window, cap: u32) -> Result<(u32, Option<[u8; 16]>)> {
    let params = params![lane.0, rows::first_id_at(window.since), rows::first_id_at(window.until), cap];
    Ok(rows::one(db, &extent_sql(window.status), params, |row| Ok((row.get(0)?, row.get(1)?)))?
        .unwrap_or((0, None)))
}

pub(super) fn create(
    batch: &mut Batch<'_>,
    shop: ShopId,
    webhook: WebhookId,
    id: JobId,
    mut window: Window,
    cap: u32,
    now: Timestamp,
) -> Result<Option<Job>> {
    let Some((lane, enabled)) = lanes::lane_and_enabled(batch.db, shop, webhook)? else { return Ok(None) };
    if !enabled {
        return Err(StoreError::WebhookDisabled);
    }
    let sql = "SELECT 1 FROM redelivery_jobs WHERE webhook = ? AND finished_at IS NULL";
    if rows::value::<i64>(batch.db, sql, [lane.0])?.is_some() {
        return Err(StoreError::JobRunning);
    }
    let (matched, last) = extent(batch.db, lane, window, cap)?;
    if let Some(last) = last.filter(|_| matched == cap) {
        let mut ms = [0; 8];
        ms[2..].copy_from_slice(&last[..6]);
        window.until = Timestamp::from_millis(i64::from_be_bytes(ms).saturating_add(1)).min(window.until);
    }
    let finished_at = (matched == 0).then_some(now);
    batch
        .db
        .prepare_cached(
            "INSERT INTO redelivery_jobs (id, webhook, since, until, status, matched, processed, position,
                                          created_at, finished_at)
             VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?)",
        )?
        .execute(params![
            id.as_bytes(),
            lane.0,
            window.since.as_millis(),
            window.until.as_millis(),
            rows::number(&DeliveryStatus::ALL, &window.status),
            matched,
            rows::first_id_at(window.since),
            now.as_millis(),
            finished_at.map(Timestamp::as_millis)
        ])?;
    batch.tell_job_made();
    Ok(Some(Job { id, window, matched, processed: 0, created_at: now, finished_at }))
}

pub(super) fn get(db: &Connection, shop: ShopId, webhook: WebhookId, id: JobId) -> Result<Option<Job>> {
    let Some(lane) = lanes::lane(db, shop, webhook)? else { return Ok(None) };
    let sql = format!("SELECT {JOB} FROM redelivery_jobs j WHERE j.webhook = ? AND j.id = ?");
    rows::one(db, &sql, params![lane.0, id.as_bytes()], job)
}

pub(super) fn running(db: &Connection, limit: u32) -> Result<Vec<JobId>> {
    let sql = "SELECT id FROM redelivery_jobs WHERE finished_at IS NULL ORDER BY seq LIMIT ?";
    rows::all(db, sql, [limit], |row| Ok(JobId::from_bytes(row.get(0)?)))
}

pub(super) fn step(
    batch: &mut Batch<'_>,
    id: JobId,
    limit: u32,
    now: Timestamp,
    seed: [u8; 10],
) -> Result<bool> {
    let sql = format!(
        "SELECT {JOB}, j.webhook, j.position, s.id FROM redelivery_jobs j
         JOIN webhooks w ON w.seq = j.webhook JOIN shops s ON s.seq = w.shop
         WHERE j.id = ? AND j.finished_at IS NULL"
    );
    let found = rows::one(batch.db, &sql, [id.as_bytes()], |row| {
        Ok((job(row)?, Lane(row.get(8)?), row.get::<_, [u8; 16]>(9)?, ShopId::from_bytes(row.get(10)?)))
    })?;
    let Some((job, lane, position, shop)) = found else { return Ok(true) };
    let left = job.matched.saturating_sub(job.processed);
    let taken = candidates(batch.db, lane, &job, position, limit.min(left))?;
    for (k, candidate) in (0..).zip(&taken) {
        deliveries::again(batch, (shop, lane), candidate, delivery_id_of_family(now, seed, k), now)?;
    }
    let many = u32::try_from(taken.len()).unwrap_or(u32::MAX);
    let ended = many < limit || many == left;
    batch
        .db
        .prepare_cached(
            "UPDATE redelivery_jobs SET processed = processed + ?, position = ?, finished_at = ? WHERE id = ?",
        )?
        .execute(params![
            many,
            taken.last().map_or(position, |last| *last.id.as_bytes()),
            ended.then_some(now.as_millis()),
            id.as_bytes()
        ])?;
    Ok(ended)
}

/// The next of a window, from the same stretch.
pub(super) fn candidates_sql(status: DeliveryStatus) -> String {
    let (index, and) = rows::list_of(Some(status));
    format!(
        "SELECT seq, event, id, test FROM deliveries INDEXED BY {index}
         WHERE webhook = ? AND id > ? AND id < ? {and} ORDER BY id LIMIT ?"
    )
}

fn candidates(
    db: &Connection,
    lane: Lane,
    job: &Job,
    position: [u8; 16],
    limit: u32,
) -> Result<Vec<Candidate>> {
    let status = job.window.status;
    let params = params![lane.0, position, rows::first_id_at(job.window.until), limit];
    rows::all(db, &candidates_sql(status), params, |row| {
        Ok(Candidate {
            row: row.get(0)?,
            event: row.get(1)?,
            id: DeliveryId::from_bytes(row.get(2)?),
            status,
            test: row.get(3)?,
        })
    })
}

fn job(row: &Row<'_>) -> rusqlite::Result<Job> {
    Ok(Job {
        id: JobId::from_bytes(row.get(0)?),
        window: Window {
            since: rows::time(row, 1)?,
            until: rows::time(row, 2)?,
            status: rows::status(row, 3)?,
        },
        matched: row.get(4)?,
        processed: row.get(5)?,
        created_at: rows::time(row, 6)?,
        finished_at: rows::time_or_none(row, 7)?,
    })
}
