//! Redirects: up to two, re-sending the same, each hop under the same rules (CONTRACT §5).

use std::fmt::Debug;
use std::time::Duration;

use bytes::Bytes;
use sellvik_testkit::{Received, Receiver, Reply, TestCa};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::harness::{Scene, Server, Shop, assert_shows};

/// Everything of a request that must be the same on the next hop, `Host` aside.
fn carried(received: &Received) -> (String, Bytes, impl PartialEq + Debug + use<>) {
    let mut headers = received.headers.clone();
    headers.remove("host");
    (received.method.clone(), received.body.clone(), headers)
}

/// The one attempt of an event for a webhook at this URL, as the delivery's log shows it.
async fn attempt_at(shop: &Shop, url: &str) -> Value {
    let webhook = shop.webhook(url, &["order.paid"]).await;
    shop.publish("order.paid").await;
    let delivery = shop.attempted(&webhook, 1).await;
    let detail = shop.delivery(&webhook, delivery["id"].as_str().unwrap()).await;
    shop.admin.delete(&webhook.path).await.expect(204);
    detail["attemptLog"][0].clone()
}

/// A server that trusts an authority of the test's, and that authority.
async fn trusting_server() -> (Server, TestCa) {
    let (ca, file) = (TestCa::new(), NamedTempFile::new().unwrap());
    std::fs::write(file.path(), ca.pem()).unwrap();
    (Server::start_with(&["--endpoint-ca", file.path().to_str().unwrap()]).await, ca)
}

#[tokio::test]
async fn one_and_two_hops_resend_method_headers_and_body() {
    for status in [301, 302, 307, 308] {
        let scene = Scene::with([]).await;
        scene.receiver.script("/first", [Reply::redirect(status, "/second").with_body("moved")]);
        scene.receiver.script("/second", [Reply::redirect(status, "/third?a=b")]);
        for hops in [0, 1, 2] {
            let path = ["/third", "/second", "/first"][hops];
            let attempt = attempt_at(&scene.shop, &scene.receiver.url(path)).await;
            let expected = json!({"succeeded": true, "responseCode": 200, "responseBody": "ok"});
            assert_shows(&attempt, &expected);
        }
        let all = scene.receiver.received();
        let paths: Vec<_> = all.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(paths, ["/third", "/second", "/third?a=b", "/first", "/second", "/third?a=b"]);
        assert!(all.iter().all(|one| one.method == "POST"));
        assert_eq!(carried(&all[2]), carried(&all[1]));
        assert_eq!(carried(&all[4]), carried(&all[3]));
        assert_eq!(carried(&all[5]), carried(&all[3]));
    }
}

#[tokio::test]
async fn a_third_redirect_fails_the_attempt_and_the_chain_goes_on() {
    for status in [301, 302, 307, 308] {
        let scene = Scene::with([Reply::redirect(status, "/2"), Reply::status(200)]).await;
        scene.receiver.script("/2", [Reply::redirect(status, "/3")]);
        scene.receiver.script("/3", [Reply::redirect(status, "/4").with_body("further")]);
        let delivery = scene.first_attempt().await;
        let error = json!({"status": "failed", "lastError": "more than two redirects"});
        assert_shows(&delivery, &error);
        assert_shows(&delivery, &json!({"lastResponseCode": status, "lastResponseBody": "further"}));
        assert!((27_000..=33_000).contains(&scene.server.ms_until(&delivery["nextAttemptAt"])));
        assert_eq!(scene.receiver.received_at("/4").len(), 0);
        assert_eq!(scene.next_attempt(&delivery).await["status"], "succeeded");
    }
}

#[tokio::test]
async fn a_location_may_be_relative_and_loses_its_fragment() {
    let (scene, other) = (Scene::with([]).await, Receiver::start().await);
    let elsewhere = other.addr().to_string();
    for (location, target) in [
        ("/absolute/path", "/absolute/path"),
        ("sibling", "/deep/sibling"),
        ("../up", "/up"),
        ("?only=query", "/deep/from?only=query"),
        ("/with#fragment", "/with"),
        ("?q=1#fragment", "/deep/from?q=1"),
    ] {
        scene.receiver.script("/deep/from", [Reply::redirect(307, location), Reply::status(200)]);
        let before = scene.receiver.received().len();
        let attempt = attempt_at(&scene.shop, &scene.receiver.url("/deep/from")).await;
        assert_shows(&attempt, &json!({"succeeded": true, "responseCode": 200}));
        let paths: Vec<_> = scene.receiver.received()[before..].iter().map(|one| one.path.clone()).collect();
        assert_eq!(paths, ["/deep/from", target], "{location}");
    }
    for location in [format!("//{elsewhere}/to"), format!("http://{elsewhere}/to#x")] {
        scene.receiver.script("/hook", [Reply::redirect(308, &location)]);
        scene.server.advance(Duration::from_millis(1));
        assert_eq!(scene.first_attempt().await["status"], "succeeded");
    }
    let at_other = other.received_at("/to");
    assert_eq!(at_other.len(), 2);
    assert!(at_other.iter().all(|one| one.path == "/to" && one.header("host") == elsewhere));
    assert!(at_other.iter().all(|one| one.verify_sellvik(&scene.webhook.secret)));
}

