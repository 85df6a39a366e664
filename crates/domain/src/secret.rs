//! The webhook's secret: a value that cannot be printed.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// What every webhook secret starts with.
const PREFIX: &str = "whsec_";

/// `whsec_` and the standard base64 of 32 random bytes (CONTRACT §5).
///
/// Prints as redacted; [`WebhookSecret::reveal`] is the one way to the text.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Zeroizing<String>);

impl WebhookSecret {
    /// A new secret of these random bytes.
    pub fn new(random: &[u8; 32]) -> Self {
        Self(Zeroizing::new(format!("{PREFIX}{}", STANDARD.encode(random))))
    }

    /// A secret as the ledger kept it.
    pub fn from_stored(text: String) -> Option<Self> {
        let text = Zeroizing::new(text);
        let key = STANDARD.decode(text.strip_prefix(PREFIX)?).map(Zeroizing::new).ok()?;
        (key.len() == 32).then_some(Self(text))
    }

    /// The secret in clear, for the one answer that shows it and for sealing at rest.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The bytes behind the base64 part: the key of the Standard Webhooks scheme.
    pub(crate) fn raw_key(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(STANDARD.decode(&self.0[PREFIX.len()..]).unwrap_or_default())
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_never_printed() {
        let secret = WebhookSecret::new(&[1; 32]);
        assert!(secret.reveal().starts_with("whsec_"));
        assert!(!format!("{secret:?}").contains(&secret.reveal()[6..]));
        // As it would stand in a panic's message.
        let failed: Result<(), _> = Err((&secret, Some(secret.clone())));
        let printed = format!("{failed:?} {failed:#?}");
        for needle in [&secret.reveal()[6..14], "1, 1", "0101"] {
            assert!(!printed.contains(needle), "{printed}");
        }
    }

    #[test]
    fn survives_the_ledger_and_nothing_else_does() {
        let secret = WebhookSecret::new(&[9; 32]);
        assert_eq!(WebhookSecret::from_stored(secret.reveal().to_owned()), Some(secret));
        for bad in ["", "whsec_", "whsec_AAAA", "whsec_!", "sk_live_x"] {
            assert_eq!(WebhookSecret::from_stored(bad.to_owned()), None);
        }
    }
}
