//! Moments in time as the wire and the ledger show them.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Milliseconds since the Unix epoch, UTC.
///
/// Printed as RFC 3339 with exactly three decimals and `Z` (CONTRACT §2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The last moment that can be printed: 9999-12-30T21:59:59.999Z, from where every offset still has
/// four year digits.
const LATEST_MS: i64 = 253_402_207_199_999;

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);

    /// From milliseconds since the epoch, held within years 1970–9999 so that it can always be printed.
    pub fn from_millis(ms: i64) -> Self {
        Self(ms.clamp(0, LATEST_MS))
    }

    /// Milliseconds since the epoch.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, as signatures carry them.
    pub fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Parses any RFC 3339 moment with an offset, within years 1970–9999.
    pub fn parse(text: &str) -> Option<Self> {
        let parsed: jiff::Timestamp = text.parse().ok()?;
        let ms = parsed.as_millisecond();
        // A space or a lower-case `t` is jiff's leniency, not RFC 3339's.
        let strict = text.as_bytes().get(10) == Some(&b'T');
        (strict && (0..=LATEST_MS).contains(&ms)).then_some(Self(ms))
    }

    /// The moment `delay` later.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(millis(delay)))
    }

    /// The moment `delay` earlier.
    #[must_use]
    pub fn before(self, delay: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(millis(delay)))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).try_into().unwrap_or(0))
    }
}

fn millis(delay: Duration) -> i64 {
    delay.as_millis().try_into().unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(moment) = jiff::Timestamp::from_millisecond(self.0) else { return Err(fmt::Error) };
        write!(f, "{moment:.3}")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("not an RFC 3339 moment"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_exactly_three_decimals() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_779_889_500_000, "2026-05-27T13:45:00.000Z"),
            (1_779_889_500_007, "2026-05-27T13:45:00.007Z"),
            (LATEST_MS, "9999-12-30T21:59:59.999Z"),
        ] {
            assert_eq!(Timestamp::from_millis(ms).to_string(), text);
            assert_eq!(Timestamp::parse(text), Some(Timestamp(ms)));
        }
    }

    #[test]
    fn parses_offsets_and_refuses_the_rest() {
        assert_eq!(
            Timestamp::parse("2026-05-27T16:45:00+03:00"),
            Timestamp::parse("2026-05-27T13:45:00.000Z")
        );
        for bad in
            ["", "2026-05-27", "2026-05-27T13:45:00", "2026-05-27 13:45:00Z", "1969-12-31T23:59:59Z", "x"]
        {
            assert_eq!(Timestamp::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn arithmetic_stays_printable() {
        assert_eq!(Timestamp::from_millis(i64::MAX).after(Duration::MAX).as_millis(), LATEST_MS);
        assert_eq!(Timestamp::EPOCH.before(Duration::from_secs(1)), Timestamp::EPOCH);
        assert_eq!(Timestamp(5).since(Timestamp(9)), Duration::ZERO);
    }
}
