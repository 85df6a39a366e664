//! Attempts without an answer that counts: each a failure of the whole chain, in plain words
//! (CONTRACT §5).

use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use sellvik_testkit::{Receiver, Reply, TestCa, TestTls};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::dns::Dns;
use crate::harness::{Scene, Server, Shop, Webhook, assert_shows};
use crate::program::Program;

/// A port of loopback on which nothing listens.
async fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// The first attempt of an event for this webhook: failed without an answer, and another is scheduled.
async fn failed(server: &Server, shop: &Shop, webhook: &Webhook) -> Value {
    shop.publish("order.cancelled").await;
    let delivery = shop.attempted(webhook, 1).await;
    assert_shows(&delivery, &json!({"status": "failed", "dropReason": null, "deliveredAt": null}));
    assert_shows(&delivery, &json!({"lastResponseCode": null, "lastResponseBody": null}));
    assert_shows(&delivery, &json!({"lastAttemptAt": server.now().to_string()}));
    let due = server.ms_until(&delivery["nextAttemptAt"]);
    assert!((27_000..=33_000).contains(&due), "{delivery:#}");
    let shown = json!({"failureCount": 1, "lastDeliveryAt": server.now().to_string()});
    assert_shows(&shop.get(webhook).await, &shown);
    delivery
}

