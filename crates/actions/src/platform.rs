//! The platform's shops and the keys it mints for them (CONTRACT §4).

use std::fmt;

use sellvik_domain::{AdminKey, KeyId, Patch, Scope, Scopes, Shop, ShopId, Subdomain};

use crate::access::{Keyring, Platform};
use crate::body::{Body, quoted};
use crate::error::{ActionError, Result};
use crate::{Actions, Page};

/// An admin key just minted, with its plaintext: shown this once.
pub struct NewKey {
    /// What is kept and listed.
    pub key: AdminKey,
    /// The key itself.
    pub plaintext: String,
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Actions {
    /// Creates a shop.
    pub async fn shop_create(&self, _: Platform, bytes: &[u8]) -> Result<Shop> {
        let mut body = Body::parse(bytes)?;
        let subdomain = body.required("subdomain", Subdomain::parse);
        let name = body.name().apply(None);
        let dev = body.boolean("dev").unwrap_or(false);
        let subdomain = body.finish(subdomain)?;
        let id = ShopId::new(self.world.random());
        let shop = Shop { id, subdomain, name, dev, created_at: self.world.now() };
        self.store.shop_create(shop.clone()).await?;
        Ok(shop)
    }

    /// One shop.
    pub async fn shop_get(&self, _: Platform, id: &str) -> Result<Shop> {
        let id = id.parse().map_err(|_| ActionError::NotFound)?;
        self.store.shop_get(id).await?.ok_or(ActionError::NotFound)
    }

    /// All shops, newest first.
    pub async fn shop_list(&self, _: Platform, query: &str) -> Result<Page<Shop>> {
        let asked = self.asked(query, "shops".to_owned(), Vec::new())?;
        let after = asked.position.as_deref().and_then(|bytes| bytes.try_into().ok()).map(i64::from_be_bytes);
        let items = self.store.shop_list(after, asked.to_read()).await?;
        let page = self.page(&asked, items, |(position, _)| position.to_be_bytes().to_vec());
        let items = page.items.into_iter().map(|(_, shop)| shop).collect();
        Ok(Page { items, next_cursor: page.next_cursor })
    }

    /// Changes a shop's subdomain or name; `dev` never changes.
    pub async fn shop_update(&self, _: Platform, id: ShopId, bytes: &[u8]) -> Result<Shop> {
        let mut body = Body::parse(bytes)?;
        let subdomain = body.parsed("subdomain", Subdomain::parse);
        let name: Patch<_> = body.name();
        body.finish(Some(()))?;
        self.store.shop_update(id, subdomain, name).await?.ok_or(ActionError::NotFound)
    }

    /// The keys of a shop that the platform names.
    pub async fn keyring(&self, platform: Platform, shop: &str) -> Result<Keyring> {
        Ok(Keyring(self.shop_get(platform, shop).await?.id))
    }

    /// Mints an admin key.
    pub async fn key_create(&self, Keyring(shop): Keyring, bytes: &[u8]) -> Result<NewKey> {
        let mut body = Body::parse(bytes)?;
        let name = body.name().apply(None);
        if !body.has("scopes") {
            body.missing("scopes");
        }
        let scopes = body.set("scopes", |text| {
            let unknown = || format!("{} is not a scope; webhooks:read and webhooks:write are", quoted(text));
            Scope::parse(text).ok_or_else(unknown)
        });
        let scopes = body.finish(scopes)?.into_iter().fold(Scopes::default(), Scopes::with);
        let (mut new, hash) = self.mint(shop, scopes);
        new.key.name = name;
        self.store.key_create(new.key.clone(), hash).await?;
        Ok(new)
    }

    /// The living keys, newest first.
    pub async fn key_list(&self, Keyring(shop): Keyring, query: &str) -> Result<Page<AdminKey>> {
        let asked = self.asked(query, format!("keys/{shop}"), Vec::new())?;
        let after = asked.id().map(KeyId::from_bytes);
        let items = self.store.key_list(shop, after, asked.to_read()).await?;
        Ok(self.page(&asked, items, |key| key.id.as_bytes().to_vec()))
    }

    /// One of the living keys.
    pub async fn key_get(&self, Keyring(shop): Keyring, id: &str) -> Result<AdminKey> {
        let id: KeyId = id.parse().map_err(|_| ActionError::NotFound)?;
        // Newest first means by id: the first key behind the next id is this one, if it is there.
        let next = u128::from_be_bytes(*id.as_bytes()).saturating_add(1).to_be_bytes();
        let found = self.store.key_list(shop, Some(KeyId::from_bytes(next)), 1).await?;
        found.into_iter().find(|key| key.id == id).ok_or(ActionError::NotFound)
    }

    /// Ends an admin key.
    pub async fn key_revoke(&self, Keyring(shop): Keyring, id: &str) -> Result<()> {
        let id = id.parse().map_err(|_| ActionError::NotFound)?;
        let revoked = self.store.key_revoke(shop, id, self.world.now()).await?;
        if revoked { Ok(()) } else { Err(ActionError::NotFound) }
    }
}
