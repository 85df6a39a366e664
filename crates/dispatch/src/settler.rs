//! Settling: one task writes what attempts bring, many to a commit, so that an attempt ends without waiting
//! for the disk.

use std::collections::VecDeque;
use std::sync::Arc;

use sellvik_domain::DeliveryId;
use sellvik_store::{Leased, NewEvent, Settled, Settlement, Settling, StoreError};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::bounds::{LEDGER_RETRY, SETTLE_EVERY, SETTLE_MAX};
use crate::courier::Courier;

/// A lease that has ended here and not yet on record. There are never more of them than deliveries are held
/// in memory: each counts until it is settled.
pub(crate) struct Unsettled {
    delivery: DeliveryId,
    bytes: usize,
    settlement: Settlement,
}

impl Courier {
    /// Has a lease ended on record, however long the ledger takes no writes.
    pub(crate) fn settle(&self, leased: &Leased, settled: Settled, notice: Option<NewEvent>) {
        let Leased { lease, lane, delivery, attempts, chain, .. } = *leased;
        let settlement = Settlement { lease, lane, attempts, test: chain.test, settled, notice };
        let bytes = leased.event.envelope.len();
        // Once the settler has gone, nothing is left to do it: the lease runs out by itself.
        let _ = self.unsettled.send(Unsettled { delivery, bytes, settlement });
    }
}

/// Settles until it is told that nothing more comes, and then what came before that.
pub(crate) async fn run(courier: Arc<Courier>, mut queue: UnboundedReceiver<Unsettled>) {
    let to_a_write = courier.store.settlements_max();
    let mut batch = Vec::new();
    let mut last = Instant::now();
    loop {
        if queue.len() < SETTLE_MAX {
            tokio::select! {
                biased;
                () = courier.all_landed.cancelled() => queue.close(),
                () = sleep_until(last + SETTLE_EVERY) => {}
            }
        }
        tokio::select! {
            biased;
            many = queue.recv_many(&mut batch, SETTLE_MAX) => {
                if many == 0 {
                    return;
                }
                last = Instant::now();
                // Those of a lane side by side, in the order they came: the ledger keeps them so, and each write
                // changes fewer pages.
                batch.sort_by_key(|one: &Unsettled| one.settlement.lane);
                let mut writes = JoinSet::new();
                while !batch.is_empty() {
                    let part = batch.drain(..batch.len().min(to_a_write)).collect();
                    writes.spawn(settle_all(courier.clone(), part));
                }
                while writes.join_next().await.is_some() {}
            }
            () = courier.all_landed.cancelled(), if !queue.is_closed() => queue.close(),
        }
    }
}

/// Writes until all of it is on record. What the ledger does not take is tried again in halves, so that a
/// write that is at fault itself is soon alone.
async fn settle_all(courier: Arc<Courier>, batch: Vec<Unsettled>) {
    let mut left = VecDeque::from([batch]);
    let mut failing = false;
    while let Some(batch) = left.pop_front() {
        let (error, mut batch) = match write(&courier, batch).await {
            Ok(again) if again.is_empty() => continue,
            Ok(again) => {
                left.push_front(again);
                continue;
            }
            Err(failed) => failed,
        };
        if !std::mem::replace(&mut failing, true) {
            courier.inbox.lanes.lock().ledger_fails();
            tracing::error!(deliveries = batch.len(), error = %error, "not settled yet");
        }
        let half = batch.split_off(batch.len() / 2);
        left.extend([batch, half].into_iter().filter(|half| !half.is_empty()));
        tokio::time::sleep(LEDGER_RETRY).await;
    }
    if failing {
        courier.inbox.lanes.lock().ledger_recovers();
    }
    courier.inbox.bell.notify_one();
}

/// One commit. Comes back with what is to be settled by a newer lease: its own ran out, and this process
/// claimed the delivery anew meanwhile.
async fn write(
    courier: &Courier,
    batch: Vec<Unsettled>,
) -> Result<Vec<Unsettled>, (StoreError, Vec<Unsettled>)> {
    let (held, settlements) = with_latest_leases(courier, batch);
    match courier.store.settle(settlements.clone()).await {
        Ok(answers) => Ok(note(courier, &held, &settlements, &answers)),
        Err(error) => {
            let all = held.iter().zip(settlements.iter());
            Err((error, all.map(|(held, settlement)| held.unsettled(settlement)).collect()))
        }
    }
}

/// What a delivery takes up here until it is settled.
struct Held {
    delivery: DeliveryId,
    bytes: usize,
}

impl Held {
    fn unsettled(&self, settlement: &Settlement) -> Unsettled {
        Unsettled { delivery: self.delivery, bytes: self.bytes, settlement: settlement.clone() }
    }
}

fn with_latest_leases(courier: &Courier, batch: Vec<Unsettled>) -> (Vec<Held>, Arc<[Settlement]>) {
    let lanes = courier.inbox.lanes.lock();
    let latest = batch.into_iter().map(|Unsettled { delivery, bytes, mut settlement }| {
        settlement.lease = lanes.lease(delivery).unwrap_or(settlement.lease);
        (Held { delivery, bytes }, settlement)
    });
    let (held, settlements): (Vec<_>, Vec<_>) = latest.unzip();
    (held, settlements.into())
}

/// Frees what was settled; what a newer lease must settle comes back.
fn note(
    courier: &Courier,
    held: &[Held],
    settlements: &[Settlement],
    answers: &[Settling],
) -> Vec<Unsettled> {
    let mut again = Vec::new();
    let mut lanes = courier.inbox.lanes.lock();
    for ((held, settlement), answer) in held.iter().zip(settlements).zip(answers) {
        let renewed = lanes.lease(held.delivery).is_some_and(|lease| lease != settlement.lease);
        if *answer == Settling::LeaseLost && renewed {
            again.push(held.unsettled(settlement));
        } else {
            lanes.forget(held.delivery, settlement.lease, settlement.lane, held.bytes);
        }
    }
    again
}
