//! What a delivery's last attempt sent: method and address, headers, body, and all of it as a command.

use std::borrow::Cow;

use maud::{Markup, html};
use sellvik_actions::DeliveryDetail;
use sellvik_domain::Webhook;

use super::delivery_curl;
use crate::components::code_block;

/// The header that only a signed request has.
const SIGNATURE: &str = "x-sellvik-signature";

pub(crate) fn request(
    webhook: &Webhook,
    detail: &DeliveryDetail,
    headers: &[(&str, Cow<'_, str>)],
) -> Markup {
    let body = String::from_utf8_lossy(&detail.body);
    let url = webhook.url.normalised();
    html! {
        section.card aria-labelledby="request-title" {
            h2 #request-title { "Request" }
            p.request-line { code { "POST " (webhook.url.path_and_query()) } span.muted { " to " } code { (webhook.url.authority()) } }
            @if detail.attempts.is_empty() {
                p.hint { "Every attempt is signed afresh; the signature is shown once an attempt has ended." }
            } @else if !headers.iter().any(|(name, _)| *name == SIGNATURE) {
                p.hint { "The signature cannot be shown: the secret was replaced since the last attempt." }
            }
            details #request-headers {
                summary { "Headers (" (headers.len()) ")" }
                div.scroll tabindex="0" role="region" aria-label="Headers" {
                    table.plain-table.headers {
                        caption.visually-hidden { "Headers as they were sent" }
                        thead.visually-hidden { tr { th scope="col" { "Name" } th scope="col" { "Value" } } }
                        tbody {
                            @for (name, value) in headers {
                                tr { th scope="row" { code { (name) } } td { code { (value) } } }
                            }
                        }
                    }
                }
            }
            (bodies(&body))
            details #request-curl {
                summary { "As a curl command" }
                p.hint {
                    "Sends the same request from your own machine. "
                    "Its signature is as old as the attempt, so an endpoint that checks its age refuses it. "
                    @if !delivery_curl::fits(&body) { "The body is too long for a command: save the raw body as body.json first." }
                }
                (code_block("curl", &delivery_curl::command(url, headers, &body)))
            }
        }
    }
}

fn bodies(body: &str) -> Markup {
    let laid_out = delivery_curl::laid_out(body);
    html! {
        @if let Some(laid_out) = &laid_out {
            details #request-body open {
                summary { "Body" }
                (code_block("body", laid_out))
            }
        }
        details #request-raw open[laid_out.is_none()] {
            summary { "Raw body, byte for byte (" (size(body.len())) ")" }
            (code_block("raw-body", body))
        }
    }
}

fn size(bytes: usize) -> String {
    if bytes < 1024 { format!("{bytes} bytes") } else { format!("{} KiB", bytes.div_ceil(1024)) }
}
