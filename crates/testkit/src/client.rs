//! A client for JSON APIs, no larger than a test needs.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(30);

/// Sends each request over a connection of its own and returns the answer, whatever it is; redirects
/// are answers too. No answer within 30 seconds is a panic.
#[derive(Clone, Debug)]
pub struct Client {
    base: String,
    bearer: Option<String>,
}

impl Client {
    /// A client of the server at `base`: `http://127.0.0.1:PORT`, or the bare address, with or
    /// without a path to put before those of the requests.
    pub fn new(base: &str) -> Self {
        let base = base.strip_prefix("http://").unwrap_or(base).trim_end_matches('/');
        Self { base: base.to_owned(), bearer: None }
    }

    /// The same client with `Authorization: Bearer <key>`.
    #[must_use]
    pub fn with_bearer(&self, key: &str) -> Self {
        Self { base: self.base.clone(), bearer: Some(key.to_owned()) }
    }

    /// Sends a GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, None).await
    }

    /// Sends a POST with this JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path, Some(body)).await
    }

    /// Sends a PATCH with this JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.request("PATCH", path, Some(body)).await
    }

    /// Sends a DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path, None).await
    }

    /// Sends a request with exactly these headers, besides `Host` and `Content-Length`: the client's
    /// own key is not among them.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let exchange = self.exchange(method, path, headers, body);
        tokio::time::timeout(PATIENCE, exchange)
            .await
            .unwrap_or_else(|_| panic!("no answer to {method} {path} within {} s", PATIENCE.as_secs()))
    }

    async fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let key = self.bearer.as_ref().map(|key| format!("Bearer {key}"));
        let mut headers = Vec::new();
        headers.extend(key.as_deref().map(|key| ("Authorization", key)));
        headers.extend(body.map(|_| ("Content-Type", "application/json")));
        let body = body.map(|body| serde_json::to_vec(body).unwrap());
        self.send(method, path, &headers, body.unwrap_or_default()).await
    }

    async fn exchange(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let (authority, prefix) = self.base.find('/').map_or((&*self.base, ""), |at| self.base.split_at(at));
        let addr: SocketAddr = authority.parse().unwrap_or_else(|_| panic!("{authority} is not IP:PORT"));
        assert!(addr.ip().is_loopback(), "tests stay on this machine; {addr} is not on it");

        let mut request = Request::builder().method(method).uri(format!("{prefix}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if request.headers_ref().is_some_and(|headers| !headers.contains_key(HOST)) {
            request = request.header(HOST, authority);
        }
        let request = request.body(Full::new(Bytes::from(body))).unwrap();

        let failed =
            |error: &dyn std::error::Error| -> Answer { panic!("{method} {path} at {addr}: {error:?}") };
        let stream = match TcpStream::connect(addr).await {
            Ok(stream) => TokioIo::new(stream),
            Err(error) => return failed(&error),
        };
        let (mut sender, connection) = match hyper::client::conn::http1::handshake(stream).await {
            Ok(opened) => opened,
            Err(error) => return failed(&error),
        };
        let connection = tokio::spawn(connection);
        let answer = match sender.send_request(request).await {
            Ok(response) => {
                let (head, body) = response.into_parts();
                match body.collect().await {
                    Ok(body) => {
                        Answer { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes() }
                    }
                    Err(error) => failed(&error),
                }
            }
            Err(error) => failed(&error),
        };
        connection.abort();
        answer
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON.
    ///
    /// Panics if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in the {} answer {:?}", self.status, self.text()))
    }

    /// The body as JSON if the status is this one; null if there is no body.
    ///
    /// Panics with the body if the status is another one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert!(self.status == status, "expected {status}, got {}: {}", self.status, self.text());
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// The `error.code` of the body.
    ///
    /// Panics if there is none.
    #[track_caller]
    pub fn code(&self) -> String {
        let code = self.json()["error"]["code"].as_str().map(str::to_owned);
        code.unwrap_or_else(|| panic!("no error.code in the {} answer {}", self.status, self.text()))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

#[cfg(test)]
mod tests;
