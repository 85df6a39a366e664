//! What became of an attempt, in a merchant's words. The ledger keeps the technical text, which pages
//! show beneath.

use axum::http::StatusCode;
use sellvik_domain::{Attempt, FailureKind};

/// What happened, as a clause to go on from: "the endpoint answered 500 (Internal Server Error)".
pub(crate) fn clause(attempt: &Attempt) -> String {
    let Some(error) = attempt.error.as_deref() else {
        return attempt.status.map_or_else(|| "the endpoint answered".to_owned(), answered);
    };
    let (sentence, detail) = error.split_once(": ").unwrap_or((error, ""));
    match FailureKinds::of(sentence) {
        Some(kind) => failure(kind, detail).unwrap_or_else(|| sentence.to_owned()),
        None => attempt.status.map_or_else(|| error.to_owned(), answered),
    }
}

/// In a table's cell: the code, or the shortest words.
pub(crate) fn short(attempt: &Attempt) -> String {
    let ours = attempt.error.as_deref().and_then(|error| FailureKinds::of(error.split(": ").next()?));
    match (attempt.status, ours) {
        (Some(status), None) => named(status),
        _ => crate::components::sentence(&clause(attempt)).trim_end_matches('.').to_owned(),
    }
}

/// What the owner of the endpoint may do about it, where that is plain.
pub(crate) fn advice(attempt: &Attempt) -> Option<&'static str> {
    let kind = attempt.error.as_deref().and_then(|error| FailureKinds::of(error.split(": ").next()?));
    if let Some(kind) = kind {
        return Some(match kind {
            FailureKind::BlockedAddress => {
                "Webhooks reach public addresses only. Check where the name points."
            }
            FailureKind::Timeout => "Answer with a 2xx first and do the work afterwards.",
            FailureKind::Dns => "Check the spelling of the address, and that its name exists.",
            FailureKind::Refused | FailureKind::Connect => {
                "Check that the server runs and that its firewall lets requests in."
            }
            FailureKind::Tls => "Check the endpoint's certificate with your hosting provider.",
            FailureKind::TooManyRedirects | FailureKind::BadRedirect => {
                "Enter the final address as the webhook's URL."
            }
            FailureKind::Reset | FailureKind::Protocol | FailureKind::OutOfMeans => return None,
        });
    }
    match attempt.status? {
        401 | 403 => {
            Some("The endpoint asks for a login. Let requests with a valid signature in without one.")
        }
        404 | 410 => Some("There is nothing at this address. Check the webhook's URL."),
        405 => Some("The address does not accept POST requests."),
        413 => Some("The endpoint does not accept messages of this size."),
        429 => Some("The endpoint asked for fewer messages; the next attempt keeps to what it asked for."),
        500..=599 => Some("The endpoint had a problem of its own. Its log tells more."),
        300..=399 => Some("Enter the final address as the webhook's URL."),
        _ => None,
    }
}

fn answered(status: u16) -> String {
    format!("the endpoint answered {}", named(status))
}

fn named(status: u16) -> String {
    let known = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    known.map_or_else(|| status.to_string(), |reason| format!("{status} ({reason})"))
}

fn failure(kind: FailureKind, detail: &str) -> Option<String> {
    let detail = detail.split("; ").next().filter(|detail| !detail.is_empty());
    match kind {
        FailureKind::BlockedAddress => Some("the address is not a public one".to_owned()),
        FailureKind::Refused => Some("nothing listens at the address".to_owned()),
        FailureKind::Timeout | FailureKind::Tls => detail.map(str::to_owned),
        FailureKind::Connect => detail.filter(|detail| detail.starts_with("the host")).map(str::to_owned),
        FailureKind::TooManyRedirects => Some("the address redirects more than twice".to_owned()),
        FailureKind::BadRedirect => Some("the address redirects to where we may not follow".to_owned()),
        FailureKind::Dns | FailureKind::Reset | FailureKind::Protocol | FailureKind::OutOfMeans => None,
    }
}

/// The kinds of failure by the sentence that the ledger keeps of them.
struct FailureKinds;

impl FailureKinds {
    const ALL: [FailureKind; 11] = [
        FailureKind::BlockedAddress,
        FailureKind::Timeout,
        FailureKind::Dns,
        FailureKind::Refused,
        FailureKind::Connect,
        FailureKind::Tls,
        FailureKind::Reset,
        FailureKind::Protocol,
        FailureKind::TooManyRedirects,
        FailureKind::BadRedirect,
        FailureKind::OutOfMeans,
    ];

    fn of(sentence: &str) -> Option<FailureKind> {
        Self::ALL.into_iter().find(|kind| kind.sentence() == sentence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sellvik_domain::Timestamp;

    fn attempt(status: Option<u16>, error: Option<&str>) -> Attempt {
        Attempt {
            started_at: Timestamp::EPOCH,
            ended_at: Timestamp::EPOCH,
            duration_ms: 1,
            status,
            error: error.map(str::to_owned),
            final_host: "hooks.example.com".to_owned(),
            body: None,
            succeeded: error.is_none(),
        }
    }

    #[test]
    fn errors_are_told_in_plain_words() {
        for (error, words) in [
            ("the name did not resolve: hooks.example.com has no address", "the name did not resolve"),
            ("no answer in time: no answer within 10 s", "no answer within 10 s"),
            (
                "no answer in time: no answer within 10 s; the name was still being resolved",
                "no answer within 10 s",
            ),
            ("the TLS handshake failed: the certificate has expired", "the certificate has expired"),
            ("the TLS handshake failed", "the TLS handshake failed"),
            ("the connection was refused: nothing listens on port 443", "nothing listens at the address"),
            ("the connection could not be made: the host is unreachable", "the host is unreachable"),
            ("the connection was closed before an answer", "the connection was closed before an answer"),
            ("the address is not allowed: x is private", "the address is not a public one"),
            ("something new: nobody knows", "something new: nobody knows"),
        ] {
            assert_eq!(clause(&attempt(None, Some(error))), words);
        }
    }

    #[test]
    fn answers_are_told_by_their_code() {
        let refused = attempt(Some(500), Some("the endpoint answered 500"));
        assert_eq!(clause(&refused), "the endpoint answered 500 (Internal Server Error)");
        assert_eq!(short(&refused), "500 (Internal Server Error)");
        assert_eq!(short(&attempt(Some(299), None)), "299");
        assert_eq!(short(&attempt(Some(200), None)), "200 (OK)");
        let redirect = attempt(Some(302), Some("more than two redirects"));
        assert_eq!(short(&redirect), "The address redirects more than twice");
        assert_eq!(clause(&attempt(None, None)), "the endpoint answered");
    }

    #[test]
    fn advice_fits_what_happened() {
        let of = |status, error| advice(&attempt(status, Some(error)));
        assert!(of(Some(401), "the endpoint answered 401").is_some_and(|words| words.contains("login")));
        assert!(of(None, "the name did not resolve").is_some_and(|words| words.contains("spelling")));
        assert_eq!(of(None, "something new"), None);
    }
}
