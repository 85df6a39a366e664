//! Technical errors in the words a merchant's developer reads.

use std::error::Error;
use std::io;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError};
use sellvik_domain::{Failure, FailureKind};

/// The TCP connection was not made.
pub fn of_connect(error: &io::Error, port: u16) -> Failure {
    use io::ErrorKind;
    if is_ours(error) {
        return Failure::new(FailureKind::OutOfMeans, error.to_string());
    }
    let (kind, detail) = match error.kind() {
        ErrorKind::ConnectionRefused => {
            return Failure::new(FailureKind::Refused, format!("nothing listens on port {port}"));
        }
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => {
            (FailureKind::Reset, "the host broke the connection off")
        }
        ErrorKind::HostUnreachable => (FailureKind::Connect, "the host is unreachable"),
        ErrorKind::NetworkUnreachable => (FailureKind::Connect, "the host's network is unreachable"),
        ErrorKind::TimedOut => (FailureKind::Connect, "the host does not respond"),
        _ => (FailureKind::Connect, "the network did not allow it"),
    };
    Failure::new(kind, detail)
}

/// Whether this machine, not the endpoint, is why: no files, memory, buffers or ports left.
fn is_ours(error: &io::Error) -> bool {
    // EMFILE and ENFILE have no kind of their own in the standard library; their numbers are Linux's.
    const OUT_OF_FILES: [i32; 2] = [23, 24];
    matches!(error.kind(), io::ErrorKind::OutOfMemory | io::ErrorKind::AddrNotAvailable)
        || error.raw_os_error().is_some_and(|number| OUT_OF_FILES.contains(&number))
}

/// The TLS handshake with `host` was not completed.
pub fn of_handshake(error: &io::Error, host: &str) -> Failure {
    let detail = match tls_error(error) {
        Some(error) => tls_words(error, host),
        None => "the connection was closed during the handshake".to_owned(),
    };
    Failure::new(FailureKind::Tls, detail)
}

/// A connection stood, but no complete response head came over it.
pub fn of_exchange(error: &hyper::Error, host: &str) -> Failure {
    if error.is_parse_too_large() {
        return Failure::new(FailureKind::Protocol, "its header fields are too many or too large");
    }
    if error.is_parse() {
        return Failure::new(FailureKind::Protocol, "it is not an HTTP/1.1 answer");
    }
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<io::Error>().and_then(tls_error) {
            return Failure::new(FailureKind::Tls, tls_words(error, host));
        }
        source = cause.source();
    }
    // The kind's own sentence says all there is to say.
    Failure::new(FailureKind::Reset, "")
}

/// What the attempt was busy with when its time ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Resolving,
    Connecting,
    Answering,
}

/// The attempt's clock ran out.
pub fn of_timeout(stage: Stage, limit: Duration) -> Failure {
    let limit = match (limit.as_secs(), limit.subsec_millis()) {
        (seconds, 0) => format!("{seconds} s"),
        _ => format!("{} ms", limit.as_millis()),
    };
    let detail = match stage {
        Stage::Resolving => format!("no answer within {limit}; the name was still being resolved"),
        Stage::Connecting => format!("no answer within {limit}; the connection was still being made"),
        Stage::Answering => format!("no answer within {limit}"),
    };
    Failure::new(FailureKind::Timeout, detail)
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

fn tls_words(error: &rustls::Error, host: &str) -> String {
    match error {
        rustls::Error::InvalidCertificate(error) => certificate_words(error, host),
        rustls::Error::NoCertificatesPresented => "the endpoint showed no certificate".to_owned(),
        rustls::Error::PeerIncompatible(_)
        | rustls::Error::AlertReceived(AlertDescription::ProtocolVersion) => {
            "the endpoint offers neither TLS 1.2 nor TLS 1.3 in a form we accept".to_owned()
        }
        rustls::Error::AlertReceived(AlertDescription::HandshakeFailure) => {
            "the endpoint found no parameters in common".to_owned()
        }
        rustls::Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            format!("the endpoint does not know the name {host}")
        }
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired | AlertDescription::BadCertificate,
        ) => "the endpoint demands a client certificate".to_owned(),
        rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)
        | rustls::Error::NoApplicationProtocol => "the endpoint does not offer HTTP/1.1".to_owned(),
        rustls::Error::AlertReceived(_) => "the endpoint broke it off".to_owned(),
        rustls::Error::InvalidMessage(_) => "the endpoint does not speak TLS on this port".to_owned(),
        _ => "the endpoint did not keep to the protocol".to_owned(),
    }
}

fn certificate_words(error: &CertificateError, host: &str) -> String {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("the certificate is not valid for {host}")
        }
        CertificateError::UnknownIssuer => {
            "the certificate's issuer is not trusted, or an intermediate certificate is missing".to_owned()
        }
        CertificateError::Revoked => "the certificate has been revoked".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the certificate is not meant for servers".to_owned()
        }
        CertificateError::BadSignature => "the certificate's signature is wrong".to_owned(),
        _ => "the certificate is not acceptable".to_owned(),
    }
}
