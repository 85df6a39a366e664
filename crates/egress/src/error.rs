//! Why the way out could not be built.

use hickory_resolver::net::NetError;
use rustls::pki_types::pem;

/// What can be wrong with the settings; an attempt itself never errs, it has an outcome.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The file of additional authorities is not PEM.
    #[error("the additional certificate authorities are not valid PEM")]
    AuthoritiesUnreadable(#[source] pem::Error),
    /// The file of additional authorities is PEM, but holds no certificate.
    #[error("the additional certificate authorities hold no certificate")]
    AuthoritiesEmpty,
    /// One of the additional authorities is not a certificate that can be trusted as a root.
    #[error("an additional certificate authority is not usable")]
    AuthorityUnusable(#[source] rustls::Error),
    /// The TLS parameters do not fit together.
    #[error("TLS could not be set up")]
    Tls(#[source] rustls::Error),
    /// The resolver could not be built.
    #[error("the resolver could not be set up")]
    Resolver(#[source] NetError),
}
