//! Which webhooks of a shop want which events.

use sellvik_domain::{EventType, Lane, Shop};

/// A shop's enabled webhooks and what they subscribe to.
pub(crate) struct Routes {
    /// Where the ledger has the shop.
    pub(crate) seq: i64,
    pub(crate) shop: Shop,
    pub(crate) hooks: Vec<(Lane, Vec<EventType>)>,
}

impl Routes {
    /// The lanes that want events of this type.
    pub(crate) fn subscribed(&self, kind: &EventType) -> Vec<Lane> {
        self.hooks.iter().filter(|(_, events)| events.contains(kind)).map(|(lane, _)| *lane).collect()
    }
}
