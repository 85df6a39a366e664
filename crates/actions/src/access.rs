//! Who asks: admin keys and platform keys (CONTRACT §1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use subtle::ConstantTimeEq as _;

use sellvik_domain::{AdminKey, KeyId, Scope, Scopes, Shop, ShopId};
use sellvik_store::REQUESTS_MAX;

use crate::error::{ActionError, Result};
use crate::{Actions, NewKey};

const ADMIN_PREFIX: &str = "sk_live_";
const PLATFORM_PREFIX: &str = "sk_platform_";

/// Longest key worth hashing: ours have 58 characters.
const KEY_CHARS_MAX: usize = 256;

/// How old `lastUsedAt` may grow before a use is written down (CONTRACT §4: at most once a minute).
const TOUCH_EVERY: std::time::Duration = std::time::Duration::from_mins(1);

/// Longest wait that a caller over its limit is told (CONTRACT §2).
const RETRY_AFTER_SECS_MAX: u128 = 60;

/// Proof that a caller may act for a shop: by a living admin key, or in a panel session.
#[derive(Debug, Clone)]
pub struct Admin {
    pub(crate) shop: Shop,
    pub(crate) scopes: Scopes,
}

impl Admin {
    /// The shop it acts for.
    pub fn shop(&self) -> &Shop {
        &self.shop
    }

    /// Refuses a caller without `scope`.
    pub fn require(&self, scope: Scope) -> Result<()> {
        if self.scopes.contains(scope) { Ok(()) } else { Err(ActionError::InsufficientScope(scope)) }
    }

    pub(crate) fn shop_id(&self) -> ShopId {
        self.shop.id
    }
}

/// Proof that a caller holds a platform key.
#[derive(Debug, Clone, Copy)]
pub struct Platform(());

/// Proof that a caller may manage a shop's admin keys: the platform, or a panel session with `keys`.
#[derive(Debug, Clone, Copy)]
pub struct Keyring(pub(crate) ShopId);

/// The platform's keys, by their hashes.
#[derive(Clone)]
pub struct PlatformKeys(Vec<[u8; 32]>);

impl PlatformKeys {
    /// Takes keys as the operator gave them; none that does not start with `sk_platform_` and go on
    /// for at least 16 characters.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let hashes: Option<Vec<_>> = keys
            .into_iter()
            .map(|key| key.strip_prefix(PLATFORM_PREFIX).filter(|rest| rest.len() >= 16).map(|_| hash(key)))
            .collect();
        hashes.filter(|hashes| !hashes.is_empty()).map(Self)
    }

    /// A new platform key of these random bytes.
    pub fn mint(random: &[u8; 32]) -> String {
        format!("{PLATFORM_PREFIX}{}", URL_SAFE_NO_PAD.encode(random))
    }
}

impl Actions {
    /// Whose admin key this is; the call is counted against the key's limit (CONTRACT §2). Nothing is compared with the
    /// key but its SHA-256, by which the ledger looks it up: the time that takes depends on a hash that nobody
    /// can choose, and so says nothing of any key.
    pub async fn admin(&self, bearer: &str) -> Result<Admin> {
        if !bearer.starts_with(ADMIN_PREFIX) || bearer.len() > KEY_CHARS_MAX {
            return Err(ActionError::InvalidKey);
        }
        let (key, shop) = self.store.key_find(hash(bearer)).await?.ok_or(ActionError::InvalidKey)?;
        let now = self.world.now();
        if key.last_used_at.is_none_or(|last| now.since(last) >= TOUCH_EVERY) {
            // Not worth making the caller wait for, or failing the call over.
            let store = self.store.clone();
            tokio::spawn(async move { store.key_touch(key.id, now).await });
        }
        if let Err(free) = self.store.key_take_request(key.id, now).await? {
            let seconds = free.since(now).as_millis().div_ceil(1000).clamp(1, RETRY_AFTER_SECS_MAX);
            let retry_after_secs = u64::try_from(seconds).unwrap_or(u64::MAX);
            return Err(ActionError::RateLimited { limit: REQUESTS_MAX, retry_after_secs });
        }
        Ok(Admin { shop, scopes: key.scopes })
    }

    /// Whether this is a platform key.
    pub fn platform(&self, bearer: &str) -> Result<Platform> {
        if bearer.len() > KEY_CHARS_MAX {
            return Err(ActionError::InvalidKey);
        }
        let given = hash(bearer);
        // Every key is compared, each in constant time: nothing is told by how long it takes.
        let known = self
            .settings
            .platform_keys
            .0
            .iter()
            .fold(false, |known, key| known | bool::from(key.ct_eq(&given)));
        if known { Ok(Platform(())) } else { Err(ActionError::InvalidKey) }
    }

    /// Makes an admin key's plaintext and what is kept of it.
    pub(crate) fn mint(&self, shop: ShopId, scopes: Scopes) -> (NewKey, [u8; 32]) {
        let now = self.world.now();
        let prefix = format!("{ADMIN_PREFIX}{}", shop.shard());
        let plaintext = format!("{prefix}_{}", URL_SAFE_NO_PAD.encode(self.world.random::<32>()));
        let hash = hash(&plaintext);
        let id = KeyId::new(now, self.world.random());
        let key = AdminKey { id, shop, name: None, prefix, scopes, created_at: now, last_used_at: None };
        (NewKey { key, plaintext }, hash)
    }
}

/// What is kept of a key or a token.
pub(crate) fn hash(key: &str) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, key.as_bytes()).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_just_minted_is_never_printed() {
        let key = AdminKey {
            id: KeyId::new(sellvik_domain::Timestamp::EPOCH, [1; 10]),
            shop: ShopId::new([2; 16]),
            name: None,
            prefix: "sk_live_0a1b2c".to_owned(),
            scopes: Scopes::default(),
            created_at: sellvik_domain::Timestamp::EPOCH,
            last_used_at: None,
        };
        let minted = NewKey { key, plaintext: "sk_live_0a1b2c_topsecret".to_owned() };
        assert!(!format!("{minted:?} {minted:#?}").contains("topsecret"));
    }

    #[test]
    fn platform_keys_are_checked_at_the_door() {
        assert!(PlatformKeys::new([PlatformKeys::mint(&[7; 32]).as_str()]).is_some());
        for bad in [&[][..], &["sk_live_aaaaaaaaaaaaaaaaaaaa"], &["sk_platform_short"], &[""]] {
            assert!(PlatformKeys::new(bad.iter().copied()).is_none());
        }
    }
}
