//! Whom we believe, and how we speak TLS.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use sellvik_domain::EndpointHost;
use tokio_rustls::TlsConnector;

use crate::EgressError;
use crate::tickets::Tickets;

/// TLS 1.2 and 1.3 by the system's authorities and those of `extra_ca_pem`. The provider is named here
/// because a default one would be the whole process's.
pub fn connector(extra_ca_pem: Option<&[u8]>) -> Result<TlsConnector, EgressError> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(EgressError::Tls)?
        .with_root_certificates(roots(extra_ca_pem)?)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::store(Arc::new(Tickets::new()));
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The name a certificate must carry; none if the host cannot stand in a certificate.
pub fn server_name(host: &EndpointHost<'_>) -> Option<ServerName<'static>> {
    match host {
        EndpointHost::Address(address) => Some(ServerName::IpAddress((*address).into())),
        EndpointHost::Name(name) => ServerName::try_from((*name).to_owned()).ok(),
    }
}

fn roots(extra_ca_pem: Option<&[u8]>) -> Result<RootCertStore, EgressError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    // Systems carry a few roots that are malformed or too old; the others are still good.
    let (_, unusable) = roots.add_parsable_certificates(system.certs);
    tracing::debug!(usable = roots.len(), unusable, unreadable = system.errors.len(), "system's authorities");
    if let Some(pem) = extra_ca_pem {
        add_extra(&mut roots, pem)?;
    }
    if roots.is_empty() {
        tracing::warn!("no certificate authorities are known: every https delivery will fail");
    }
    Ok(roots)
}

fn add_extra(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), EgressError> {
    let mut found = false;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(EgressError::AuthoritiesUnreadable)?;
        roots.add(certificate).map_err(EgressError::AuthorityUnusable)?;
        found = true;
    }
    if found { Ok(()) } else { Err(EgressError::AuthoritiesEmpty) }
}
