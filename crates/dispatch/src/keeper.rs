//! Keeping house: leases, holds, drains, redelivery jobs, retention. Never in the way of deliveries.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use sellvik_domain::{DropReason, Lane};
use sellvik_store::{StoreError, Waiting};
use tokio_util::task::TaskTracker;

use crate::bounds::{
    HOUSEKEEPING_EVERY, JOB_STEP_MAX, LANES_PAGE_MAX, LEDGER_RETRY, POLL_EVERY, RENEW_EVERY, RETENTION_EVERY,
    SWEEP_ROWS_MAX,
};
use crate::claimer;
use crate::courier::Courier;

pub(crate) fn spawn_all(loops: &TaskTracker, courier: &Arc<Courier>) {
    // Leases and lost wake-ups are about this process's life: they go by real time.
    loops.spawn(every_real(courier.clone(), RENEW_EVERY, "leases", leases));
    loops.spawn(every_real(courier.clone(), POLL_EVERY, "poll", poll));
    // Drains and retention are the contract's times: they go by the world's clock.
    loops.spawn(every_world(courier.clone(), HOUSEKEEPING_EVERY, "holds and drains", holds_and_drains));
    loops.spawn(every_world(courier.clone(), RETENTION_EVERY, "retention", retention));
    loops.spawn(jobs(courier.clone()));
}

async fn every_real<F: Future<Output = Result<(), StoreError>> + Send>(
    courier: Arc<Courier>,
    pause: Duration,
    what: &'static str,
    work: fn(Arc<Courier>) -> F,
) {
    while !courier.stop.is_cancelled() {
        tokio::select! {
            () = tokio::time::sleep(pause) => report(what, work(courier.clone()).await),
            () = courier.stop.cancelled() => {}
        }
    }
}

async fn every_world<F: Future<Output = Result<(), StoreError>> + Send>(
    courier: Arc<Courier>,
    pause: Duration,
    what: &'static str,
    work: fn(Arc<Courier>) -> F,
) {
    while !courier.stop.is_cancelled() {
        // From its begin: what becomes due while it is under way is not left for a pause longer.
        let next = courier.world.now().after(pause);
        report(what, work(courier.clone()).await);
        tokio::select! {
            () = courier.world.sleep_until(next) => {}
            // Should the clock be set back meanwhile, `next` is far off: no pause is longer than it was meant.
            () = tokio::time::sleep(pause) => {}
            () = courier.stop.cancelled() => {}
        }
    }
}

fn report(what: &'static str, done: Result<(), StoreError>) {
    if let Err(error) = done {
        tracing::error!(what, error = %error, "housekeeping failed; it will be tried again");
    }
}

async fn leases(courier: Arc<Courier>) -> Result<(), StoreError> {
    let held = courier.inbox.lanes.lock().all_leases();
    if !held.is_empty() {
        courier.store.renew(held).await?;
    }
    let freed = courier.store.expire_leases().await?;
    if !freed.is_empty() {
        tracing::warn!(deliveries = freed.len(), "leases ran out; the deliveries will be made again");
        courier.inbox.lanes.lock().all_waiting(&freed);
        courier.inbox.bell.notify_one();
    }
    Ok(())
}

async fn poll(courier: Arc<Courier>) -> Result<(), StoreError> {
    courier.inbox.lanes.lock().forget_idle();
    // Another node's jobs, too, if it is gone.
    courier.inbox.job_bell.notify_one();
    claimer::look_everywhere(&courier).await
}

/// Drops what ran out of its day in held lanes, and what is left of deleted webhooks.
async fn holds_and_drains(courier: Arc<Courier>) -> Result<(), StoreError> {
    let now = courier.world.now();
    let day = courier.settings.schedule.ends(now).since(now);
    let held = courier.inbox.lanes.lock().held();
    for lane in held {
        drop_all(&courier, lane, Waiting::MadeBy(now.before(day)), DropReason::WebhookDisabled).await?;
    }
    for lane in courier.store.drains_ended(now, LANES_PAGE_MAX).await? {
        drop_all(&courier, lane, Waiting::All, DropReason::WebhookDeleted).await?;
        courier.store.drain_done(lane).await?;
        courier.inbox.lanes.lock().hold(lane, false);
    }
    Ok(())
}

async fn drop_all(
    courier: &Courier,
    lane: Lane,
    which: Waiting,
    reason: DropReason,
) -> Result<(), StoreError> {
    loop {
        let now = courier.world.now();
        let dropped = courier.store.drop_waiting(lane, which, reason, now, SWEEP_ROWS_MAX).await?;
        if dropped < SWEEP_ROWS_MAX || courier.stop.is_cancelled() {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
}

async fn retention(courier: Arc<Courier>) -> Result<(), StoreError> {
    let cutoff = courier.world.now().before(courier.settings.retention);
    while courier.store.purge(cutoff, SWEEP_ROWS_MAX).await? {
        if courier.stop.is_cancelled() {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Runs redelivery jobs, a step of each in turn, until none is left; then waits to hear of one.
async fn jobs(courier: Arc<Courier>) {
    while !courier.stop.is_cancelled() {
        let left = run_jobs(&courier).await;
        let failed = left.is_err();
        let more = left.as_ref().is_ok_and(|left| *left);
        report("redelivery jobs", left.map(|_| ()));
        if more {
            tokio::task::yield_now().await;
            continue;
        }
        tokio::select! {
            () = courier.inbox.job_bell.notified() => {}
            () = tokio::time::sleep(LEDGER_RETRY), if failed => {}
            () = courier.stop.cancelled() => {}
        }
    }
}

/// One step of each running job; whether any is left.
async fn run_jobs(courier: &Courier) -> Result<bool, StoreError> {
    let mut left = false;
    for id in courier.store.jobs_running(LANES_PAGE_MAX).await? {
        let (now, seed) = (courier.world.now(), courier.world.random());
        let ended = courier.store.job_step(id, JOB_STEP_MAX, now, seed).await?;
        if ended {
            tracing::info!(job_id = %id, "redelivery job ended");
        }
        left |= !ended;
    }
    Ok(left)
}
