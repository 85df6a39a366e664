//! Reading what a request brings, late and bounded: a body only once the caller may send one.

use std::error::Error;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, RawQuery, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::time::timeout;

use crate::problem::Problem;

/// An Admin API or shop body, in bytes: a URL, a name and a list of event types take far less.
pub(crate) const SMALL_BODY_BYTES_MAX: usize = 64 << 10;

/// A batch of events, in bytes (CONTRACT §4).
pub(crate) const BATCH_BODY_BYTES_MAX: usize = 8 << 20;

/// How long a body may take to arrive: a slow caller must not hold a connection for ever.
const BODY_TIME_MAX: Duration = Duration::from_secs(30);

/// A JSON body that has not been read yet.
pub(crate) struct LateBody {
    headers: HeaderMap,
    body: Body,
}

impl<S: Send + Sync> FromRequest<S> for LateBody {
    type Rejection = std::convert::Infallible;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        let (parts, body) = request.into_parts();
        Ok(Self { headers: parts.headers, body })
    }
}

impl LateBody {
    /// Checks type and size, then reads.
    pub(crate) async fn read(self, bytes_max: usize) -> Result<Bytes, Problem> {
        if self.headers.get(CONTENT_TYPE).is_some_and(|kind| !is_json(kind)) {
            return Err(Problem::unsupported_media_type());
        }
        let announced = self.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length: u64| length > bytes_max as u64) {
            return Err(Problem::payload_too_large(bytes_max));
        }
        match timeout(BODY_TIME_MAX, gather(Limited::new(self.body, bytes_max))).await {
            Ok(Ok(read)) => Ok(read),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::payload_too_large(bytes_max)),
            // Nobody may be there any more to be told.
            Ok(Err(_)) => Err(unreadable("breaks off, or its chunks are not what HTTP/1.1 allows")),
            Err(_) => Err(unreadable("did not arrive within 30 s")),
        }
    }
}

/// Copies what comes: each piece, however small, would keep all of the buffer that it arrived in.
async fn gather(mut body: Limited<Body>) -> Result<Bytes, Box<dyn Error + Send + Sync>> {
    let mut gathered = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            gathered.extend_from_slice(&data);
        }
    }
    Ok(gathered.into())
}

fn unreadable(problem: &str) -> Problem {
    sellvik_actions::ActionError::InvalidBody(vec![sellvik_domain::Issue::body(problem)]).into()
}

/// `application/json` and its `+json` kin, parameters aside (RFC 6839).
fn is_json(kind: &HeaderValue) -> bool {
    let Ok(kind) = kind.to_str() else { return false };
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// The one id in a path; an unreadable one is some id that nothing has.
pub(crate) struct Id(pub(crate) String);

/// The two ids in a path.
pub(crate) struct Ids(pub(crate) String, pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(path.map(|Path(id)| id).unwrap_or_default()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Ids {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let (outer, inner) = path.map(|Path(ids)| ids).unwrap_or_default();
        Ok(Self(outer, inner))
    }
}

/// The query string, empty if there is none.
pub(crate) struct Query(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let RawQuery(query) = RawQuery::from_request_parts(parts, state).await?;
        Ok(Self(query.unwrap_or_default()))
    }
}
