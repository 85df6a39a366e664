//! One attempt, hop by hop, to its verdict.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, RETRY_AFTER};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use sellvik_domain::{Answer, EndpointUrl, Failure, FailureKind, RetryAfter};
use tokio_rustls::TlsConnector;

use crate::Request;
use crate::body;
use crate::connect;
use crate::connection::Connection;
use crate::failure::{self, Stage};
use crate::pool::{Origin, Pool};
use crate::redirect::{self, Next};
use crate::resolve::Resolver;

/// How long the body is read after the final head, in milliseconds (CONTRACT §5).
const BODY_MS: u64 = 1_000;

/// How long the body of a redirect that is followed is read, in milliseconds: enough for one that came
/// with its head, and then the connection can be used again.
const REDIRECT_BODY_MS: u64 = 100;

/// What all attempts share.
pub struct Shared {
    pub resolver: Resolver,
    pub tls: TlsConnector,
    pub pool: Arc<Pool>,
    pub timeout: Duration,
}

/// How far an attempt has come, for the words of a timeout.
pub struct Trail {
    pub host: String,
    pub stage: Stage,
}

/// An answer's head, its body still on the connection.
struct Exchange {
    origin: Origin,
    connection: Box<Connection>,
    response: hyper::Response<Incoming>,
}

/// Where an attempt ended, and why not further if it was to go on.
pub struct End {
    exchange: Exchange,
    refusal: Option<(FailureKind, &'static str)>,
}

impl Shared {
    /// From hop to hop until an answer is final.
    pub async fn walk(&self, request: &Request, trail: &mut Trail) -> Result<End, Failure> {
        if !request.url.is_https() && !request.http_allowed {
            return Err(Failure::new(FailureKind::Connect, "plain http is for dev shops only"));
        }
        let mut url = Arc::clone(&request.url);
        let mut followed = 0;
        loop {
            let exchange = self.exchange(&url, request, trail).await?;
            let head = &exchange.response;
            let next = redirect::next(&url, head.status(), head.headers(), followed, request.http_allowed);
            match next {
                Next::Here => return Ok(End { exchange, refusal: None }),
                Next::Refuse(kind, detail) => return Ok(End { exchange, refusal: Some((kind, detail)) }),
                Next::Follow(target) => {
                    self.finish(exchange, REDIRECT_BODY_MS).await;
                    url = Arc::new(target);
                    url.host_text().clone_into(&mut trail.host);
                    followed += 1;
                }
            }
        }
    }

    /// One hop: resolve and vet, then ask over a resting connection or a fresh one.
    async fn exchange(
        &self,
        url: &EndpointUrl,
        request: &Request,
        trail: &mut Trail,
    ) -> Result<Exchange, Failure> {
        trail.stage = Stage::Resolving;
        let addresses = self.resolver.resolve(url).await?;
        let origin = Origin::of(url);
        if let Some(mut connection) = self.pool.take(&origin, &addresses) {
            trail.stage = Stage::Answering;
            match connection.ask(hop_request(url, request)?).await {
                Ok(response) => return Ok(Exchange { origin, connection, response }),
                Err(error) if connection.heard() => {
                    return Err(failure::of_exchange(&error, url.host_text()));
                }
                // The receiver had closed it before our request came: as good as no connection at all.
                Err(_) => drop(connection),
            }
        }
        trail.stage = Stage::Connecting;
        let mut connection = connect::open(&self.tls, url, &addresses).await?;
        trail.stage = Stage::Answering;
        let response = connection
            .ask(hop_request(url, request)?)
            .await
            .map_err(|error| failure::of_exchange(&error, url.host_text()))?;
        Ok(Exchange { origin, connection, response })
    }

    /// The last answer with the start of its body; the verdict stands already.
    pub async fn answer(&self, end: End) -> Result<Answer, Failure> {
        let head = &end.exchange.response;
        let status = head.status().as_u16();
        let retry_after = head
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| str::from_utf8(value.as_bytes()).ok())
            .and_then(RetryAfter::parse);
        let body = self.finish(end.exchange, BODY_MS).await;
        let answer = Answer { status, retry_after, body };
        match end.refusal {
            None => Ok(answer),
            Some((kind, detail)) => Err(Failure { kind, detail: detail.to_owned(), answer: Some(answer) }),
        }
    }

    /// Reads what is kept of a body, and lets the connection rest if that was all.
    async fn finish(&self, exchange: Exchange, within_ms: u64) -> Vec<u8> {
        let Exchange { origin, mut connection, response } = exchange;
        let kept = body::read(&mut connection, response.into_body(), Duration::from_millis(within_ms)).await;
        if kept.finished {
            self.pool.put(origin, connection);
        }
        kept.bytes
    }
}

/// The request of one hop: only the target and the `Host` differ from hop to hop.
fn hop_request(url: &EndpointUrl, request: &Request) -> Result<hyper::Request<Full<Bytes>>, Failure> {
    let unsendable = || Failure::new(FailureKind::Connect, "the URL cannot be sent as a request");
    let target = PathAndQuery::try_from(url.path_and_query()).map_err(|_| unsendable())?;
    let host = HeaderValue::try_from(url.authority()).map_err(|_| unsendable())?;
    let mut hop = hyper::Request::new(Full::new(request.body.clone()));
    *hop.method_mut() = Method::POST;
    *hop.uri_mut() = Uri::from(target);
    let headers = hop.headers_mut();
    headers.reserve(request.headers.len() + 2);
    headers.extend(request.headers.iter().cloned());
    headers.insert(HOST, host);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(request.body.len()));
    Ok(hop)
}
