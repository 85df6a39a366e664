//! Attempts inside TLS, and the words for those that do not get there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::{HandshakeKind, ServerConfig};
use sellvik_domain::FailureKind;
use tokio::io::AsyncWriteExt;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::names::Names;
use super::receiver::{Receiver, answer, next_request};
use super::{egress, failed, request, settings, status};
use crate::{Egress, EgressError, EgressSettings};

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "the test's own");
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// What a receiver shows for these names.
    fn acceptor(&self, names: &[&str], adjust: impl FnOnce(&mut CertificateParams)) -> TlsAcceptor {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        adjust(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![certificate.der().clone()], key)
                .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }

    fn trusted(&self) -> EgressSettings {
        EgressSettings { extra_ca_pem: Some(self.0.pem().into_bytes()), ..settings() }
    }
}

async fn receiver(acceptor: TlsAcceptor) -> Receiver {
    Receiver::start(move |_, stream, seen| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            while next_request(&mut stream, &seen).await.is_some() {
                stream.write_all(answer(200, "", "safe").as_bytes()).await.unwrap();
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_trusted_receiver_is_believed_and_kept() {
    let authority = Authority::new();
    let receiver = receiver(authority.acceptor(&["shop.example", "127.0.0.1"], |_| ())).await;
    let names = Names::start().await;
    names.set_addresses("shop.example", &["127.0.0.1"]);
    let egress = Egress::new(EgressSettings { dns: Some(names.address), ..authority.trusted() }).unwrap();
    for host in ["shop.example", "shop.example", "127.0.0.1"] {
        let url = format!("https://{host}:{}/", receiver.address.port());
        let strict = crate::Request { http_allowed: false, ..request(&url) };
        assert_eq!(status(&egress.send(strict).await), 200);
    }
    assert_eq!((receiver.connections(), egress.pool().total()), (2, 2));
}

#[tokio::test]
async fn as_many_connections_as_were_closed_come_back_by_tickets() {
    const AT_ONCE: usize = 20;
    let authority = Authority::new();
    let acceptor = authority.acceptor(&["127.0.0.1"], |_| ());
    let together = Arc::new(Barrier::new(AT_ONCE));
    let resumed = Arc::new(AtomicUsize::new(0));
    let counted = resumed.clone();
    let receiver = Receiver::start(move |_, stream, seen| {
        let (acceptor, together, resumed) = (acceptor.clone(), together.clone(), counted.clone());
        async move {
            let mut stream = acceptor.accept(stream).await.unwrap();
            if stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed) {
                resumed.fetch_add(1, Ordering::SeqCst);
            }
            next_request(&mut stream, &seen).await;
            // None is answered before all have come, so that each needs a connection of its own.
            together.wait().await;
            stream.write_all(answer(200, "Connection: close\r\n", "").as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    })
    .await;
    let egress = Egress::new(authority.trusted()).unwrap();
    let url = format!("https://{}/", receiver.address);
    for come_back in [0, AT_ONCE] {
        let sent: JoinSet<_> = (0..AT_ONCE)
            .map(|_| {
                let (egress, request) = (egress.clone(), request(&url));
                async move { egress.send(request).await }
            })
            .collect();
        assert!(sent.join_all().await.iter().all(|outcome| status(outcome) == 200));
        assert_eq!(resumed.load(Ordering::SeqCst), come_back);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_said() {
    let authority = Authority::new();
    let fine = |_: &mut CertificateParams| ();
    let past = |params: &mut CertificateParams| {
        (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
    };
    let future = |params: &mut CertificateParams| params.not_before = date_time_ymd(3001, 1, 1);
    let trusting = Egress::new(authority.trusted()).unwrap();
    for (egress, acceptor, words) in [
        (&egress(), authority.acceptor(&["127.0.0.1"], fine), "issuer is not trusted"),
        (&trusting, authority.acceptor(&["127.0.0.2"], fine), "not valid for 127.0.0.1"),
        (&trusting, authority.acceptor(&["127.0.0.1"], past), "has expired"),
        (&trusting, authority.acceptor(&["127.0.0.1"], future), "not valid yet"),
    ] {
        let receiver = receiver(acceptor).await;
        let outcome = egress.send(request(&format!("https://{}/", receiver.address))).await;
        let detail = &failed(&outcome, FailureKind::Tls).detail;
        assert!(detail.contains(words), "{detail}");
        assert!(receiver.requests().is_empty());
    }
}

#[tokio::test]
async fn what_is_not_tls_is_said() {
    for (said, words) in
        [("HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak TLS"), ("", "closed during the handshake")]
    {
        let receiver = Receiver::start(move |_, mut stream, _| async move {
            // Reads what there is, so that closing does not tear the answer down with it.
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 4096]).await;
            stream.write_all(said.as_bytes()).await.unwrap();
        })
        .await;
        let outcome = egress().send(request(&format!("https://{}/", receiver.address))).await;
        let detail = &failed(&outcome, FailureKind::Tls).detail;
        assert!(detail.contains(words), "{detail}");
    }
}

#[tokio::test]
async fn a_downgrade_over_the_wire_is_not_followed() {
    let authority = Authority::new();
    let acceptor = authority.acceptor(&["127.0.0.1"], |_| ());
    let plain = Receiver::answering(vec![answer(200, "", "")]).await;
    let moved = super::receiver::redirect(301, &plain.url("/"));
    let secure = Receiver::start(move |_, stream, seen| {
        let (acceptor, moved) = (acceptor.clone(), moved.clone());
        async move {
            let mut stream = acceptor.accept(stream).await.unwrap();
            next_request(&mut stream, &seen).await;
            stream.write_all(moved.as_bytes()).await.unwrap();
        }
    })
    .await;
    let egress = Egress::new(authority.trusted()).unwrap();
    let url = format!("https://{}/", secure.address);
    let strict = crate::Request { http_allowed: false, ..request(&url) };
    let outcome = egress.send(strict).await;
    assert_eq!(failed(&outcome, FailureKind::BadRedirect).detail, "it leads to plain http");
    assert_eq!((outcome.status(), plain.connections()), (Some(301), 0));
    assert_eq!(status(&egress.send(request(&url)).await), 200);
}

#[test]
fn additional_authorities_must_be_certificates() {
    let with = |pem: &str| Egress::new(EgressSettings { extra_ca_pem: Some(pem.into()), ..settings() }).err();
    assert!(matches!(with(""), Some(EgressError::AuthoritiesEmpty)));
    let (begin, end) = ("-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n");
    let unusable = with(&format!("{begin}AAAA\n{end}"));
    assert!(matches!(unusable, Some(EgressError::AuthorityUnusable(_))));
    let unreadable = with(&format!("{begin}#\n{end}"));
    assert!(matches!(unreadable, Some(EgressError::AuthoritiesUnreadable(_))));
}
