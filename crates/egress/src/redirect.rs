//! Which answers lead elsewhere, and whether we follow.

use http::{HeaderMap, StatusCode, header};
use sellvik_domain::{EndpointUrl, FailureKind};

/// Most redirects followed in one attempt: http to https, then to the right host.
const REDIRECTS_MAX: usize = 2;

/// Where an answer leaves us.
pub enum Next {
    /// It is the final one.
    Here,
    /// It leads there.
    Follow(EndpointUrl),
    /// It leads elsewhere, but not with us.
    Refuse(FailureKind, &'static str),
}

/// Judges an answer from `url`, to which `followed` redirects have led.
pub fn next(
    url: &EndpointUrl,
    status: StatusCode,
    headers: &HeaderMap,
    followed: usize,
    http_allowed: bool,
) -> Next {
    // 303 would turn the POST into a GET and 300 offers a choice: neither repeats the delivery.
    if !matches!(status.as_u16(), 301 | 302 | 307 | 308) {
        return Next::Here;
    }
    let bad = |detail| Next::Refuse(FailureKind::BadRedirect, detail);
    let Some(location) = headers.get(header::LOCATION) else {
        return bad("it has no Location");
    };
    if followed >= REDIRECTS_MAX {
        return Next::Refuse(FailureKind::TooManyRedirects, "");
    }
    let Ok(location) = str::from_utf8(location.as_bytes()) else {
        return bad("the Location is not text");
    };
    match url.join(location) {
        Err(detail) => bad(detail),
        Ok(target) if !target.is_https() && !http_allowed => bad("it leads to plain http"),
        Ok(target) => Next::Follow(target),
    }
}
