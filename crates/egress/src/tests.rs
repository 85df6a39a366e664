//! Attempts at real sockets on loopback; nothing here leaves the machine.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod answers;
mod https;
mod names;
mod receiver;
mod redirects;
mod resolving;
mod reuse;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use sellvik_domain::{AddressPolicy, EndpointUrl, FailureKind, Outcome};

use crate::{Egress, EgressSettings, Request};

/// The body of every request: what a hop must carry on unchanged.
const BODY: &str = r#"{"id":"evt_1","type":"order.created"}"#;

/// Long enough for a busy machine; tests that wait for the clock set their own.
const AMPLE: Duration = Duration::from_secs(10);

fn settings() -> EgressSettings {
    let loopback = vec!["127.0.0.0/8".parse().unwrap()];
    // Port 9 of loopback answers no question; tests that need names bring their own server.
    let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
    EgressSettings {
        policy: AddressPolicy::new(loopback),
        timeout: AMPLE,
        extra_ca_pem: None,
        dns: Some(nobody),
    }
}

fn egress() -> Egress {
    Egress::new(settings()).unwrap()
}

fn request(url: &str) -> Request {
    let headers = [("content-type", "application/json"), ("x-sellvik-event", "order.created")];
    Request {
        url: Arc::new(EndpointUrl::parse(url).unwrap()),
        headers: headers
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .to_vec(),
        body: Bytes::from_static(BODY.as_bytes()),
        http_allowed: true,
    }
}

#[track_caller]
fn status(outcome: &Outcome) -> u16 {
    outcome.result.as_ref().unwrap().status
}

#[track_caller]
fn failed(outcome: &Outcome, kind: FailureKind) -> &sellvik_domain::Failure {
    let failure = outcome.result.as_ref().unwrap_err();
    assert_eq!(failure.kind, kind, "{failure:?}");
    failure
}
