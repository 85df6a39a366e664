//! Who is connected, and who has to go when the house is full.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// What everybody is granted to begin a request, even in a full house: longer than a request's way around
/// the world.
const GRANTED: Duration = Duration::from_secs(1);

/// How soon a full house is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// So many seats. When all are taken, who has waited longest without a request under way makes room, so
/// that strangers who say nothing keep nobody out.
pub(super) struct Seats {
    free: Arc<Semaphore>,
    silent: Mutex<Silent>,
}

/// Those without a request under way, longest silent first.
#[derive(Default)]
struct Silent {
    next: u64,
    since: BTreeMap<u64, (Instant, Arc<Notify>)>,
}

impl Seats {
    pub(super) fn new(many: usize) -> Arc<Self> {
        Arc::new(Self { free: Arc::new(Semaphore::new(many)), silent: Mutex::default() })
    }

    /// A seat for one more; somebody else's, if none is free.
    pub(super) async fn take(self: &Arc<Self>) -> Seat {
        let permit = loop {
            if let Ok(permit) = self.free.clone().try_acquire_owned() {
                break permit;
            }
            self.send_one_away();
            if let Ok(Ok(permit)) = timeout(LOOK_AGAIN, self.free.clone().acquire_owned()).await {
                break permit;
            }
        };
        let seat = Seat { seats: self.clone(), gone: Arc::default(), place: Mutex::new(0), _permit: permit };
        seat.falls_silent();
        seat
    }

    fn send_one_away(&self) {
        let mut silent = self.silent.lock();
        if let Some(longest) = silent.since.first_entry()
            && longest.get().0.elapsed() >= GRANTED
        {
            longest.remove().1.notify_one();
        }
    }
}

/// A place for one connection.
pub(super) struct Seat {
    seats: Arc<Seats>,
    gone: Arc<Notify>,
    /// Where it stands among the silent, if it does.
    place: Mutex<u64>,
    _permit: OwnedSemaphorePermit,
}

impl Seat {
    /// Its holder waits for a request.
    fn falls_silent(&self) {
        let mut silent = self.seats.silent.lock();
        silent.next += 1;
        let place = silent.next;
        silent.since.insert(place, (Instant::now(), self.gone.clone()));
        *self.place.lock() = place;
    }

    fn speaks(&self) {
        self.seats.silent.lock().since.remove(&*self.place.lock());
    }

    /// A request of its holder is under way, until this is dropped.
    pub(super) fn request(self: &Arc<Self>) -> UnderWay {
        self.speaks();
        UnderWay(self.clone())
    }

    /// Resolves when its holder has to go.
    pub(super) async fn sent_away(&self) {
        self.gone.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.speaks();
    }
}

/// A request under way.
pub(super) struct UnderWay(Arc<Seat>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.falls_silent();
    }
}
