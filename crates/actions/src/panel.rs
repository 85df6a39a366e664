//! The way into the panel: one-time links that the platform asks for, and the sessions they open
//! (CONTRACT §1, §4).

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sellvik_domain::{Capabilities, Capability, PanelSession, ShopId, Timestamp};
use sellvik_store::{NewPanelSession, StoreError};

use crate::Actions;
use crate::access::{Admin, Keyring, Platform, hash};
use crate::body::{Body, quoted};
use crate::error::{ActionError, Result};

/// How long a link opens the door, once: it is followed at once or not at all.
const LINK_LIFE: Duration = Duration::from_mins(5);

/// How long a session lasts: a working day.
const SESSION_LIFE: Duration = Duration::from_hours(8);

/// Longest token worth hashing: ours have 43 characters.
const TOKEN_CHARS_MAX: usize = 64;

/// A link's or a session's token: shown to its holder only, never printed.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// The token in clear.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

/// A one-time link just made.
#[derive(Debug)]
pub struct PanelLink {
    /// The shop whose panel it opens.
    pub shop: ShopId,
    /// What opens it.
    pub token: Token,
    /// When it stops to.
    pub expires_at: Timestamp,
}

impl PanelLink {
    /// Where it leads, of a service that browsers reach by `public_url`.
    pub fn url(&self, public_url: &str) -> String {
        format!("{public_url}/panel/{}/enter/{}", self.shop, self.token.reveal())
    }
}

/// A session just opened.
#[derive(Debug)]
pub struct NewSession {
    /// What its holder shows from now on.
    pub token: Token,
    /// How long it lasts.
    pub life: Duration,
    /// Whose webhooks it shows, and what it may do.
    pub session: PanelSession,
}

/// Proof that a caller holds a living panel session.
#[derive(Debug, Clone)]
pub struct Merchant {
    admin: Admin,
    capabilities: Capabilities,
    hash: [u8; 32],
}

impl Merchant {
    /// The right to act for the shop, within the session's capabilities.
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// Whether the session has this capability.
    pub fn may(&self, capability: Capability) -> bool {
        self.capabilities.contains(capability)
    }

    /// The right to manage the shop's keys, if the session has it; to all others there is no such page.
    pub fn keyring(&self) -> Result<Keyring> {
        if self.capabilities.keys { Ok(Keyring(self.admin.shop_id())) } else { Err(ActionError::NotFound) }
    }
}

impl Actions {
    /// Makes a one-time link to a shop's panel.
    pub async fn panel_link_create(&self, Keyring(shop): Keyring, bytes: &[u8]) -> Result<PanelLink> {
        let mut body = Body::parse(bytes)?;
        if !body.has("capabilities") {
            body.missing("capabilities");
        }
        let capabilities = body.set("capabilities", |text| {
            let unknown = || format!("{} is not a capability; read, write and keys are", quoted(text));
            Capability::parse(text).ok_or_else(unknown)
        });
        let capabilities =
            body.finish(capabilities)?.into_iter().fold(Capabilities::default(), Capabilities::with);
        let now = self.world.now();
        let (token, hash) = self.token();
        let expires_at = now.after(LINK_LIFE);
        let link = NewPanelSession { hash, capabilities, expires_at };
        match self.store.panel_link_create(shop, link, now).await {
            Err(StoreError::ShopUnknown) => Err(ActionError::NotFound),
            made => Ok(made.map(|()| PanelLink { shop, token, expires_at })?),
        }
    }

    /// Ends all sessions and links of a shop.
    pub async fn panel_sessions_end(&self, platform: Platform, shop: &str) -> Result<()> {
        let shop = self.shop_get(platform, shop).await?.id;
        Ok(self.store.panel_sessions_end(shop).await?)
    }

    /// Uses up a link to a shop's panel; [`ActionError::InvalidKey`] if it opens nothing (any more).
    pub async fn panel_enter(&self, shop: &str, link: &str) -> Result<NewSession> {
        let shop = shop.parse().map_err(|_| ActionError::InvalidKey)?;
        if link.len() > TOKEN_CHARS_MAX {
            return Err(ActionError::InvalidKey);
        }
        let now = self.world.now();
        let (token, session) = self.token();
        let redeemed =
            self.store.panel_link_redeem(shop, hash(link), session, now.after(SESSION_LIFE), now).await?;
        let session = redeemed.ok_or(ActionError::InvalidKey)?;
        Ok(NewSession { token, life: SESSION_LIFE, session })
    }

    /// Whose session this is; [`ActionError::InvalidKey`] if it is none (any more) or another shop's.
    pub async fn merchant(&self, shop: &str, token: &str) -> Result<Merchant> {
        if token.len() > TOKEN_CHARS_MAX {
            return Err(ActionError::InvalidKey);
        }
        let hash = hash(token);
        let session = self.store.panel_session_find(hash, self.world.now()).await?;
        let session = session.filter(|session| shop.parse() == Ok(session.shop.id));
        let PanelSession { shop, capabilities, .. } = session.ok_or(ActionError::InvalidKey)?;
        Ok(Merchant { admin: Admin { shop, scopes: capabilities.scopes }, capabilities, hash })
    }

    /// Ends a session.
    pub async fn panel_leave(&self, merchant: &Merchant) -> Result<()> {
        Ok(self.store.panel_session_end(merchant.hash).await?)
    }

    fn token(&self) -> (Token, [u8; 32]) {
        let token = URL_SAFE_NO_PAD.encode(self.world.random::<32>());
        let hash = hash(&token);
        (Token(token), hash)
    }
}
