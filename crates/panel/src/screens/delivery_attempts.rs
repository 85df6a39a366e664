//! Every attempt of a delivery, newest first: when, how long, and what came of it.

use maud::{Markup, html};
use sellvik_domain::{Attempt, RESPONSE_BODY_BYTES_MAX, Timestamp};

use super::delivery_words;
use crate::components::sentence;
use crate::time;

pub(crate) fn timeline(now: Timestamp, attempts: &[Attempt]) -> Markup {
    html! {
        section.card aria-labelledby="attempts-title" {
            h2 #attempts-title { "Attempts" }
            @if attempts.is_empty() {
                p.muted { "None has ended yet." }
            } @else {
                ol.timeline reversed {
                    @for (at, one) in attempts.iter().enumerate().rev() {
                        (attempt(now, at + 1, one, at + 1 == attempts.len()))
                    }
                }
            }
        }
    }
}

fn attempt(now: Timestamp, number: usize, attempt: &Attempt, is_last: bool) -> Markup {
    let words = sentence(&delivery_words::clause(attempt));
    // The technical text beneath, unless it says the same again.
    let technical = attempt.error.as_deref().filter(|error| {
        attempt.status.is_none_or(|status| *error != format!("the endpoint answered {status}"))
            && sentence(error) != words
    });
    html! {
        li.(if attempt.succeeded { "good" } else { "bad" }) {
            h3 { "Attempt " (number) }
            p.attempt-words { (words) }
            @if let Some(technical) = technical { p.technical { code { (technical) } } }
            p.sub {
                (time::moment(attempt.started_at)) " (" (time::ago(attempt.started_at, now)) "), took "
                (time::duration(attempt.duration_ms))
                @if !attempt.final_host.is_empty() { ", host " code { (attempt.final_host) } }
            }
            @if let Some(body) = attempt.body.as_deref().filter(|body| !body.is_empty()) {
                details #{ "answer-" (number) } open[is_last] {
                    summary { "What it answered" @if body.len() >= RESPONSE_BODY_BYTES_MAX { " (the first 2 KiB)" } }
                    pre.answer tabindex="0" { (body) }
                }
            } @else if attempt.status.is_some() {
                p.sub { "The answer had no body." }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(error: &str) -> Attempt {
        Attempt {
            started_at: Timestamp::EPOCH,
            ended_at: Timestamp::EPOCH,
            duration_ms: 5,
            status: Some(500),
            error: Some(error.to_owned()),
            final_host: "<b>".to_owned(),
            body: Some("</pre><script>alert(1)</script>".to_owned()),
            succeeded: false,
        }
    }

    #[test]
    fn what_an_endpoint_answers_is_only_text() {
        let page = timeline(Timestamp::EPOCH, &[failed("<i>")]).into_string();
        assert!(page.contains("&lt;script&gt;"));
        assert!(!page.contains("<script") && !page.contains("<b>") && !page.contains("<i>"));
    }

    #[test]
    fn the_technical_text_stands_beneath_only_if_it_says_more() {
        let shown =
            |error: &str| timeline(Timestamp::EPOCH, &[failed(error)]).into_string().contains("technical");
        assert!(!shown("the endpoint answered 500"));
        assert!(!shown("the connection was closed before an answer"));
        assert!(shown("the TLS handshake failed: the certificate has expired"));
    }
}
