//! An intake that has so much room, and notes what it is told.

use std::sync::Arc;

use parking_lot::Mutex;
use sellvik_domain::{Lane, ShopId, Timestamp};

use crate::{Intake, Leased};

#[derive(Default)]
pub(crate) struct Recorder {
    room: Mutex<u32>,
    told: Mutex<Told>,
}

/// What an intake was told since it was last asked.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) reserved: Vec<(Lane, usize)>,
    pub(crate) cancelled: Vec<(Lane, usize)>,
    pub(crate) handed_over: Vec<Leased>,
    pub(crate) waiting: Vec<(Lane, Timestamp)>,
    pub(crate) changed: Vec<Lane>,
    pub(crate) jobs_made: u32,
}

impl Recorder {
    /// Has room for so many deliveries.
    pub(crate) fn with_room(deliveries: u32) -> Arc<Self> {
        Arc::new(Self { room: Mutex::new(deliveries), told: Mutex::default() })
    }

    /// Has room for everything.
    pub(crate) fn accepting() -> Arc<Self> {
        Self::with_room(u32::MAX)
    }

    /// Has room for nothing.
    pub(crate) fn refusing() -> Arc<Self> {
        Self::with_room(0)
    }

    pub(crate) fn told(&self) -> Told {
        std::mem::take(&mut self.told.lock())
    }
}

impl Intake for Recorder {
    fn reserve(&self, _: ShopId, lane: Lane, bytes: usize) -> bool {
        let mut room = self.room.lock();
        let Some(left) = room.checked_sub(1) else { return false };
        *room = left;
        self.told.lock().reserved.push((lane, bytes));
        true
    }

    fn cancel(&self, lane: Lane, bytes: usize) {
        *self.room.lock() += 1;
        self.told.lock().cancelled.push((lane, bytes));
    }

    fn hand_over(&self, leased: Vec<Leased>) {
        self.told.lock().handed_over.extend(leased);
    }

    fn waiting(&self, lanes: &[(Lane, Timestamp)]) {
        self.told.lock().waiting.extend(lanes);
    }

    fn changed(&self, lane: Lane) {
        self.told.lock().changed.push(lane);
    }

    fn all_changed(&self) {}

    fn job_made(&self) {
        self.told.lock().jobs_made += 1;
    }
}
