//! What the rest of the house sees of the way out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use sellvik_domain::{AddressPolicy, EndpointHost, EndpointUrl, FailureKind, Outcome, is_local_name};
use tokio::time::{Instant, timeout, timeout_at};

use crate::EgressError;
use crate::failure::{self, Stage};
use crate::resolve::Resolver;
use crate::tls;
use crate::walk::{Shared, Trail};

/// How long a name may take to resolve at registration, in milliseconds (CONTRACT §3).
const VET_MS: u64 = 1_000;

/// What the way out is built from.
#[derive(Debug, Clone)]
pub struct EgressSettings {
    /// Which addresses may be connected to.
    pub policy: AddressPolicy,
    /// The clock of one attempt, from resolving the name to the complete head of the final answer.
    pub timeout: Duration,
    /// Certificate authorities to trust besides the system's, in PEM.
    pub extra_ca_pem: Option<Vec<u8>>,
    /// The one name server to ask instead of the system's.
    pub dns: Option<SocketAddr>,
}

/// The way out. Clones share its connections and its resolver's cache.
#[derive(Clone)]
pub struct Egress {
    shared: Arc<Shared>,
}

/// What to send, and where.
#[derive(Clone)]
pub struct Request {
    /// The endpoint.
    pub url: Arc<EndpointUrl>,
    /// Every header but `Host` and `Content-Length`, which are ours to add; each name once.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body, the same on every hop.
    pub body: Bytes,
    /// Whether plain `http` will do, here and where a redirect leads: only for dev shops.
    pub http_allowed: bool,
}

/// What a URL's host stands for at registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vetting {
    /// Addresses that an endpoint may have.
    Permitted,
    /// Nothing yet: the name did not resolve in time. Every attempt will ask again.
    Unresolved,
    /// An address that an endpoint may not have.
    Refused,
}

impl Egress {
    /// Builds the way out; nothing is sent or asked yet.
    pub fn new(settings: EgressSettings) -> Result<Self, EgressError> {
        let shared = Shared {
            resolver: Resolver::new(settings.policy, settings.dns)?,
            tls: tls::connector(settings.extra_ca_pem.as_deref())?,
            pool: Arc::default(),
            timeout: settings.timeout,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// One attempt. Whatever happens is an outcome; dropping the future closes its connection.
    pub async fn send(&self, request: Request) -> Outcome {
        let shared = &*self.shared;
        let started = Instant::now();
        let mut trail = Trail { host: request.url.host_text().to_owned(), stage: Stage::Resolving };
        let end = timeout_at(started + shared.timeout, shared.walk(&request, &mut trail)).await;
        let duration = started.elapsed();
        let result = match end {
            Err(_elapsed) => Err(failure::of_timeout(trail.stage, shared.timeout)),
            Ok(Err(failure)) => Err(failure),
            Ok(Ok(end)) => shared.answer(end).await,
        };
        Outcome { result, final_host: trail.host, duration }
    }

    /// Whether a URL's host stands for a refused address, as far as one second tells.
    pub async fn vet(&self, url: &EndpointUrl) -> Vetting {
        let within = Duration::from_millis(VET_MS);
        match timeout(within, self.shared.resolver.resolve(url)).await {
            Ok(Ok(_)) => Vetting::Permitted,
            Ok(Err(failure)) if failure.kind == FailureKind::BlockedAddress => Vetting::Refused,
            // A name of the local network is refused unless it is known to be opened.
            Err(_elapsed) if matches!(url.host(), EndpointHost::Name(name) if is_local_name(name)) => {
                Vetting::Refused
            }
            Ok(Err(_)) | Err(_) => Vetting::Unresolved,
        }
    }

    /// The connections at rest.
    #[cfg(test)]
    pub(crate) fn pool(&self) -> &Arc<crate::pool::Pool> {
        &self.shared.pool
    }
}
