//! Who is looking: a session's cookie, and the token that proves that a form was ours.

use axum::extract::{FromRequestParts, Path, RawQuery};
use axum::http::header::COOKIE;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cookie::{Cookie, SameSite};
use ring::digest;
use sellvik_actions::{Admin, Merchant, NewSession};
use sellvik_domain::{Capability, Shop, Timestamp};
use std::collections::HashMap;
use subtle::ConstantTimeEq as _;

use crate::refusal::Refusal;
use crate::{Front, PanelParts};

/// The session's cookie. Its path is its shop's panel.
const COOKIE_NAME: &str = "sellvik_panel";

/// What every form carries besides its fields.
pub(crate) const CSRF_FIELD: &str = "csrf";

/// Longest `Cookie` header that is looked through, in bytes: other applications of the host may set some.
const COOKIES_BYTES_MAX: usize = 16 << 10;

/// A merchant in a living session, at one page.
#[derive(Clone)]
pub(crate) struct Visit {
    pub(crate) merchant: Merchant,
    /// When the page is made.
    pub(crate) now: Timestamp,
    csrf: String,
    ids: HashMap<String, String>,
    query: String,
}

impl Visit {
    /// The right to act for the shop.
    pub(crate) fn admin(&self) -> &Admin {
        self.merchant.admin()
    }

    /// The shop whose panel this is.
    pub(crate) fn shop(&self) -> &Shop {
        self.admin().shop()
    }

    /// Whether the session has this capability.
    pub(crate) fn may(&self, capability: Capability) -> bool {
        self.merchant.may(capability)
    }

    /// The address of a page of this shop's panel, from `""` for the first.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/panel/{}{rest}", self.shop().id)
    }

    /// What every form carries.
    pub(crate) fn csrf(&self) -> &str {
        &self.csrf
    }

    /// A part of the page's address by its name in the route.
    pub(crate) fn id(&self, name: &str) -> &str {
        self.ids.get(name).map_or("", String::as_str)
    }

    /// A parameter of the query, if it is there and not empty.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = url::form_urlencoded::parse(self.query.as_bytes());
        pairs.find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.into_owned())
    }

    /// Whether a form carried what [`Visit::csrf`] gave it.
    pub(crate) fn is_ours(&self, given: &str) -> bool {
        given.as_bytes().ct_eq(self.csrf.as_bytes()).into()
    }
}

impl FromRequestParts<PanelParts> for Visit {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, panel: &PanelParts) -> Result<Self, Refusal> {
        let ids = Path::<HashMap<String, String>>::from_request_parts(parts, panel).await;
        let Path(ids) = ids.map_err(|_| Refusal::not_found())?;
        let RawQuery(query) = RawQuery::from_request_parts(parts, panel).await.unwrap_or(RawQuery(None));
        let token = token(parts).ok_or_else(Refusal::session_ended)?;
        let shop = ids.get("shop").map_or("", String::as_str);
        let merchant = panel.actions.merchant(shop, &token).await.map_err(Refusal::at_the_door)?;
        let csrf = csrf_of(&token);
        Ok(Self { merchant, now: panel.actions.now(), csrf, ids, query: query.unwrap_or_default() })
    }
}

/// The session's token. Of several cookies of this name the browser puts the one of the longest path,
/// which is ours, first (RFC 6265 §5.4).
fn token(parts: &Parts) -> Option<String> {
    let headers = parts.headers.get_all(COOKIE).iter();
    let headers = headers.filter(|header| header.len() <= COOKIES_BYTES_MAX);
    headers
        .filter_map(|header| header.to_str().ok())
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .find(|cookie| cookie.name() == COOKIE_NAME)
        .map(|cookie| cookie.value().to_owned())
}

/// Tied to the session, and of no use for finding out its token.
fn csrf_of(token: &str) -> String {
    let hash = digest::digest(&digest::SHA256, format!("csrf of {token}").as_bytes());
    URL_SAFE_NO_PAD.encode(hash)
}

/// The cookie that holds a new session.
pub(crate) fn session_cookie(front: &Front, new: &NewSession) -> String {
    let path = format!("/panel/{}", new.session.shop.id);
    let life = cookie::time::Duration::try_from(new.life).unwrap_or_default();
    cookie(front, path, new.token.reveal().to_owned(), life)
}

/// The cookie that takes a session's away.
pub(crate) fn no_cookie(front: &Front, shop: &Shop) -> String {
    cookie(front, format!("/panel/{}", shop.id), String::new(), cookie::time::Duration::ZERO)
}

/// Inside another site, browsers send only cookies that say so, and keep them apart per site.
fn cookie(front: &Front, path: String, value: String, life: cookie::time::Duration) -> String {
    let embedded = front.is_embedded();
    Cookie::build((COOKIE_NAME, value))
        .path(path)
        .max_age(life)
        .http_only(true)
        .secure(embedded || front.is_https())
        .same_site(if embedded { SameSite::None } else { SameSite::Lax })
        .partitioned(embedded)
        .build()
        .to_string()
}
