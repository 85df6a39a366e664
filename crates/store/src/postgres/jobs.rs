//! Redelivery jobs: a window of a webhook's deliveries, taken a step at a time.

use deadpool_postgres::Transaction;
use sellvik_domain::{
    DeliveryId, DeliveryStatus, JobId, Lane, ShopId, Timestamp, WebhookId, delivery_id_of_family,
};
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::deliveries::{self, CANDIDATE, Candidate};
use super::ledger::Ledger;
use super::publish::Shop;
use super::session::Params;
use super::{lanes, rows};
use crate::{Job, Result, StoreError, Window};

const JOB: &str = "j.id, j.since, j.until, j.status, j.matched, j.processed, j.created_at, j.finished_at";

pub(super) async fn count(
    ledger: &Ledger,
    shop: ShopId,
    webhook: WebhookId,
    window: Window,
    cap: u32,
) -> Result<Option<u32>> {
    let Some(hook) = lanes::lane(&ledger.sessions, shop, webhook).await? else { return Ok(None) };
    let (first, next) = bounds(window);
    let params: Params<'_> = &[&hook.lane.0, &first, &next, &i64::from(cap)];
    let found = ledger.sessions.one(&extent_sql(window.status), params).await?;
    found.map(|row| Ok(extent(&row)?.0)).transpose()
}

fn bounds(window: Window) -> (Uuid, Uuid) {
    (rows::first_id_at(window.since), rows::first_id_at(window.until))
}

/// Where a status's deliveries are.
fn table(status: DeliveryStatus) -> (&'static str, i16) {
    let table = match status {
        DeliveryStatus::Pending | DeliveryStatus::Failed => "queue",
        DeliveryStatus::Succeeded | DeliveryStatus::Dropped => "history",
    };
    (table, rows::number(&DeliveryStatus::ALL, &status))
}

/// The front of a window, from its own stretch of the index.
pub(super) fn extent_sql(status: DeliveryStatus) -> String {
    let (table, number) = table(status);
    format!(
        "SELECT count(*), max(id::text)::uuid FROM (
             SELECT id FROM {table} WHERE webhook = $1 AND status = {number} AND id >= $2 AND id < $3
             ORDER BY id LIMIT $4) w"
    )
}

/// How many deliveries the window holds, at most as many as were asked for, and the id of the last of them.
fn extent(row: &Row) -> Result<(u32, Option<DeliveryId>)> {
    let many = u32::try_from(row.try_get::<_, i64>(0)?).unwrap_or(u32::MAX);
    Ok((many, row.try_get::<_, Option<Uuid>>(1)?.map(|id| DeliveryId::from_bytes(id.into_bytes()))))
}

pub(super) async fn create(
    tx: &Transaction<'_>,
    (shop, webhook): (ShopId, WebhookId),
    id: JobId,
    mut window: Window,
    cap: u32,
    now: Timestamp,
) -> Result<Option<Job>> {
    let Some(hook) = lanes::hold(tx, shop, webhook).await? else { return Ok(None) };
    if !hook.enabled {
        return Err(StoreError::WebhookDisabled);
    }
    let sql = "SELECT 1 FROM redelivery_jobs WHERE webhook = $1 AND finished_at IS NULL";
    if tx.query_opt(&tx.prepare_cached(sql).await?, &[&hook.lane.0]).await?.is_some() {
        return Err(StoreError::JobRunning);
    }
    let statement = tx.prepare_cached(&extent_sql(window.status)).await?;
    let (first, next) = bounds(window);
    let found = tx.query_one(&statement, &[&hook.lane.0, &first, &next, &i64::from(cap)]).await?;
    let (matched, last) = extent(&found)?;
    if let Some(last) = last.filter(|_| matched == cap) {
        let behind = Timestamp::from_millis(rows::made_at(last).as_millis().saturating_add(1));
        window.until = behind.min(window.until);
    }
    let finished_at = (matched == 0).then_some(now);
    let sql =
        "INSERT INTO redelivery_jobs (id, shop, webhook, since, until, status, matched, processed, position,
                                            created_at, finished_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, $10)";
    let values: Params<'_> = &[
        &rows::id(id.as_bytes()),
        &hook.shop.seq,
        &hook.lane.0,
        &window.since.as_millis(),
        &window.until.as_millis(),
        &rows::number(&DeliveryStatus::ALL, &window.status),
        &i32::try_from(matched).unwrap_or(i32::MAX),
        &first,
        &now.as_millis(),
        &finished_at.map(Timestamp::as_millis),
    ];
    match tx.execute(&tx.prepare_cached(sql).await?, values).await {
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Err(StoreError::JobRunning),
        made => {
            made?;
            Ok(Some(Job { id, window, matched, processed: 0, created_at: now, finished_at }))
        }
    }
}

