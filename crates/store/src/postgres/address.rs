//! Where a PostgreSQL database is, and how it is spoken to.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long a server may take to let us in.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a connection may stay although nothing of what is sent there is acknowledged: a machine that is gone
/// without a word would hold our calls for a quarter of an hour otherwise.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// What every session begins with. Each statement here goes by an index and in its order, whatever the statistics
/// of a table that was empty a moment ago say; plans are kept, because they do not depend on what is bound; a commit is on disk,
/// whatever the server's own default.
const SESSION: &str = "-c enable_seqscan=off -c enable_bitmapscan=off -c enable_sort=off \
     -c enable_incremental_sort=off -c jit=off -c plan_cache_mode=force_generic_plan -c synchronous_commit=on \
     -c default_transaction_isolation=read\\ committed -c idle_in_transaction_session_timeout=30s -c application_name=sellvik";

/// Where a PostgreSQL database is. Holds its password, so it is never printed.
#[derive(Clone)]
pub struct PostgresAddress {
    config: Arc<Config>,
    tls: Option<Arc<ClientConfig>>,
}

impl PartialEq for PostgresAddress {
    fn eq(&self, other: &Self) -> bool {
        self.config == other.config
    }
}

impl Eq for PostgresAddress {}

impl std::fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PostgresAddress(redacted)")
    }
}

impl PostgresAddress {
    /// Reads an address as libpq has it: `postgres://user:password@host:port/database?option=value`, with several
    /// `host:port` by commas.
    ///
    /// TLS is `require`d unless every host is this machine or `sslmode` says otherwise, and a certificate is always
    /// verified, as libpq's `verify-full` does: by the system's authorities, or those in the file `sslrootcert`.
    ///
    /// # Errors
    /// What is wrong with it; never the address itself.
    pub fn parse(url: &str) -> Result<Self, String> {
        let (place, options) = url.split_once('?').unwrap_or((url, ""));
        let (mut authorities, mut mode, mut others) = (None, None, Vec::new());
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("sslrootcert", file)) => authorities = Some(decoded(file)?),
                Some(("sslmode", name)) => mode = Some(ssl_mode(name)?),
                _ => others.push(option),
            }
        }
        let mut config: Config =
            format!("{place}?{}", others.join("&")).parse().map_err(|error: tokio_postgres::Error| {
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
            })?;
        let options = config.get_options().map_or_else(String::new, |own| format!("{own} "));
        config.options(format!("{options}{SESSION}"));
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE_MAX);
        }
        config.keepalives_idle(SILENCE_MAX / 2).keepalives_interval(SILENCE_MAX / 6).keepalives_retries(3);
        let usual = if config.get_hosts().iter().all(is_here) { SslMode::Disable } else { SslMode::Require };
        let mode = mode.unwrap_or(usual);
        config.ssl_mode(mode);
        let tls =
            if mode == SslMode::Disable { None } else { Some(Arc::new(client(authorities.as_deref())?)) };
        Ok(Self { config: Arc::new(config), tls })
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn tls(&self) -> Option<MakeRustlsConnect> {
        self.tls.as_ref().map(|tls| MakeRustlsConnect::new((**tls).clone()))
    }
}

fn ssl_mode(name: &str) -> Result<SslMode, String> {
    match name {
        "disable" => Ok(SslMode::Disable),
        "prefer" => Ok(SslMode::Prefer),
        "require" | "verify-full" => Ok(SslMode::Require),
        _ => Err("sslmode is one of disable, prefer, require and verify-full".to_owned()),
    }
}

fn decoded(text: &str) -> Result<String, String> {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| "sslrootcert is not UTF-8".to_owned())
}

/// Whether nobody else can listen on the way there.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
        Host::Unix(_) => true,
    }
}

/// The provider is named here because a default one would be the whole process's.
fn client(authorities: Option<&str>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(file) => {
            let wrong = |what: &dyn std::fmt::Display| format!("sslrootcert cannot be used: {what}");
            for certificate in CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))? {
                let certificate = certificate.map_err(|error| wrong(&error))?;
                roots.add(certificate).map_err(|error| wrong(&error))?;
            }
            if roots.is_empty() {
                return Err(wrong(&"there is no certificate in it"));
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> Result<SslMode, String> {
        PostgresAddress::parse(url).map(|address| address.config.get_ssl_mode())
    }

    #[test]
    fn what_leaves_the_machine_is_encrypted_unless_told_otherwise() {
        for (url, expected) in [
            ("postgres://u:p@localhost/db", SslMode::Disable),
            ("postgres://u:p@127.0.0.1:1,[::1]:2/db", SslMode::Disable),
            ("postgres://u:p@%2Frun%2Fpostgresql/db", SslMode::Disable),
            ("postgres://u:p@db.internal/db", SslMode::Require),
            ("postgres://u:p@127.0.0.1,db.internal/db?target_session_attrs=read-write", SslMode::Require),
            ("postgres://u:p@db.internal/db?sslmode=disable", SslMode::Disable),
            ("postgres://u:p@db.internal/db?sslmode=prefer&connect_timeout=9", SslMode::Prefer),
            ("postgres://u:p@localhost/db?sslmode=verify-full", SslMode::Require),
        ] {
            assert_eq!(mode(url), Ok(expected), "{url}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said_without_it() {
        for (url, problem) in [
            ("postgres://u:hush@localhost/db?sslmode=verify-ca", "sslmode is one of"),
            ("postgres://u:hush@db.internal/db?sslrootcert=/nowhere/ca.pem", "sslrootcert cannot be used"),
            ("postgres://u:hush@db.internal/db?sslrootcert=%ff", "not UTF-8"),
            ("postgres://u:hush@localhost:hush/db", "invalid"),
            ("postgres://u:hush@localhost/db?moon=1", "unknown"),
        ] {
            let said = mode(url).err().unwrap_or_default();
            assert!(said.contains(problem) && !said.contains("hush"), "{url}: {said}");
        }
    }
}
