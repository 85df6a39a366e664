//! Connections at rest, to be taken up by the next attempt at the same place.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sellvik_domain::EndpointUrl;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use crate::connection::Connection;

/// Most idle connections to one origin: the widest window of two endpoints there, so that connections in
/// steady use are never closed only to be opened again.
pub const IDLE_PER_ORIGIN_MAX: usize = 256;

/// Most idle connections altogether: what fits an ordinary limit of open files beside the attempts.
const IDLE_MAX: usize = 2_048;

/// Longest rest of a connection, in seconds: less than most servers and address translators allow one,
/// so few are found dead.
const IDLE_SECONDS_MAX: u64 = 30;

/// How often resting connections are looked through, in seconds. One pass polls [`IDLE_MAX`] at most.
const SWEEP_SECONDS: u64 = 1;

/// What a connection is good for, but for the address at its other end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    https: bool,
    host: Box<str>,
    port: u16,
}

impl Origin {
    /// The origin of a URL.
    pub fn of(url: &EndpointUrl) -> Self {
        Self { https: url.is_https(), host: url.host_text().into(), port: url.port() }
    }
}

/// The connections at rest.
#[derive(Default)]
pub struct Pool {
    rack: Mutex<Rack>,
}

#[derive(Default)]
struct Rack {
    /// Per origin, the one used last at the back. No origin is empty.
    origins: HashMap<Origin, VecDeque<Idle>>,
    total: usize,
    /// Runs while there is anything to look after.
    sweeper: Option<AbortHandle>,
}

struct Idle {
    connection: Box<Connection>,
    since: Instant,
}

impl Idle {
    fn is_young(&self, now: Instant) -> bool {
        now.duration_since(self.since) < Duration::from_secs(IDLE_SECONDS_MAX)
    }
}

impl Pool {
    /// A living connection to one of the addresses, which have been vetted just now.
    pub fn take(&self, origin: &Origin, addresses: &[SocketAddr]) -> Option<Box<Connection>> {
        loop {
            let mut idle = self.rack.lock().take(origin, addresses)?;
            // Polled and, if dead, dropped outside the lock.
            if idle.is_young(Instant::now()) && idle.connection.is_idle() {
                return Some(idle.connection);
            }
        }
    }

    /// Lets a connection rest, if it can carry another request.
    pub fn put(self: &Arc<Self>, origin: Origin, mut connection: Box<Connection>) {
        if !connection.is_idle() {
            return;
        }
        let mut rack = self.rack.lock();
        let surplus = rack.put(origin, Idle { connection, since: Instant::now() });
        if rack.sweeper.as_ref().is_none_or(AbortHandle::is_finished) {
            rack.sweeper = Some(self.start_sweeper());
        }
        drop(rack);
        drop(surplus);
    }

    /// How many connections rest.
    #[cfg(test)]
    pub fn total(&self) -> usize {
        self.rack.lock().total
    }

    /// The one background task, and only while something rests: it closes connections that have rested
    /// long enough or whose peer has closed, also when no attempt comes by.
    fn start_sweeper(self: &Arc<Self>) -> AbortHandle {
        let pool = Arc::downgrade(self);
        let sweeping = async move {
            loop {
                sleep(Duration::from_secs(SWEEP_SECONDS)).await;
                let Some(pool) = pool.upgrade() else { return };
                if pool.sweep(Instant::now()) {
                    return;
                }
            }
        };
        tokio::spawn(sweeping).abort_handle()
    }

    /// Drops what is old or dead; whether nothing is left, and the sweeper with it.
    pub fn sweep(&self, now: Instant) -> bool {
        let mut rack = self.rack.lock();
        let dropped = rack.sweep(now);
        let empty = rack.total == 0;
        if empty {
            rack.sweeper = None;
        }
        drop(rack);
        drop(dropped);
        empty
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(sweeper) = &self.rack.get_mut().sweeper {
            sweeper.abort();
        }
    }
}

impl Rack {
    fn take(&mut self, origin: &Origin, addresses: &[SocketAddr]) -> Option<Idle> {
        let row = self.origins.get_mut(origin)?;
        let at = row.iter().rposition(|idle| addresses.contains(&idle.connection.peer()))?;
        let idle = row.remove(at)?;
        self.total -= 1;
        if row.is_empty() {
            self.origins.remove(origin);
        }
        Some(idle)
    }

    /// Puts a connection in; what has to make room for it comes out.
    fn put(&mut self, origin: Origin, idle: Idle) -> Option<Idle> {
        let full = self.origins.get(&origin).is_some_and(|row| row.len() >= IDLE_PER_ORIGIN_MAX);
        let surplus = if full {
            self.origins.get_mut(&origin).and_then(VecDeque::pop_front)
        } else if self.total >= IDLE_MAX {
            self.evict()
        } else {
            None
        };
        self.total = self.total + 1 - usize::from(surplus.is_some());
        self.origins.entry(origin).or_default().push_back(idle);
        surplus
    }

    /// The oldest of an arbitrary origin: which one matters less than that there is room for the newest.
    fn evict(&mut self) -> Option<Idle> {
        let (origin, row) = self.origins.iter_mut().next()?;
        let oldest = row.pop_front();
        if row.is_empty() {
            let origin = origin.clone();
            self.origins.remove(&origin);
        }
        oldest
    }

    fn sweep(&mut self, now: Instant) -> Vec<Idle> {
        let mut dropped = Vec::new();
        self.origins.retain(|_, row| {
            for mut idle in std::mem::take(row) {
                if idle.is_young(now) && idle.connection.is_idle() {
                    row.push_back(idle);
                } else {
                    dropped.push(idle);
                }
            }
            !row.is_empty()
        });
        self.total -= dropped.len();
        dropped
    }
}
