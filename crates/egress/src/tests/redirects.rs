//! Answers that lead elsewhere.

use sellvik_domain::FailureKind;

use super::names::Names;
use super::receiver::{Receiver, answer, redirect};
use super::{egress, failed, request, settings, status};
use crate::{Egress, EgressSettings};

#[tokio::test]
async fn two_are_followed_with_the_same_request() {
    for code in [301, 302, 307, 308] {
        let last = Receiver::answering(vec![answer(200, "", "here")]).await;
        let first =
            Receiver::answering(vec![redirect(code, "b?c#part"), redirect(code, &last.url("/end"))]).await;
        let outcome = egress().send(request(&first.url("/a/x"))).await;
        assert_eq!(outcome.result.as_ref().unwrap().body, b"here");
        assert_eq!(first.connections(), 1, "the second hop finds the first one's connection");

        let start = first.requests().remove(0);
        assert!(start.starts_with("POST /a/x HTTP/1.1\r\n"), "{start}");
        let relative = start.replace("/a/x", "/a/b?c");
        assert_eq!(first.requests()[1], relative);
        let elsewhere =
            start.replace("/a/x", "/end").replace(&first.address.to_string(), &last.address.to_string());
        assert_eq!(last.requests(), [elsewhere]);
    }
}

#[tokio::test]
async fn one_is_followed_to_another_host() {
    let receiver = Receiver::answering(vec![answer(200, "", "")]).await;
    let elsewhere = format!("http://127.0.0.2:{}/", receiver.address.port());
    let first = Receiver::answering(vec![redirect(307, &elsewhere)]).await;
    let outcome = egress().send(request(&first.url("/"))).await;
    assert_eq!(outcome.final_host, "127.0.0.2");
    // Whether anything listens on 127.0.0.2 is the system's matter; it was the host asked last.
    failed(&outcome, FailureKind::Refused);
}

#[tokio::test]
async fn a_third_is_too_many() {
    let receiver = Receiver::answering(vec![redirect(302, "/again")]).await;
    let outcome = egress().send(request(&receiver.url("/"))).await;
    failed(&outcome, FailureKind::TooManyRedirects);
    assert_eq!(outcome.status(), Some(302));
    assert_eq!(outcome.body_text().as_deref(), Some("moved"));
    assert_eq!(receiver.requests().len(), 3);
}

#[tokio::test]
async fn a_downgrade_to_http_is_not_followed() {
    // The first hop of a real downgrade is https; what decides is where it leads.
    let (url, head) = ("https://example.com/", redirect_head("http://example.com/"));
    let refused = next(url, &head, false);
    assert!(matches!(refused, crate::redirect::Next::Refuse(FailureKind::BadRedirect, _)));
    assert!(matches!(next(url, &head, true), crate::redirect::Next::Follow(_)));
    let upgrade = redirect_head("https://example.com/");
    assert!(matches!(next("http://example.com/", &upgrade, false), crate::redirect::Next::Follow(_)));
}

#[tokio::test]
async fn locations_that_cannot_be_followed() {
    for location in ["ftp://127.0.0.1/", "http://user:pass@127.0.0.1/", "http://", "http://127.0.0.1:0/"] {
        let receiver = Receiver::answering(vec![redirect(301, location)]).await;
        let outcome = egress().send(request(&receiver.url("/"))).await;
        failed(&outcome, FailureKind::BadRedirect);
        assert_eq!((outcome.status(), receiver.requests().len()), (Some(301), 1), "{location}");
    }
    let receiver = Receiver::answering(vec![answer(308, "", "where?")]).await;
    let outcome = egress().send(request(&receiver.url("/"))).await;
    assert_eq!(failed(&outcome, FailureKind::BadRedirect).detail, "it has no Location");
    assert_eq!(outcome.body_text().as_deref(), Some("where?"));
}

#[tokio::test]
async fn every_hop_passes_the_address_rules() {
    let names = Names::start().await;
    let egress = Egress::new(EgressSettings { dns: Some(names.address), ..settings() }).unwrap();
    let metadata = "http://169.254.169.254/latest/meta-data/";
    for target in [metadata, "http://0x7f000001.local/", "http://[::1]/", "http://localhost/"] {
        let receiver = Receiver::answering(vec![redirect(307, target)]).await;
        let outcome = egress.send(request(&receiver.url("/"))).await;
        failed(&outcome, FailureKind::BlockedAddress);
        assert_eq!(outcome.status(), None, "{target}");
    }
}

#[tokio::test]
async fn a_redirect_with_an_endless_body_is_followed_over_a_fresh_connection() {
    let endless = "HTTP/1.1 302 Found\r\nLocation: /b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nmoved\r\n";
    let receiver = Receiver::answering(vec![endless.to_owned(), answer(200, "", "")]).await;
    let outcome = egress().send(request(&receiver.url("/a"))).await;
    assert_eq!(status(&outcome), 200);
    assert_eq!(receiver.connections(), 2);
}

fn redirect_head(location: &str) -> http::HeaderMap {
    let mut headers = http::HeaderMap::new();
    headers.insert(http::header::LOCATION, location.parse().unwrap());
    headers
}

fn next(url: &str, headers: &http::HeaderMap, http_allowed: bool) -> crate::redirect::Next {
    let url = sellvik_domain::EndpointUrl::parse(url).unwrap();
    crate::redirect::next(&url, http::StatusCode::FOUND, headers, 0, http_allowed)
}
