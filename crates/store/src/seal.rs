//! Secrets at rest: AES-256-GCM, bound to their webhook (DESIGN: the webhook's id is the associated data).

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use sellvik_clock::World;
use sellvik_domain::{WebhookId, WebhookSecret};
use zeroize::Zeroizing;

/// The 32 bytes that everything sealed at rest depends on. Never printed.
#[derive(Clone)]
pub struct EncryptionKey(Zeroizing<[u8; 32]>);

impl EncryptionKey {
    /// From its bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for what else is derived from them.
    pub fn reveal(&self) -> &[u8; 32] {
        &self.0
    }

    /// What the ledger keeps to recognise its key; says nothing about it.
    pub(crate) fn check_value(&self) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0[..]);
        let mut out = [0; 32];
        out.copy_from_slice(hmac::sign(&key, b"sellvik encryption key check").as_ref());
        out
    }
}

impl std::fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EncryptionKey(redacted)")
    }
}

/// Seals and opens webhook secrets.
pub(crate) struct Sealer {
    key: LessSafeKey,
    world: World,
}

/// A secret could not be sealed, or what was stored is not one that this key sealed for this webhook.
#[derive(Debug, thiserror::Error)]
#[error("a webhook secret could not be sealed or opened")]
pub(crate) struct SealError;

impl Sealer {
    pub(crate) fn new(key: &EncryptionKey, world: World) -> Result<Self, SealError> {
        let key = UnboundKey::new(&AES_256_GCM, &key.0[..]).map_err(|_| SealError)?;
        Ok(Self { key: LessSafeKey::new(key), world })
    }

    /// Nonce, ciphertext, tag. Nonces are random: 2^32 of them under one key are far out of reach.
    pub(crate) fn seal(&self, webhook: WebhookId, secret: &WebhookSecret) -> Result<Vec<u8>, SealError> {
        let nonce: [u8; NONCE_LEN] = self.world.random();
        let mut text = secret.reveal().as_bytes().to_vec();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(webhook.as_bytes()),
                &mut text,
            )
            .map_err(|_| SealError)?;
        Ok([&nonce[..], &text].concat())
    }

    pub(crate) fn open(&self, webhook: WebhookId, sealed: &[u8]) -> Result<WebhookSecret, SealError> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or(SealError)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError)?;
        let mut text = Zeroizing::new(text.to_vec());
        let opened =
            self.key.open_in_place(nonce, Aad::from(webhook.as_bytes()), &mut text).map_err(|_| SealError)?;
        let opened = String::from_utf8(opened.to_vec()).map_err(|_| SealError)?;
        WebhookSecret::from_stored(opened).ok_or(SealError)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use sellvik_domain::Timestamp;

    #[test]
    fn is_never_printed() {
        // As text, as a list of numbers, in hex and in base64.
        let needles = ["ZZZZ", "90, 90", "5a5a", "5A5A", "Wlpa"];
        let key = EncryptionKey::new([0x5a; 32]);
        let error = Sealer::new(&key, World::system())
            .unwrap()
            .open(WebhookId::new(Timestamp::EPOCH, [1; 10]), &[0x5a; 80]);
        let printed = format!("{key:?} {:#?} {error:?} {}", Some(&key), error.as_ref().unwrap_err());
        for needle in needles {
            assert!(!printed.contains(needle), "{printed}");
        }
    }

    #[test]
    fn opens_only_for_its_webhook_and_key() {
        let webhook = |n| WebhookId::new(Timestamp::EPOCH, [n; 10]);
        let sealer = |n| Sealer::new(&EncryptionKey::new([n; 32]), World::system()).unwrap();
        let secret = WebhookSecret::new(&[5; 32]);
        let kept = sealer(1).seal(webhook(1), &secret).unwrap();
        assert_eq!(sealer(1).open(webhook(1), &kept).unwrap(), secret);
        assert!(sealer(1).open(webhook(2), &kept).is_err());
        assert!(sealer(2).open(webhook(1), &kept).is_err());
        assert!(sealer(1).open(webhook(1), &kept[..5]).is_err());
        assert!(!kept.windows(8).any(|w| secret.reveal().as_bytes()[6..].windows(8).any(|s| s == w)));
    }
}
