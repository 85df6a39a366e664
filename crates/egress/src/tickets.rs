//! Tickets for coming back to a receiver without a whole handshake (RFC 8446 §2.2).
//!
//! Each is good for one connection. A busy receiver that closes its connections is come back to on as many as an
//! endpoint's window is wide, so that many are kept; the library's own store keeps eight to a name.

use std::collections::{HashMap, VecDeque};

use parking_lot::Mutex;
use rustls::NamedGroup;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;

/// Most tickets for one name: the widest window of an endpoint.
const TICKETS_PER_NAME_MAX: usize = 128;

/// Most tickets altogether, each with its receiver's certificates: some kilobytes.
const TICKETS_MAX: usize = 2_048;

/// Names of which the rest is remembered: which key exchange they chose, and a session of TLS 1.2.
const NAMES_MAX: usize = 2_048;

#[derive(Debug)]
pub struct Tickets {
    tls13: Mutex<Rack<Tls13ClientSessionValue>>,
    rest: ClientSessionMemoryCache,
}

impl Tickets {
    pub fn new() -> Self {
        Self { tls13: Mutex::default(), rest: ClientSessionMemoryCache::new(NAMES_MAX) }
    }
}

impl ClientSessionStore for Tickets {
    fn insert_tls13_ticket(&self, name: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.tls13.lock().put(name, ticket);
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.tls13.lock().take(name)
    }

    fn set_kx_hint(&self, name: ServerName<'static>, group: NamedGroup) {
        self.rest.set_kx_hint(name, group);
    }

    fn kx_hint(&self, name: &ServerName<'_>) -> Option<NamedGroup> {
        self.rest.kx_hint(name)
    }

    fn set_tls12_session(&self, name: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.rest.set_tls12_session(name, session);
    }

    fn tls12_session(&self, name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.rest.tls12_session(name)
    }

    fn remove_tls12_session(&self, name: &ServerName<'static>) {
        self.rest.remove_tls12_session(name);
    }
}

/// Tickets by name, the newest of each at the back. No name is without.
#[derive(Debug)]
struct Rack<T> {
    names: HashMap<ServerName<'static>, VecDeque<T>>,
    total: usize,
}

impl<T> Default for Rack<T> {
    fn default() -> Self {
        Self { names: HashMap::new(), total: 0 }
    }
}

impl<T> Rack<T> {
    fn put(&mut self, name: ServerName<'static>, ticket: T) {
        if self.names.get(&name).is_some_and(|tickets| tickets.len() >= TICKETS_PER_NAME_MAX) {
            self.drop_oldest(&name);
        } else if self.total >= TICKETS_MAX
            // Which name it is matters less than that there is room for the newest.
            && let Some(any) = self.names.keys().next().cloned()
        {
            self.drop_oldest(&any);
        }
        self.names.entry(name).or_default().push_back(ticket);
        self.total += 1;
    }

    /// The newest: it is good for longest.
    fn take(&mut self, name: &ServerName<'static>) -> Option<T> {
        self.remove(name, VecDeque::pop_back)
    }

    fn drop_oldest(&mut self, name: &ServerName<'static>) {
        self.remove(name, VecDeque::pop_front);
    }

    fn remove(
        &mut self,
        name: &ServerName<'static>,
        which: impl FnOnce(&mut VecDeque<T>) -> Option<T>,
    ) -> Option<T> {
        let tickets = self.names.get_mut(name)?;
        let removed = which(tickets)?;
        self.total -= 1;
        if tickets.is_empty() {
            self.names.remove(name);
        }
        Some(removed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: usize) -> ServerName<'static> {
        ServerName::try_from(format!("shop-{number}.example")).unwrap_or_else(|_| unreachable!())
    }

    #[test]
    fn the_newest_ticket_goes_first_and_each_once() {
        let mut rack = Rack::default();
        for ticket in 0..TICKETS_PER_NAME_MAX + 3 {
            rack.put(name(1), ticket);
        }
        assert_eq!(rack.total, TICKETS_PER_NAME_MAX);
        let taken: Vec<_> = std::iter::from_fn(|| rack.take(&name(1))).collect();
        assert_eq!(taken, (3..TICKETS_PER_NAME_MAX + 3).rev().collect::<Vec<_>>(), "the oldest made room");
        assert!(rack.names.is_empty() && rack.total == 0);
    }

    #[test]
    fn many_names_share_a_bound() {
        let mut rack = Rack::default();
        for number in 0..TICKETS_MAX + 100 {
            rack.put(name(number), number);
            assert_eq!(rack.total, rack.names.values().map(VecDeque::len).sum::<usize>());
        }
        assert_eq!(rack.total, TICKETS_MAX);
        assert_eq!(rack.take(&name(TICKETS_MAX + 99)), Some(TICKETS_MAX + 99));
        assert_eq!(rack.take(&name(TICKETS_MAX + 100)), None);
    }
}
