//! What every part of the courier has at hand, and where commits reach it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sellvik_clock::World;
use sellvik_domain::{Lane, Schedule, ShopId, Timestamp};
use sellvik_egress::Egress;
use sellvik_store::{Intake, Leased, Store};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::lanes::Lanes;
use crate::settler::Unsettled;

/// What the courier is told.
#[derive(Debug, Clone)]
pub struct DispatchSettings {
    /// When attempts are made.
    pub schedule: Schedule,
    /// How long deliveries are kept.
    pub retention: Duration,
    /// How long a shutdown waits for attempts in flight: the delivery timeout and a little.
    pub grace: Duration,
}

/// What every part of the courier has at hand.
pub(crate) struct Courier {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) egress: Arc<Egress>,
    pub(crate) world: World,
    pub(crate) settings: DispatchSettings,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) stop: CancellationToken,
    /// When the claimer last went round.
    pub(crate) heartbeat: Mutex<Instant>,
    pub(crate) attempts: TaskTracker,
    /// What the settler is to put on record.
    pub(crate) unsettled: UnboundedSender<Unsettled>,
    /// Nothing more comes for the settler.
    pub(crate) all_landed: CancellationToken,
}

/// What commits reach. Apart from the courier, because the ledger holds it and the courier the ledger.
pub(crate) struct Inbox {
    pub(crate) lanes: Mutex<Lanes>,
    /// Something may be due, or may start.
    pub(crate) bell: Notify,
    /// A redelivery job waits.
    pub(crate) job_bell: Notify,
    pub(crate) world: World,
}

impl Intake for Inbox {
    fn reserve(&self, shop: ShopId, lane: Lane, bytes: usize) -> bool {
        self.lanes.lock().reserve(shop, lane, bytes, self.world.now())
    }

    fn cancel(&self, lane: Lane, bytes: usize) {
        self.lanes.lock().cancel(lane, bytes);
    }

    fn hand_over(&self, leased: Vec<Leased>) {
        let mut lanes = self.lanes.lock();
        for delivery in leased {
            lanes.take_reserved(delivery);
        }
        drop(lanes);
        self.bell.notify_one();
    }

    fn waiting(&self, waiting: &[(Lane, Timestamp)]) {
        let mut lanes = self.lanes.lock();
        for (lane, due) in waiting {
            lanes.waiting(*lane, *due);
        }
        drop(lanes);
        self.bell.notify_one();
    }

    fn changed(&self, lane: Lane) {
        // A lane that was held is looked at again: it may have been enabled.
        self.unhold(lane);
    }

    fn all_changed(&self) {
        let held = self.lanes.lock().held();
        for lane in held {
            self.unhold(lane);
        }
    }

    fn job_made(&self) {
        self.job_bell.notify_one();
    }
}

impl Inbox {
    pub(crate) fn unhold(&self, lane: Lane) {
        let mut lanes = self.lanes.lock();
        if lanes.hold(lane, false) {
            lanes.waiting(lane, Timestamp::EPOCH);
        }
        drop(lanes);
        self.bell.notify_one();
    }
}
