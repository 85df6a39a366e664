//! The courier as a whole: what it is made of, how it starts, how it stops.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sellvik_clock::World;
use sellvik_domain::{Lane, Schedule, Timestamp};
use sellvik_egress::Egress;
use sellvik_store::{Intake, Leased, Settled, Store};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bounds::{HEARTBEAT, STALL};
use crate::lanes::Lanes;
use crate::{attempt, claimer, keeper};

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
    attempts: TaskTracker,
}

/// What commits reach. Apart from the courier, because the ledger holds it and the courier the ledger.
pub(crate) struct Inbox {
    pub(crate) lanes: Mutex<Lanes>,
    /// Something may be due, or may start.
    pub(crate) bell: Notify,
    /// A redelivery job waits.
    pub(crate) job_bell: Notify,
    world: World,
}

impl Intake for Inbox {
    fn reserve(&self, lane: Lane, bytes: usize) -> bool {
        self.lanes.lock().reserve(lane, bytes, self.world.now())
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

/// A running courier.
pub struct Dispatch {
    courier: Arc<Courier>,
    loops: TaskTracker,
}

impl Dispatch {
    /// Starts the courier; from here on what is published is delivered.
    pub fn start(
        store: Arc<dyn Store>,
        egress: Arc<Egress>,
        world: World,
        settings: DispatchSettings,
    ) -> Self {
        let inbox = Arc::new(Inbox {
            lanes: Mutex::default(),
            bell: Notify::new(),
            job_bell: Notify::new(),
            world: world.clone(),
        });
        store.attach(inbox.clone());
        let courier = Arc::new(Courier {
            store,
            egress,
            world,
            settings,
            inbox,
            stop: CancellationToken::new(),
            heartbeat: Mutex::new(Instant::now()),
            attempts: TaskTracker::new(),
        });
        let loops = TaskTracker::new();
        loops.spawn(claimer::run(courier.clone()));
        keeper::spawn_all(&loops, &courier);
        loops.close();
        Self { courier, loops }
    }

    /// Whether the courier goes round: false when it has been silent for too long.
    pub fn is_alive(&self) -> bool {
        self.courier.heartbeat.lock().elapsed() < STALL
    }

    /// Starts nothing more, gives back what waits in memory, and lets what is in flight end and be
    /// settled, within the grace.
    pub async fn shutdown(&self) {
        let courier = &self.courier;
        let waiting = courier.inbox.lanes.lock().stop();
        courier.stop.cancel();
        courier.inbox.bell.notify_one();
        self.loops.wait().await;
        let finish = async {
            for leased in waiting {
                attempt::settle(courier, &leased, Settled::Released, None).await;
            }
            courier.attempts.close();
            courier.attempts.wait().await;
        };
        if tokio::time::timeout(courier.settings.grace, finish).await.is_err() {
            let in_flight = courier.inbox.lanes.lock().in_flight();
            tracing::warn!(in_flight, "attempts cut short by shutdown; they will be made again");
        }
    }
}

impl Courier {
    /// Starts everything that may start.
    pub(crate) fn pump(self: &Arc<Self>) {
        let runtime = Handle::current();
        loop {
            let Some(start) = self.inbox.lanes.lock().start_next() else { return };
            self.attempts.spawn_on(attempt::run(self.clone(), start), &runtime);
        }
    }

    /// Waits for the bell, the next due time or the heartbeat, whichever is first.
    pub(crate) async fn rest(&self) {
        let next = self.inbox.lanes.lock().next_due();
        let due = async {
            match next {
                Some(due) => self.world.sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.inbox.bell.notified() => {}
            () = due => {}
            () = tokio::time::sleep(HEARTBEAT) => {}
            () = self.stop.cancelled() => {}
        }
    }
}
