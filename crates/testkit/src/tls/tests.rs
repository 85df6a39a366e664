use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, Error, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::{Receiver, Reply};

async fn connect(
    receiver: &Receiver,
    ca: &TestCa,
    name: &str,
) -> Result<TlsStream<TcpStream>, CertificateError> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.pem().as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(receiver.addr()).await.unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(Error::InvalidCertificate(reason)) => reason.clone(),
            _ => panic!("{error:?}"),
        }
    })
}

async fn refusal(tls: &TestTls, ca: &TestCa, name: &str) -> CertificateError {
    let receiver = Receiver::start_tls(tls).await;
    connect(&receiver, ca, name).await.unwrap_err()
}

#[tokio::test]
async fn names_and_addresses_of_the_certificate_are_served() {
    let ca = TestCa::new();
    let receiver = Receiver::start_tls(&ca.server(&["127.0.0.1", "hooks.test"])).await;
    assert_eq!(receiver.url("/a"), format!("https://127.0.0.1:{}/a", receiver.addr().port()));
    receiver.script("/a", [Reply::status(200).with_body("safe"), Reply::close()]);
    for name in ["127.0.0.1", "hooks.test"] {
        let mut stream = connect(&receiver, &ca, name).await.unwrap();
        stream.write_all(b"GET /a HTTP/1.1\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let expected =
            if name == "127.0.0.1" { "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsafe" } else { "" };
        assert_eq!(answer, expected);
    }
    assert_eq!(receiver.received_at("/a").len(), 2);
}

#[tokio::test]
async fn a_reset_reaches_below_tls() {
    let ca = TestCa::new();
    let receiver = Receiver::start_tls(&ca.server(&["127.0.0.1"])).await;
    receiver.script("/a", [Reply::reset()]);
    let mut stream = connect(&receiver, &ca, "127.0.0.1").await.unwrap();
    stream.write_all(b"GET /a HTTP/1.1\r\n\r\n").await.unwrap();
    let error = stream.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn bad_certificates_are_bad_for_the_right_reason() {
    let ca = TestCa::new();
    let other_name = refusal(&ca.server(&["hooks.test"]), &ca, "127.0.0.1").await;
    assert!(matches!(other_name, CertificateError::NotValidForNameContext { .. }), "{other_name:?}");
    let expired = refusal(&ca.expired(&["127.0.0.1"]), &ca, "127.0.0.1").await;
    assert!(matches!(expired, CertificateError::ExpiredContext { .. }), "{expired:?}");
    let unsigned = refusal(&TestTls::self_signed(&["127.0.0.1"]), &ca, "127.0.0.1").await;
    assert_eq!(unsigned, CertificateError::UnknownIssuer);
    let stranger = refusal(&TestCa::new().server(&["127.0.0.1"]), &ca, "127.0.0.1").await;
    assert!(
        matches!(stranger, CertificateError::BadSignature | CertificateError::UnknownIssuer),
        "{stranger:?}"
    );
}

#[tokio::test]
async fn the_silent_receiver_is_silent() {
    let receiver = Receiver::start_silent().await;
    assert!(receiver.url("/").starts_with("https://127.0.0.1:"));
    let mut stream = TcpStream::connect(receiver.addr()).await.unwrap();
    stream.write_all(b"\x16\x03\x01 as if to begin a handshake").await.unwrap();
    receiver.wait_for_connections(1).await;
    stream.shutdown().await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    assert!(bytes.is_empty());
    receiver.wait_for_closed(1).await;
}
