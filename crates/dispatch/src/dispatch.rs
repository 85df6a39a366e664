//! The courier as a whole: how it starts, how it stops.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use sellvik_clock::World;
use sellvik_egress::Egress;
use sellvik_store::{Settled, Store};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bounds::STALL;
use crate::courier::{Courier, DispatchSettings, Inbox};
use crate::{claimer, keeper, settler};

/// A running courier.
pub struct Dispatch {
    courier: Arc<Courier>,
    loops: TaskTracker,
    settler: TaskTracker,
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
        let (unsettled, queue) = mpsc::unbounded_channel();
        let courier = Arc::new(Courier {
            store,
            egress,
            world,
            settings,
            inbox,
            stop: CancellationToken::new(),
            heartbeat: Mutex::new(Instant::now()),
            attempts: TaskTracker::new(),
            unsettled,
            all_landed: CancellationToken::new(),
        });
        let settler = TaskTracker::new();
        settler.spawn(settler::run(courier.clone(), queue));
        settler.close();
        let loops = TaskTracker::new();
        loops.spawn(claimer::run(courier.clone()));
        keeper::spawn_all(&loops, &courier);
        loops.close();
        Self { courier, loops, settler }
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
                courier.settle(&leased, Settled::Released, None);
            }
            courier.attempts.close();
            courier.attempts.wait().await;
            courier.all_landed.cancel();
            self.settler.wait().await;
        };
        if tokio::time::timeout(courier.settings.grace, finish).await.is_err() {
            let in_flight = courier.inbox.lanes.lock().in_flight();
            courier.all_landed.cancel();
            tracing::warn!(in_flight, "attempts cut short by shutdown; they will be made again");
        }
    }
}
