//! How an attempt ended: the receiver's answer, or the receiver's failure to give one.

use std::time::Duration;

use crate::Timestamp;

/// What is kept of a response body, in bytes (CONTRACT §3: the first 2 KiB).
pub const RESPONSE_BODY_BYTES_MAX: usize = 2048;

/// One attempt, as `egress` saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The answer, or why there is none that counts.
    pub result: Result<Answer, Failure>,
    /// The host that was asked last, redirects followed.
    pub final_host: String,
    /// From resolving the name to the verdict.
    pub duration: Duration,
}

/// A complete final response head, and the start of its body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// When the receiver asks to be called again, if it said so legibly.
    pub retry_after: Option<RetryAfter>,
    /// The first [`RESPONSE_BODY_BYTES_MAX`] bytes.
    pub body: Vec<u8>,
}

/// `Retry-After` in its two spellings (RFC 9110 §10.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// So much later.
    Delay(Duration),
    /// At this moment.
    At(Timestamp),
}

impl RetryAfter {
    /// Reads a header value; anything that is neither spelling is ignored.
    pub fn parse(value: &str) -> Option<Self> {
        let value = value.trim();
        if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
            // More digits than fit are a very long wait, not a malformed one.
            return Some(Self::Delay(Duration::from_secs(value.parse().unwrap_or(u64::MAX))));
        }
        let date = httpdate::parse_http_date(value).ok()?;
        let ms = date.duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_millis());
        Some(Self::At(Timestamp::from_millis(i64::try_from(ms).unwrap_or(i64::MAX))))
    }

    /// The moment it names, for an attempt that ended at `now`.
    pub fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Delay(delay) => now.after(delay),
            Self::At(at) => at,
        }
    }
}

/// Why an attempt got no answer that counts: always the receiver's side or the way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which kind.
    pub kind: FailureKind,
    /// More about it, for the developer; never a secret.
    pub detail: String,
    /// The redirect that was not followed, if it is what failed the attempt.
    pub answer: Option<Answer>,
}

/// The kinds of failure, each with its plain words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The name's addresses include one that the address rules refuse.
    BlockedAddress,
    /// No complete response head in time.
    Timeout,
    /// The name did not resolve.
    Dns,
    /// Nothing listens there.
    Refused,
    /// Any other failure to connect.
    Connect,
    /// The TLS handshake failed.
    Tls,
    /// The connection broke before a complete response head.
    Reset,
    /// The answer was not HTTP, or beyond its bounds.
    Protocol,
    /// A third redirect.
    TooManyRedirects,
    /// A redirect whose target may not be followed.
    BadRedirect,
    /// This machine had no means left to make a connection: ours, and nothing against the endpoint.
    OutOfMeans,
}

impl FailureKind {
    /// A sentence for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::BlockedAddress => "the address is not allowed",
            Self::Timeout => "no answer in time",
            Self::Dns => "the name did not resolve",
            Self::Refused => "the connection was refused",
            Self::Connect => "the connection could not be made",
            Self::Tls => "the TLS handshake failed",
            Self::Reset => "the connection was closed before an answer",
            Self::Protocol => "the answer was not valid HTTP",
            Self::TooManyRedirects => "more than two redirects",
            Self::BadRedirect => "the redirect cannot be followed",
            Self::OutOfMeans => "no connection could be made from here",
        }
    }
}

impl Failure {
    /// A failure with no redirect behind it.
    pub fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), answer: None }
    }
}

/// What the retry rules make of an outcome (CONTRACT §5's table).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// 2xx.
    Success,
    /// 4xx but 408 and 429: one more try.
    ClientError,
    /// The whole chain, never before this `Retry-After`.
    Busy(Option<RetryAfter>),
    /// The whole chain.
    Failed,
}

impl Outcome {
    /// Which row of the contract's table this is.
    pub fn class(&self) -> Class {
        match &self.result {
            Err(_) => Class::Failed,
            Ok(answer) => match answer.status {
                200..=299 => Class::Success,
                408 => Class::Failed,
                429 | 500..=599 => Class::Busy(answer.retry_after),
                400..=499 => Class::ClientError,
                _ => Class::Failed,
            },
        }
    }

    /// Whether it says nothing about the endpoint, because the attempt could not really be made.
    pub fn is_ours(&self) -> bool {
        matches!(&self.result, Err(failure) if failure.kind == FailureKind::OutOfMeans)
    }

    /// The status of the last answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.answer().map(|answer| answer.status)
    }

    /// What went wrong, in words; none for a success.
    pub fn error(&self) -> Option<String> {
        match &self.result {
            Ok(_) if self.class() == Class::Success => None,
            Ok(answer) => Some(format!("the endpoint answered {}", answer.status)),
            Err(failure) if failure.detail.is_empty() => Some(failure.kind.sentence().to_owned()),
            Err(failure) => Some(format!("{}: {}", failure.kind.sentence(), failure.detail)),
        }
    }

    /// The start of the response body as text: lossy UTF-8, NUL replaced (CONTRACT §3).
    pub fn body_text(&self) -> Option<String> {
        let answer = self.answer()?;
        let kept = &answer.body[..answer.body.len().min(RESPONSE_BODY_BYTES_MAX)];
        Some(String::from_utf8_lossy(kept).replace('\0', "\u{fffd}"))
    }

    fn answer(&self) -> Option<&Answer> {
        match &self.result {
            Ok(answer) => Some(answer),
            Err(failure) => failure.answer.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_in_both_spellings_and_nothing_else() {
        let now = Timestamp::from_millis(1_779_889_500_000);
        let moment = |value| RetryAfter::parse(value).map(|at| at.moment(now).as_millis() - now.as_millis());
        assert_eq!(moment("120"), Some(120_000));
        assert_eq!(moment(" 0 "), Some(0));
        assert_eq!(moment("Wed, 27 May 2026 13:46:00 GMT"), Some(60_000));
        assert!(moment("99999999999999999999999").is_some_and(|far| far > 86_400_000));
        assert!(moment("Sun, 06 Nov 1994 08:49:37 GMT").is_some_and(|past| past < 0));
        for bad in ["", "soon", "-5", "1.5", "2026-05-27T13:46:00Z", "12s"] {
            assert_eq!(moment(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_status_has_its_row() {
        let class = |status| {
            let answer = Answer { status, ..Answer::default() };
            Outcome { result: Ok(answer), final_host: String::new(), duration: Duration::ZERO }.class()
        };
        for status in [200, 201, 204, 299] {
            assert_eq!(class(status), Class::Success);
        }
        for status in [400, 401, 404, 410, 422, 499] {
            assert_eq!(class(status), Class::ClientError);
        }
        for status in [101, 300, 303, 304, 305, 408, 600] {
            assert_eq!(class(status), Class::Failed);
        }
        for status in [429, 500, 503, 599] {
            assert_eq!(class(status), Class::Busy(None));
        }
    }

    #[test]
    fn bodies_become_bounded_printable_text() {
        let answer = Answer { status: 200, body: b"a\0\xff".repeat(2000), retry_after: None };
        let outcome = Outcome { result: Ok(answer), final_host: String::new(), duration: Duration::ZERO };
        let text = outcome.body_text().unwrap_or_default();
        assert!(!text.contains('\0'));
        assert_eq!(text.chars().count(), RESPONSE_BODY_BYTES_MAX);
    }
}
