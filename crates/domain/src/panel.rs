//! The panel's one-time links and sessions: what they may do (CONTRACT §4, §7).

use crate::{Scope, Scopes, Shop, Timestamp};

/// One thing a panel session may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// See webhooks and their deliveries.
    Read,
    /// Create, change and delete webhooks, redeliver, send test events. Does not imply reading.
    Write,
    /// See, mint and revoke admin keys.
    Keys,
}

impl Capability {
    /// Every capability.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Keys];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Keys => "keys",
        }
    }

    /// The capability of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|capability| capability.as_str() == text)
    }
}

/// What one session may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// What it may do to webhooks.
    pub scopes: Scopes,
    /// Whether it may manage admin keys.
    pub keys: bool,
}

impl Capabilities {
    /// With `capability` besides.
    #[must_use]
    pub fn with(mut self, capability: Capability) -> Self {
        match capability {
            Capability::Read => self.scopes = self.scopes.with(Scope::WebhooksRead),
            Capability::Write => self.scopes = self.scopes.with(Scope::WebhooksWrite),
            Capability::Keys => self.keys = true,
        }
        self
    }

    /// Whether `capability` is among them.
    pub fn contains(self, capability: Capability) -> bool {
        match capability {
            Capability::Read => self.scopes.contains(Scope::WebhooksRead),
            Capability::Write => self.scopes.contains(Scope::WebhooksWrite),
            Capability::Keys => self.keys,
        }
    }
}

/// A merchant's time in the panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PanelSession {
    /// Whose webhooks it shows.
    pub shop: Shop,
    /// What it may do.
    pub capabilities: Capabilities,
    /// When it ends.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_what_was_named() {
        for one in Capability::ALL {
            assert_eq!(Capability::parse(one.as_str()), Some(one));
            let only = Capabilities::default().with(one);
            for other in Capability::ALL {
                assert_eq!(only.contains(other), one == other);
            }
        }
        assert_eq!(Capability::parse("admin"), None);
    }
}
