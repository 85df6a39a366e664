//! What every page has: the head, the shop's name, the way around, and what browsers may do with it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{Html, Response};
use maud::{DOCTYPE, Markup, html};
use sellvik_domain::{Capability, Name};

use crate::components::post_button;
use crate::visit::Visit;
use crate::{Front, assets};

/// Which part of the settings a page belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Webhooks,
    Keys,
}

/// A page's place: from the part's first page down to it.
pub(crate) struct Crumb {
    pub(crate) label: String,
    pub(crate) to: String,
}

impl Crumb {
    pub(crate) fn new(label: impl Into<String>, to: String) -> Self {
        Self { label: label.into(), to }
    }
}

/// A page of a session.
pub(crate) fn page(visit: &Visit, part: Part, title: &str, crumbs: &[Crumb], main: &Markup) -> Html<String> {
    let shop = visit.shop();
    let shop_name = shop.name.as_ref().map_or(shop.subdomain.as_str(), Name::as_str);
    document(
        &format!("{title} · {shop_name}"),
        &html! {
            a.skip href="#main" { "Skip to content" }
            header.top {
                div.bar {
                    span.shop {
                        span.shop-initial aria-hidden="true" { (initial(shop_name)) }
                        span.shop-name { (shop_name) }
                        @if shop.dev { span.tag { "dev shop" } }
                    }
                    nav.parts aria-label="Settings" {
                        @if visit.may(Capability::Read) {
                            a href=(visit.path("")) aria-current=[(part == Part::Webhooks).then_some("page")] { "Webhooks" }
                        }
                        @if visit.may(Capability::Keys) {
                            a href=(visit.path("/keys")) aria-current=[(part == Part::Keys).then_some("page")] { "API keys" }
                        }
                    }
                    div.leave { (post_button(visit, &visit.path("/leave"), "Sign out", "quiet", &[])) }
                }
            }
            main #main tabindex="-1" {
                @if !crumbs.is_empty() {
                    nav.crumbs aria-label="You are here" {
                        ol {
                            @for crumb in crumbs { li { a href=(crumb.to) { (crumb.label) } } }
                            li aria-current="page" { (title) }
                        }
                    }
                }
                (main)
            }
        },
    )
}

/// A page outside any session.
pub(crate) fn bare(title: &str, content: &Markup) -> Html<String> {
    document(title, content)
}

fn document(title: &str, body: &Markup) -> Html<String> {
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

fn initial(name: &str) -> String {
    name.chars().find(|c| c.is_alphanumeric()).map_or_else(|| "·".to_owned(), |c| c.to_uppercase().collect())
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
