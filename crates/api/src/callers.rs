//! Who is calling: the Authorization header, before anything else of a request is looked at.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use sellvik_actions::{Admin, Platform};

use crate::app::App;
use crate::problem::Problem;

/// A caller with a living admin key, counted against its rate limit.
pub(crate) struct AdminCaller(pub(crate) Admin);

/// A caller with a platform key.
pub(crate) struct PlatformCaller(pub(crate) Platform);

impl FromRequestParts<App> for AdminCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Ok(Self(app.actions.admin(bearer(parts)?).await?))
    }
}

impl FromRequestParts<App> for PlatformCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Ok(Self(app.actions.platform(bearer(parts)?)?))
    }
}

/// The key of `Authorization: Bearer …`; the scheme's case does not matter (RFC 9110 §11.1).
fn bearer(parts: &Parts) -> Result<&str, Problem> {
    let mut values = parts.headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Problem::missing_authorization());
    };
    let (scheme, key) = value.to_str().ok().and_then(|value| value.split_once(' ')).unwrap_or_default();
    let key = key.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || key.is_empty() || key.contains(' ') {
        return Err(Problem::missing_authorization());
    }
    Ok(key)
}
