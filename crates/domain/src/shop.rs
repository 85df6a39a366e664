//! Shops, admin keys and what a key may do (CONTRACT §1).

use serde::Serialize;

use crate::{KeyId, ShopId, Timestamp};

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shop {
    /// Its id.
    pub id: ShopId,
    /// Its part of the platform's host name; unique.
    pub subdomain: Subdomain,
    /// What people call it.
    pub name: Option<Name>,
    /// Whether `http://` endpoints are allowed; never changes.
    pub dev: bool,
    /// When the platform created it.
    pub created_at: Timestamp,
}

/// A DNS label: `^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$` (CONTRACT §4).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Subdomain(String);

impl Subdomain {
    /// Takes a well-formed label.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let edge = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let bytes = text.as_bytes();
        let ok = matches!(bytes.len(), 1..=63)
            && bytes.iter().all(|b| edge(b) || *b == b'-')
            && bytes.first().is_some_and(edge)
            && bytes.last().is_some_and(edge);
        ok.then(|| Self(text.to_owned())).ok_or(
            "must be 1 to 63 lower-case letters, digits or hyphens, and start and end with a letter or digit",
        )
    }

    /// The label.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A label that people give to a webhook, key or shop: at most 200 characters, no control characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Name(String);

/// Longest name in characters: a line on a screen.
pub const NAME_CHARS_MAX: usize = 200;

impl Name {
    /// Takes a printable name.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.chars().count() > NAME_CHARS_MAX {
            return Err("must be at most 200 characters");
        }
        if text.chars().any(char::is_control) {
            return Err("must not contain control characters");
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One thing an admin key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Scope {
    /// Read webhooks and their deliveries.
    #[serde(rename = "webhooks:read")]
    WebhooksRead,
    /// Create, change and delete webhooks, redeliver, send test events. Does not imply reading.
    #[serde(rename = "webhooks:write")]
    WebhooksWrite,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 2] = [Self::WebhooksRead, Self::WebhooksWrite];

    /// The scope's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WebhooksRead => "webhooks:read",
            Self::WebhooksWrite => "webhooks:write",
        }
    }

    /// The scope of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// The scopes of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes {
    read: bool,
    write: bool,
}

impl Scopes {
    /// Both scopes.
    pub const ALL: Self = Self { read: true, write: true };

    /// With `scope` besides.
    #[must_use]
    pub fn with(mut self, scope: Scope) -> Self {
        match scope {
            Scope::WebhooksRead => self.read = true,
            Scope::WebhooksWrite => self.write = true,
        }
        self
    }

    /// Whether `scope` is among them.
    pub fn contains(self, scope: Scope) -> bool {
        match scope {
            Scope::WebhooksRead => self.read,
            Scope::WebhooksWrite => self.write,
        }
    }

    /// In the order of [`Scope::ALL`].
    pub fn to_vec(self) -> Vec<Scope> {
        Scope::ALL.into_iter().filter(|scope| self.contains(*scope)).collect()
    }
}

/// An admin key as it may be shown at any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminKey {
    /// Its id.
    pub id: KeyId,
    /// The shop it acts for.
    pub shop: ShopId,
    /// What people call it.
    pub name: Option<Name>,
    /// The first characters of the plaintext, for triage.
    pub prefix: String,
    /// Fixed at creation.
    pub scopes: Scopes,
    /// When it was minted.
    pub created_at: Timestamp,
    /// When it last opened the door, to the minute.
    pub last_used_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subdomains_are_dns_labels() {
        for good in ["a", "0", "acme", "a-b", "a--b", &"a".repeat(63)] {
            assert!(Subdomain::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a.b", "a_b", "ä", "a\n", &"a".repeat(64)] {
            assert!(Subdomain::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn write_does_not_imply_read() {
        let scopes = Scopes::default().with(Scope::WebhooksWrite);
        assert!(scopes.contains(Scope::WebhooksWrite) && !scopes.contains(Scope::WebhooksRead));
    }

    #[test]
    fn names_are_bounded_and_printable() {
        assert!(Name::parse(&"ş".repeat(200)).is_ok());
        assert!(Name::parse(&"ş".repeat(201)).is_err());
        assert!(Name::parse("a\u{7}b").is_err());
    }
}
