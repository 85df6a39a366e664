//! Going round: start what is at hand, claim what is due, rest until something is.

use std::sync::Arc;
use std::time::Instant;

use sellvik_domain::{Lane, Passage, Timestamp};
use sellvik_store::{ClaimLane, StoreError};

use crate::bounds::{CLAIM_LANES_MAX, CLAIM_PER_LANE_MAX, LANES_PAGE_MAX, LEDGER_RETRY};
use crate::courier::Courier;

pub(crate) async fn run(courier: Arc<Courier>) {
    while let Err(error) = look_everywhere(&courier).await {
        pause(&courier, &error).await;
        if courier.stop.is_cancelled() {
            return;
        }
    }
    while !courier.stop.is_cancelled() {
        *courier.heartbeat.lock() = Instant::now();
        courier.pump();
        let now = courier.world.now();
        let due = courier.inbox.lanes.lock().due(now, CLAIM_LANES_MAX, CLAIM_PER_LANE_MAX);
        if due.is_empty() {
            courier.rest().await;
        } else if let Err(error) = claim(&courier, &due, now).await {
            let again: Vec<_> = due.iter().map(|(lane, _)| (*lane, now)).collect();
            courier.inbox.lanes.lock().all_waiting(&again);
            pause(&courier, &error).await;
        }
    }
}

async fn pause(courier: &Courier, error: &StoreError) {
    tracing::error!(error = %error, "the ledger does not answer; dispatch waits");
    tokio::select! {
        () = tokio::time::sleep(LEDGER_RETRY) => {}
        () = courier.stop.cancelled() => {}
    }
}

/// Asks the ledger for every lane that has something waiting.
pub(crate) async fn look_everywhere(courier: &Courier) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = courier.store.lanes_waiting(after, LANES_PAGE_MAX).await?;
        courier.inbox.lanes.lock().all_waiting(&page);
        courier.inbox.bell.notify_one();
        after = page.last().map(|(lane, _)| *lane);
        if page.len() < LANES_PAGE_MAX as usize {
            return Ok(());
        }
    }
}

async fn claim(courier: &Arc<Courier>, due: &[(Lane, u32)], now: Timestamp) -> Result<(), StoreError> {
    let mut wanted = Vec::with_capacity(due.len());
    for (lane, count) in due {
        // A lane whose webhook has ended is the keeper's: it drops what waits.
        let tests_only = match passage(courier, *lane, now).await? {
            Passage::Open => false,
            Passage::Held => hold(courier, *lane, now).await?,
            Passage::Ended => continue,
        };
        wanted.push(ClaimLane { lane: *lane, count: *count, tests_only });
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let claimed = courier.store.claim(wanted, now).await?;
    courier.inbox.lanes.lock().take_claim(claimed);
    Ok(())
}

/// Marks a lane as held, unless its webhook was enabled meanwhile; whether it is.
///
/// The mark is made first and the look taken second: a change after the look clears the mark itself.
pub(crate) async fn hold(courier: &Courier, lane: Lane, now: Timestamp) -> Result<bool, StoreError> {
    courier.inbox.lanes.lock().hold(lane, true);
    let held = passage(courier, lane, now).await? == Passage::Held;
    if !held {
        courier.inbox.unhold(lane);
    }
    Ok(held)
}

async fn passage(courier: &Courier, lane: Lane, now: Timestamp) -> Result<Passage, StoreError> {
    let endpoint = courier.store.endpoint(lane).await?;
    Ok(endpoint.map_or(Passage::Ended, |endpoint| endpoint.standing.passage(now)))
}