/// As [`failed`], at a URL of a fresh dev shop; what went wrong, in words.
async fn error_at(server: &Server, url: &str) -> String {
    let shop = server.shop().await;
    let webhook = shop.webhook(url, &["order.cancelled"]).await;
    failed(server, &shop, &webhook).await["lastError"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn no_complete_head_within_the_delivery_timeout() {
    let unfinished = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n";
    for reply in [
        Reply::hang(),
        Reply::drip_head(Duration::from_millis(20)),
        Reply::raw_keep(unfinished),
        Reply::raw_keep("HTTP/1.1 100 Continue\r\n\r\n"),
    ] {
        let scene = Scene::with_flags(&["--delivery-timeout", "300ms"], [reply]).await;
        let delivery = failed(&scene.server, &scene.shop, &scene.webhook).await;
        assert_eq!(delivery["lastError"], "no answer in time: no answer within 300 ms");
        assert!(delivery["durationMs"].as_u64().unwrap() >= 300, "{delivery:#}");
        scene.receiver.wait_for_closed(1).await;
    }
}

#[tokio::test]
async fn one_clock_covers_all_hops() {
    let scene = Scene::with_flags(
        &["--delivery-timeout", "500ms"],
        [Reply::redirect(307, "/second").with_header("Connection", "close")],
    )
    .await;
    scene.receiver.script("/second", [Reply::redirect(307, "/third")]);
    scene.receiver.script("/third", [Reply::hang()]);
    let delivery = failed(&scene.server, &scene.shop, &scene.webhook).await;
    assert_eq!(delivery["lastError"], "no answer in time: no answer within 500 ms");
    let took = delivery["durationMs"].as_u64().unwrap();
    assert!((500..1000).contains(&took), "{delivery:#}");
}

#[tokio::test]
async fn a_timeout_is_retried_along_the_chain_and_can_still_be_delivered() {
    let scene =
        Scene::with_flags(&["--delivery-timeout", "1s"], [Reply::hang(), Reply::close(), Reply::status(204)])
            .await;
    let first = failed(&scene.server, &scene.shop, &scene.webhook).await;
    let second = scene.next_attempt(&first).await;
    assert_shows(&second, &json!({"status": "failed", "id": first["id"]}));
    let third = scene.next_attempt(&second).await;
    assert_shows(&third, &json!({"status": "succeeded", "lastResponseCode": 204, "lastError": null}));
    let detail = scene.shop.delivery(&scene.webhook, third["id"].as_str().unwrap()).await;
    let log = detail["attemptLog"].as_array().unwrap();
    let errors: Vec<_> = log.iter().map(|one| one["error"].clone()).collect();
    assert_eq!(
        errors,
        [
            json!("no answer in time: no answer within 1 s"),
            json!("the connection was closed before an answer"),
            json!(null)
        ]
    );
}

#[tokio::test]
async fn a_connection_that_ends_before_an_answer() {
    for reply in [Reply::reset(), Reply::close(), Reply::raw("HTTP/1.1 200 OK\r\nContent-Le")] {
        let scene = Scene::with([reply]).await;
        let delivery = failed(&scene.server, &scene.shop, &scene.webhook).await;
        assert_eq!(delivery["lastError"], "the connection was closed before an answer");
        assert_eq!(scene.requests(), 1);
    }
}

#[tokio::test]
async fn an_answer_that_is_not_http() {
    let endless_head = format!("HTTP/1.1 200 OK\r\nX-Long: {}", "a".repeat(70_000));
    for reply in [Reply::raw("SSH-2.0-OpenSSH_9.6\r\n\r\n"), Reply::raw(endless_head)] {
        let scene = Scene::with([reply]).await;
        let delivery = failed(&scene.server, &scene.shop, &scene.webhook).await;
        let error = delivery["lastError"].as_str().unwrap();
        assert!(error.starts_with("the answer was not valid HTTP: "), "{error}");
    }
}

#[tokio::test]
async fn nothing_listens_there() {
    let (server, port) = (Server::start().await, closed_port().await);
    let error = error_at(&server, &format!("http://127.0.0.1:{port}/hook")).await;
    assert_eq!(error, format!("the connection was refused: nothing listens on port {port}"));
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_registered_and_its_attempts_fail() {
    // Nobody answers at the name server's port.
    let dns = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let server = Server::start_with(&["--endpoint-dns", &dns]).await;
    let error = error_at(&server, "https://hook.example/hook").await;
    let words =
        "the name did not resolve: hook.example could not be looked up: its name servers gave no answer";
    assert_eq!(error, words);
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for() {
    let (server, ca) = (Server::start().await, TestCa::new());
    let unknown = "the certificate's issuer is not trusted, or an intermediate certificate is missing";
    for tls in [TestTls::self_signed(&["127.0.0.1"]), ca.server(&["127.0.0.1"])] {
        let receiver = Receiver::start_tls(&tls).await;
        let error = error_at(&server, &receiver.url("/hook")).await;
        assert_eq!(error, format!("the TLS handshake failed: {unknown}"));
        assert_eq!(receiver.received().len(), 0);
    }
}

#[tokio::test]
async fn a_trusted_certificate_that_has_expired_or_is_for_another_name() {
    let (ca, file) = (TestCa::new(), NamedTempFile::new().unwrap());
    std::fs::write(file.path(), ca.pem()).unwrap();
    let server = Server::start_with(&["--endpoint-ca", file.path().to_str().unwrap()]).await;
    for (tls, words) in [
        (ca.expired(&["127.0.0.1"]), "the certificate has expired"),
        (ca.server(&["hook.example"]), "the certificate is not valid for 127.0.0.1"),
    ] {
        let receiver = Receiver::start_tls(&tls).await;
        let error = error_at(&server, &receiver.url("/hook")).await;
        assert_eq!(error, format!("the TLS handshake failed: {words}"));
        assert_eq!(receiver.received().len(), 0);
    }
}

/// A server in a process of its own that speaks no newer TLS than 1.0 or 1.1; where.
async fn old_tls(version: &str, identity: &str) -> (Program, SocketAddr) {
    let mut command = Command::new("python3");
    command.args([concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/old_tls.py"), version, identity]);
    let program = Program::start(&mut command);
    let listening = |line: &str| line.strip_prefix("listening on ").and_then(|at| at.parse().ok());
    let address = program.out.first("the server's address", listening).await;
    (program, address)
}

#[tokio::test]
async fn a_server_that_speaks_only_tls_1_0_or_1_1() {
    let (ca, authority) = (TestCa::new(), NamedTempFile::new().unwrap());
    std::fs::write(authority.path(), ca.pem()).unwrap();
    let identity = NamedTempFile::new().unwrap();
    std::fs::write(identity.path(), ca.server(&["127.0.0.1"]).identity_pem()).unwrap();
    let identity = identity.path().to_str().unwrap();
    let server = Server::start_with(&["--endpoint-ca", authority.path().to_str().unwrap()]).await;
    for version in ["TLSv1", "TLSv1_1"] {
        let (_program, address) = old_tls(version, identity).await;
        let error = error_at(&server, &format!("https://{address}/hook")).await;
        let words = "the endpoint offers neither TLS 1.2 nor TLS 1.3 in a form we accept";
        assert_eq!(error, format!("the TLS handshake failed: {words}"));
    }
    // It is the version alone that it fails by.
    let (_program, address) = old_tls("TLSv1_2", identity).await;
    let shop = server.shop().await;
    let webhook = shop.webhook(&format!("https://{address}/hook"), &["order.cancelled"]).await;
    shop.publish("order.cancelled").await;
    let delivery = shop.attempted(&webhook, 1).await;
    assert_shows(&delivery, &json!({"status": "succeeded", "lastResponseCode": 200, "lastError": null}));
}

#[tokio::test]
async fn a_port_that_does_not_speak_tls() {
    let (server, listener) = (Server::start().await, TcpListener::bind("127.0.0.1:0").await.unwrap());
    let url = format!("https://{}/hook", listener.local_addr().unwrap());
    let talk = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"220 mail.example ESMTP\r\n").await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap();
    });
    let error = error_at(&server, &url).await;
    assert_eq!(error, "the TLS handshake failed: the endpoint does not speak TLS on this port");
    talk.await.unwrap();
}

#[tokio::test]
async fn a_handshake_that_stalls() {
    let server = Server::start_with(&["--delivery-timeout", "500ms"]).await;
    let silent = Receiver::start_silent().await;
    let error = error_at(&server, &silent.url("/hook")).await;
    let words = "no answer in time: no answer within 500 ms; the connection was still being made";
    assert_eq!(error, words);
    silent.wait_for_closed(1).await;
}

#[tokio::test]
async fn a_name_that_turns_to_a_refused_address_is_refused_at_the_attempt() {
    let (names, receiver) = (Dns::start(&[]).await, Receiver::start().await);
    let dns = names.address.to_string();
    let server = Server::start_with(&["--endpoint-dns", &dns]).await;
    let shop = server.shop().await;
    let url = format!("http://hook.example:{}/hook", receiver.addr().port());
    // It does not resolve at registration, and one of its addresses is refused at the attempt.
    let webhook = shop.webhook(&url, &["order.cancelled"]).await;
    names.set("hook.example", &["127.0.0.1", "10.0.0.1"]);
    let first = failed(&server, &shop, &webhook).await;
    let words = "the address is not allowed: hook.example resolves to an address that is not public";
    assert_eq!(first["lastError"], words);
    assert_eq!(receiver.connections(), 0);
    // DNS may change: the next attempt looks anew.
    names.set("hook.example", &["127.0.0.1"]);
    server.advance_to(&first["nextAttemptAt"]);
    assert_shows(&shop.attempted(&webhook, 2).await, &json!({"status": "succeeded", "lastError": null}));
    let detail = shop.delivery(&webhook, first["id"].as_str().unwrap()).await;
    assert_eq!(detail["attemptLog"][1]["finalHost"], "hook.example");
    let port = receiver.addr().port();
    assert_eq!(receiver.received_at("/hook")[0].header("host"), format!("hook.example:{port}"));
}