#[tokio::test]
async fn attempts_show_the_host_that_was_asked_last() {
    let scene = Scene::with([]).await;
    let port = scene.receiver.addr().port();
    let target = format!("http://localhost:{port}/elsewhere");
    scene.receiver.script("/hook", [Reply::redirect(302, &target)]);
    let delivery = scene.first_attempt().await;
    let detail = scene.shop.delivery(&scene.webhook, delivery["id"].as_str().unwrap()).await;
    assert_shows(&detail["attemptLog"][0], &json!({"succeeded": true, "finalHost": "localhost"}));
    let host = scene.receiver.received_at("/elsewhere")[0].header("host").to_owned();
    assert_eq!(host, format!("localhost:{port}"));
}

#[tokio::test]
async fn a_redirect_that_may_not_be_followed_fails_the_attempt() {
    let redirect = "the redirect cannot be followed";
    let long = format!("/{}", "a".repeat(3000));
    let scene = Scene::with([]).await;
    for (location, error) in [
        (Some("ftp://127.0.0.1/x"), format!("{redirect}: the Location is neither https nor http")),
        (
            Some("http://user:pass@127.0.0.1/"),
            format!("{redirect}: the Location carries a user name or password"),
        ),
        (Some("http://"), format!("{redirect}: the Location is not a valid URL")),
        (Some(long.as_str()), format!("{redirect}: the Location is longer than 2048 characters")),
        (None, format!("{redirect}: it has no Location")),
    ] {
        let reply = match location {
            Some(location) => Reply::redirect(307, location),
            None => Reply::status(307),
        };
        scene.receiver.script("/from", [reply.with_body("there")]);
        let attempt = attempt_at(&scene.shop, &scene.receiver.url("/from")).await;
        assert_shows(&attempt, &json!({"succeeded": false, "responseCode": 307, "responseBody": "there"}));
        assert_eq!(attempt["error"], error, "{location:?}");
    }
}

#[tokio::test]
async fn a_redirect_to_a_refused_address_fails_the_attempt_unsent() {
    let scene = Scene::with([]).await;
    for target in [
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:10.0.0.1]/",
        "http://0x0a.1/",
        "http://metadata.google.internal/",
        "http://printer.local/",
    ] {
        scene.receiver.script("/from", [Reply::redirect(302, target)]);
        let attempt = attempt_at(&scene.shop, &scene.receiver.url("/from")).await;
        assert_shows(&attempt, &json!({"succeeded": false, "responseCode": null, "responseBody": null}));
        let error = attempt["error"].as_str().unwrap();
        assert!(error.starts_with("the address is not allowed: "), "{target}: {error}");
    }
}

#[tokio::test]
async fn a_dev_shop_may_be_led_to_https_and_back() {
    let (server, ca) = trusting_server().await;
    let (plain, secure) = (Receiver::start().await, Receiver::start_tls(&ca.server(&["127.0.0.1"])).await);
    let shop = server.shop().await;
    plain.script("/up", [Reply::redirect(301, &secure.url("/end"))]);
    secure.script("/down", [Reply::redirect(301, &plain.url("/end"))]);
    for (from, to) in [(plain.url("/up"), &secure), (secure.url("/down"), &plain)] {
        assert_shows(&attempt_at(&shop, &from).await, &json!({"succeeded": true, "responseCode": 200}));
        assert_eq!(to.received_at("/end").len(), 1);
    }
}

#[tokio::test]
async fn other_shops_are_led_from_https_to_https_but_never_down_to_http() {
    let (server, ca) = trusting_server().await;
    let (plain, secure) = (Receiver::start().await, Receiver::start_tls(&ca.server(&["127.0.0.1"])).await);
    let shop = server.shop_with(json!({"dev": false})).await;
    secure.script("/same", [Reply::redirect(308, "/end")]);
    secure.script("/down", [Reply::redirect(308, &plain.url("/end")).with_body("down")]);
    secure.script("/late", [Reply::redirect(308, "/down")]);
    assert_shows(&attempt_at(&shop, &secure.url("/same")).await, &json!({"succeeded": true}));
    assert_eq!(secure.received_at("/end").len(), 1);
    for path in ["/down", "/late"] {
        let attempt = attempt_at(&shop, &secure.url(path)).await;
        assert_shows(&attempt, &json!({"succeeded": false, "responseCode": 308, "responseBody": "down"}));
        let error = "the redirect cannot be followed: it leads to plain http";
        assert_shows(&attempt, &json!({"error": error, "finalHost": "127.0.0.1"}));
    }
    assert_eq!(plain.connections(), 0);
}
