//! What every page has, in a session or not: the head, and what browsers may do with it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{Html, Response};
use maud::{DOCTYPE, Markup, html};

use crate::{Front, assets};

/// A page of this title and body.
pub(crate) fn whole(title: &str, body: &Markup) -> Html<String> {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(assets::style_path());
                script src=(assets::script_path()) defer {}
            }
            body { (body) }
        }
    };
    Html(markup.into_string())
}

/// What no page goes without: nothing foreign is loaded, nothing inline runs, nothing is kept by caches or
/// told to other sites.
pub(crate) async fn guard(State(front): State<Arc<Front>>, mut response: Response) -> Response {
    let ancestors = if front.is_embedded() { front.frame_ancestors.join(" ") } else { "'none'".to_owned() };
    let policy = format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
         form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
    );
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if !front.is_embedded() {
        set(headers, header::X_FRAME_OPTIONS, "DENY");
    }
    set(headers, header::CACHE_CONTROL, "no-store");
    // Not `no-referrer`, but where a page asks for it: with that, browsers send `Origin: null` with our own
    // forms.
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()");
    set(headers, HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    response
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}
