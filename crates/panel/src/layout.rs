//! A page of a session: the shop's name, the way around, and the way out.

use axum::response::Html;
use maud::{Markup, html};
use sellvik_domain::{Capability, Name};

use crate::components::post_button;
use crate::document;
use crate::visit::Visit;

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
    document::whole(
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

fn initial(name: &str) -> String {
    name.chars().find(|c| c.is_alphanumeric()).map_or_else(|| "·".to_owned(), |c| c.to_uppercase().collect())
}
