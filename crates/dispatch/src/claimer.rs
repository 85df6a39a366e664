//! Going round: start what is at hand, claim what is due, rest until something is.

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use sellvik_domain::{Lane, Passage, Timestamp};
use sellvik_store::{ClaimLane, Claimed, StoreError};
use tokio::runtime::Handle;
use tokio::task::yield_now;

use crate::bounds::{CLAIM_LANES_MAX, CLAIM_MAX, HEARTBEAT, LANES_PAGE_MAX, LEDGER_RETRY, STARTS_AT_ONCE};
use crate::courier::Courier;
use crate::{attempt, holds};

pub(crate) async fn run(courier: Arc<Courier>) {
    while let Err(error) = look_everywhere(&courier).await {
        pause(&courier, &error).await;
        if courier.stop.is_cancelled() {
            return;
        }
    }
    while !courier.stop.is_cancelled() {
        *courier.heartbeat.lock() = Instant::now();
        pump(&courier).await;
        let now = courier.world.now();
        let due = courier.inbox.lanes.lock().due(now, CLAIM_LANES_MAX, CLAIM_MAX);
        if due.is_empty() {
            rest(&courier).await;
        } else if let Err(error) = claim(&courier, &due, now).await {
            courier.inbox.lanes.lock().claim_failed(&due, now);
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

/// Claims for these lanes, a few at a time; what one claim brings may start while the next is made.
async fn claim(courier: &Arc<Courier>, due: &[(Lane, u32)], now: Timestamp) -> Result<(), StoreError> {
    let mut rest = due;
    while !rest.is_empty() {
        let mut many = 0;
        let fits = |(_, count): &&(Lane, u32)| {
            many += count;
            many <= CLAIM_MAX
        };
        let (part, others) = rest.split_at(rest.iter().take_while(fits).count().max(1));
        claim_some(courier, part, now).await?;
        pump(courier).await;
        rest = others;
    }
    Ok(())
}

async fn claim_some(courier: &Arc<Courier>, due: &[(Lane, u32)], now: Timestamp) -> Result<(), StoreError> {
    let mut wanted = Vec::with_capacity(due.len());
    for (lane, count) in due {
        let Some(endpoint) = courier.store.endpoint(*lane).await? else { continue };
        courier.inbox.lanes.lock().belongs(*lane, endpoint.shop);
        // A lane whose webhook has ended is the keeper's: it drops what waits.
        let tests_only = match endpoint.standing.passage(now) {
            Passage::Open => false,
            Passage::Held => holds::hold(courier, *lane, now).await?,
            Passage::Ended => continue,
        };
        wanted.push(ClaimLane { lane: *lane, count: *count, tests_only });
    }
    let claimed = if wanted.is_empty() {
        Claimed::default()
    } else {
        while_pumping(courier, courier.store.claim(wanted, now)).await?
    };
    courier.inbox.lanes.lock().take_claim(due, claimed, now);
    Ok(())
}

/// What was just published does not wait for the commit of a claim.
async fn while_pumping<T>(courier: &Arc<Courier>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = courier.inbox.bell.notified() => pump(courier).await,
        }
    }
}

/// Starts everything that may start, a few at a time: whoever publishes meanwhile, and what was started before,
/// need not wait for all of a claim.
async fn pump(courier: &Arc<Courier>) {
    let runtime = Handle::current();
    for started in 1_usize.. {
        let Some(start) = courier.inbox.lanes.lock().start_next() else { return };
        courier.attempts.spawn_on(attempt::run(courier.clone(), start), &runtime);
        if started.is_multiple_of(STARTS_AT_ONCE) {
            yield_now().await;
        }
    }
}

/// Waits for the bell, the next due time or the heartbeat, whichever is first.
async fn rest(courier: &Courier) {
    let next = courier.inbox.lanes.lock().next_due();
    let due = async {
        match next {
            Some(due) => courier.world.sleep_until(due).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = courier.inbox.bell.notified() => {}
        () = due => {}
        () = tokio::time::sleep(HEARTBEAT) => {}
        () = courier.stop.cancelled() => {}
    }
}
