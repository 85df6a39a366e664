//! Typed ids: a prefix and 32 hex digits. One kind a line, in alphabetical order.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::Timestamp;

/// The text was not an id of the kind asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed id")]
pub struct InvalidId;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What every id of this kind starts with.
            pub const PREFIX: &'static str = $prefix;

            /// From the 16 bytes the ledger keeps.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The 16 bytes the ledger keeps; their order is the ids' order.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse_hex(text.strip_prefix($prefix).ok_or(InvalidId)?).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}

ids! {
    /// A delivery: one event on its way to one webhook. Time-ordered.
    DeliveryId = "del_";
    /// A redelivery job over a window of time. Time-ordered.
    JobId = "job_";
    /// An admin key. Time-ordered.
    KeyId = "key_";
    /// A shop, the unit of tenancy. `UUIDv4`, so not ordered.
    ShopId = "sh_";
    /// A webhook. Time-ordered.
    WebhookId = "wh_";
}

macro_rules! time_ordered {
    ($($name:ident)*) => {$(
        impl $name {
            /// A `UUIDv7` of the moment `at` with `random` behind it.
            pub fn new(at: Timestamp, random: [u8; 10]) -> Self {
                Self(time_ordered(at, random))
            }
        }
    )*};
}

time_ordered! { DeliveryId JobId KeyId WebhookId }

impl DeliveryId {
    /// The moment it was made, which its first six bytes tell.
    pub fn made_at(&self) -> Timestamp {
        let mut ms = [0; 8];
        ms[2..].copy_from_slice(&self.as_bytes()[..6]);
        Timestamp::from_millis(i64::from_be_bytes(ms))
    }
}

impl ShopId {
    /// A `UUIDv4` of these random bytes.
    pub fn new(random: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(random).into_uuid())
    }

    /// The first six hex characters of the UUID: what an admin key names in the clear (CONTRACT §1).
    pub fn shard(&self) -> String {
        let mut text = self.0.simple().to_string();
        text.truncate(6);
        text
    }
}

/// The `k`-th of a family of delivery ids that share a moment and one draw of randomness.
///
/// A fan-out needs as many ids as it finds webhooks, which only the ledger knows; drawing once and
/// counting up keeps the draw outside and the order within the event.
pub fn delivery_id_of_family(at: Timestamp, seed: [u8; 10], k: u32) -> DeliveryId {
    let mut wide = [0; 16];
    wide[6..].copy_from_slice(&seed);
    let counted = u128::from_be_bytes(wide).wrapping_add(u128::from(k)).to_be_bytes();
    let mut random = [0; 10];
    random.copy_from_slice(&counted[6..]);
    DeliveryId::new(at, random)
}

/// The time-ordered text that generated event ids carry behind their prefix.
pub(crate) fn time_ordered_hex(at: Timestamp, random: [u8; 10]) -> String {
    time_ordered(at, random).simple().to_string()
}

fn time_ordered(at: Timestamp, random: [u8; 10]) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(at.as_millis().unsigned_abs(), &random).into_uuid()
}

/// Exactly 32 lower-case hex digits; the UUID crate alone would take other spellings of the same id.
fn parse_hex(text: &str) -> Result<Uuid, InvalidId> {
    let canonical =
        text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !canonical {
        return Err(InvalidId);
    }
    Uuid::try_parse(text).map_err(|_| InvalidId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_and_refuse_other_spellings() {
        let id = WebhookId::new(Timestamp::from_millis(1_779_889_500_000), [7; 10]);
        assert_eq!(id.to_string().parse(), Ok(id));
        let text = id.to_string();
        for bad in [
            text.to_uppercase(),
            text.replace("wh_", "del_"),
            format!("{text}0"),
            text[..text.len() - 1].to_owned(),
            "wh_".to_owned(),
            "wh_é".to_owned(),
        ] {
            assert_eq!(bad.parse::<WebhookId>(), Err(InvalidId), "{bad}");
        }
    }

    #[test]
    fn ids_are_ordered_by_time() {
        let early = DeliveryId::new(Timestamp::from_millis(1_000), [255; 10]);
        let late = DeliveryId::new(Timestamp::from_millis(1_001), [0; 10]);
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!([early.made_at().as_millis(), late.made_at().as_millis()], [1_000, 1_001]);
    }

    #[test]
    fn a_family_of_delivery_ids_is_distinct() {
        let at = Timestamp::from_millis(1_000);
        let ids: std::collections::HashSet<_> =
            (0..1000).map(|k| delivery_id_of_family(at, [0xff; 10], k)).collect();
        assert_eq!(ids.len(), 1000);
    }

    #[test]
    fn a_shop_is_a_uuid_v4_and_names_its_shard() {
        let id = ShopId::new([0xab; 16]);
        assert_eq!(id.0.get_version_num(), 4);
        assert_eq!(id.shard(), "ababab");
    }
}
