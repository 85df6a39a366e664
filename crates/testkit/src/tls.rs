//! Certificates made on the spot, and what a server needs to use them.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A certificate authority nobody trusts yet.
pub struct TestCa(CertifiedIssuer<'static, KeyPair>);

impl TestCa {
    /// A new one, with a key of its own.
    #[expect(clippy::new_without_default, reason = "no two of them are the same")]
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Sellvik test CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its certificate, for whoever is to trust it.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server with a valid certificate for these names; IP addresses are names too.
    pub fn server(&self, names: &[&str]) -> TestTls {
        self.sign(&server_params(names))
    }

    /// A server whose certificate for these names ended in 2000.
    pub fn expired(&self, names: &[&str]) -> TestTls {
        let mut params = server_params(names);
        params.not_before = date_time_ymd(1999, 1, 1);
        params.not_after = date_time_ymd(2000, 1, 1);
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> TestTls {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        TestTls::new(&certificate, &key)
    }
}

/// How a server proves who it is.
#[derive(Clone)]
pub struct TestTls {
    config: Arc<ServerConfig>,
    identity: String,
}

impl TestTls {
    /// A server with a certificate for these names that no authority signed.
    pub fn self_signed(names: &[&str]) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = server_params(names).self_signed(&key).unwrap();
        Self::new(&certificate, &key)
    }

    /// Its certificate and its key, for a server in another process.
    pub fn identity_pem(&self) -> &str {
        &self.identity
    }

    fn new(certificate: &Certificate, key: &KeyPair) -> Self {
        let identity = certificate.pem() + &key.serialize_pem();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Self { config: Arc::new(config), identity }
    }

    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }
}

fn server_params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, "Sellvik test receiver");
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

#[cfg(test)]
mod tests;