pub(super) async fn get(ledger: &Ledger, shop: ShopId, webhook: WebhookId, id: JobId) -> Result<Option<Job>> {
    let Some(hook) = lanes::lane(&ledger.sessions, shop, webhook).await? else { return Ok(None) };
    let sql = format!("SELECT {JOB} FROM redelivery_jobs j WHERE j.webhook = $1 AND j.id = $2");
    let row = ledger.sessions.one(&sql, &[&hook.lane.0, &rows::id(id.as_bytes())]).await?;
    row.as_ref().map(job).transpose()
}

pub(super) async fn running(ledger: &Ledger, limit: u32) -> Result<Vec<JobId>> {
    let sql = "SELECT id FROM redelivery_jobs WHERE finished_at IS NULL ORDER BY seq LIMIT $1";
    let found = ledger.sessions.all(sql, &[&i64::from(limit)]).await?;
    rows::each(&found, |row| Ok(JobId::from_bytes(rows::bytes(row, 0)?)))
}

/// One node at a time takes a step of a job: the others wait for it, and go on behind it.
pub(super) async fn step(
    ledger: &Ledger,
    id: JobId,
    limit: u32,
    now: Timestamp,
    seed: [u8; 10],
) -> Result<bool> {
    ledger.partitions.ensure(ledger, [now]).await?;
    let mut promises = ledger.promises();
    let mut db = ledger.sessions.get().await?;
    let tx = db.transaction().await?;
    let sql = format!(
        "SELECT {JOB}, j.webhook, j.position, s.seq, s.id, w.enabled FROM redelivery_jobs j
         JOIN webhooks w ON w.seq = j.webhook JOIN shops s ON s.seq = w.shop
         WHERE j.id = $1 AND j.finished_at IS NULL FOR UPDATE OF j"
    );
    let found = tx.query_opt(&tx.prepare_cached(&sql).await?, &[&rows::id(id.as_bytes())]).await?;
    let Some(found) = found else { return Ok(true) };
    let (job, position) = (job(&found)?, found.try_get::<_, Uuid>(9)?);
    let shop = Shop { seq: found.try_get(10)?, id: ShopId::from_bytes(rows::bytes(&found, 11)?) };
    let hook = lanes::Found { lane: Lane(found.try_get(8)?), shop, enabled: found.try_get(12)? };
    let left = job.matched.saturating_sub(job.processed);
    let until = rows::first_id_at(job.window.until);
    let room = i64::from(limit.min(left));
    let statement = tx.prepare_cached(&candidates_sql(job.window.status)).await?;
    let next = tx.query(&statement, &[&hook.lane.0, &position, &until, &room]).await?;
    let taken = rows::each(&next, Candidate::read)?;
    for (k, candidate) in (0..).zip(&taken) {
        let fresh = delivery_id_of_family(now, seed, k);
        deliveries::again(ledger, &tx, &mut promises, hook, candidate, fresh, now).await?;
    }
    let many = u32::try_from(taken.len()).unwrap_or(u32::MAX);
    let ended = many < limit || many == left;
    let position = taken.last().map_or(position, |last| rows::id(last.id.as_bytes()));
    let sql = "UPDATE redelivery_jobs SET processed = processed + $1, position = $2, finished_at = $3 WHERE id = $4";
    let values: Params<'_> = &[
        &i32::try_from(many).unwrap_or(i32::MAX),
        &position,
        &ended.then_some(now.as_millis()),
        &rows::id(id.as_bytes()),
    ];
    tx.execute(&tx.prepare_cached(sql).await?, values).await?;
    ledger.sessions.commit(tx).await?;
    promises.keep();
    Ok(ended)
}

/// The next of a window, from the same stretch. Those of the queue stay as they are until the step is done.
pub(super) fn candidates_sql(status: DeliveryStatus) -> String {
    let (table, number) = table(status);
    let lock = if table == "queue" { "FOR UPDATE" } else { "" };
    format!(
        "SELECT {CANDIDATE} FROM {table} WHERE webhook = $1 AND status = {number} AND id > $2 AND id < $3
         ORDER BY id LIMIT $4 {lock}"
    )
}

fn job(row: &Row) -> Result<Job> {
    Ok(Job {
        id: JobId::from_bytes(rows::bytes(row, 0)?),
        window: Window {
            since: rows::time(row, 1)?,
            until: rows::time(row, 2)?,
            status: rows::status(row, 3)?,
        },
        matched: rows::count(row, 4)?,
        processed: rows::count(row, 5)?,
        created_at: rows::time(row, 6)?,
        finished_at: rows::time_or_none(row, 7)?,
    })
}
