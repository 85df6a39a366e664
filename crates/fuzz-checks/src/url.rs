//! `url`: a URL, or a URL and on the next line the `Location` that answers it.

use std::net::IpAddr;

use http::HeaderValue;
use http::uri::PathAndQuery;
use sellvik_domain::{EndpointHost, EndpointUrl, URL_CHARS_MAX, is_loopback_name};
use sellvik_egress::{Egress, Vetting};

use crate::address::is_public;
use crate::runtime::{egress, wait};

thread_local! {
    static EGRESS: Egress = egress();
}

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(url) = registered(text) {
        holds(&url);
    }
    if let Some((base, location)) = text.split_once('\n')
        && let Some(base) = registered(base)
        && let Ok(target) = base.join(location)
    {
        assert_eq!(target.as_sent().split('#').next(), Some(target.as_sent()), "a fragment is dropped");
        holds(&target);
        // An absolute Location leads to the same place from wherever it is sent.
        if let Some(same) = registered(location) {
            assert_eq!(same.normalised(), target.normalised());
        }
    }
}

/// What a merchant may register of these words; a refusal is a sentence.
fn registered(text: &str) -> Option<EndpointUrl> {
    match EndpointUrl::parse(text) {
        Ok(url) => {
            assert_eq!(url.as_sent(), text);
            assert!(text.chars().count() <= URL_CHARS_MAX);
            assert!(!text.contains(|c: char| c.is_whitespace() || c.is_control() || "\\#".contains(c)));
            Some(url)
        }
        Err(problem) => {
            assert!(problem.contains(' '), "{problem}");
            None
        }
    }
}

/// Every rule of a URL that may be connected to.
fn holds(url: &EndpointUrl) {
    let text = url.normalised();
    assert!(text.bytes().all(|b| b.is_ascii_graphic()) && !text.contains('#'), "{text:?}");
    let (scheme, rest) = text.split_once("://").unwrap();
    assert_eq!(scheme, if url.is_https() { "https" } else { "http" });
    let (authority, _) = rest.split_once('/').unwrap();
    assert!(!authority.contains(['@', '\\', '?', '%', ' ']), "{text:?}");
    assert_eq!(authority, url.authority());
    assert_eq!(format!("{scheme}://{authority}{}", url.path_and_query()), text);
    assert_ne!(url.port(), 0);
    is_stable(url);
    can_be_sent(url);
    leads_nowhere_private(url);
}

fn is_stable(url: &EndpointUrl) {
    let text = url.normalised();
    // Escapes make a URL longer, and a Location's query may hold a backslash: neither can be registered.
    if text.len() > URL_CHARS_MAX || text.contains('\\') {
        return;
    }
    let again = EndpointUrl::parse(text).unwrap_or_else(|problem| panic!("{text:?} {problem}"));
    assert_eq!(again.normalised(), text);
    assert_eq!((again.host(), again.port(), again.is_https()), (url.host(), url.port(), url.is_https()));
}

/// What is accepted can be written as a request.
fn can_be_sent(url: &EndpointUrl) {
    let target = PathAndQuery::try_from(url.path_and_query());
    assert!(target.is_ok_and(|target| target.as_str() == url.path_and_query()), "{:?}", url.normalised());
    assert!(HeaderValue::try_from(url.authority()).is_ok(), "{:?}", url.normalised());
}

fn leads_nowhere_private(url: &EndpointUrl) {
    match url.host() {
        EndpointHost::Address(address) => {
            let expected = if is_public(address) { Vetting::Permitted } else { Vetting::Refused };
            assert_eq!(vetted(url), expected, "{address} of {:?}", url.normalised());
        }
        EndpointHost::Name(name) => {
            assert!(!name.is_empty() && !name.ends_with('.') && name.is_ascii());
            assert!(!name.bytes().any(|b| b.is_ascii_uppercase()), "{name:?}");
            let last = name.rsplit('.').next().unwrap_or_default();
            let number = !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit());
            assert!(name.parse::<IpAddr>().is_err() && !number, "{name:?} is no name");
            if is_loopback_name(name) {
                assert_eq!(vetted(url), Vetting::Refused, "{name:?}");
            }
        }
    }
}

/// Only for hosts that need no name server.
fn vetted(url: &EndpointUrl) -> Vetting {
    EGRESS.with(|egress| wait(egress.vet(url)))
}
