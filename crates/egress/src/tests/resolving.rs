//! Names, the addresses behind them, and which of those may be had.

use std::time::Duration;

use sellvik_domain::{AddressPolicy, EndpointUrl, FailureKind};
use tokio::time::Instant;

use super::names::{Entry, Names};
use super::receiver::{Receiver, answer};
use super::{AMPLE, egress, failed, request, settings, status};
use crate::{Egress, EgressSettings, Vetting};

fn asking(names: &Names) -> Egress {
    Egress::new(EgressSettings { dns: Some(names.address), ..settings() }).unwrap()
}

fn at(name: &str, receiver: &Receiver) -> crate::Request {
    request(&format!("http://{name}:{}/", receiver.address.port()))
}

async fn vet(egress: &Egress, url: &str) -> Vetting {
    egress.vet(&EndpointUrl::parse(url).unwrap()).await
}

async fn receiver() -> Receiver {
    Receiver::answering(vec![answer(200, "", "")]).await
}

#[tokio::test]
async fn a_name_is_asked_for_as_it_is_written() {
    let (names, receiver) = (Names::start().await, receiver().await);
    names.set_addresses("shop.example", &["127.0.0.1"]);
    let outcome = asking(&names).send(at("Shop.Example.", &receiver)).await;
    assert_eq!(status(&outcome), 200);
    assert_eq!(outcome.final_host, "shop.example");
    assert!(receiver.requests()[0].contains(&format!("Host: shop.example:{}", receiver.address.port())));
    assert!(names.questions().iter().all(|name| name == "shop.example"), "{:?}", names.questions());
}

#[tokio::test]
async fn one_refused_address_among_the_answers_fails_the_attempt() {
    let (names, receiver) = (Names::start().await, receiver().await);
    names.set_addresses("mixed.example", &["127.0.0.1", "10.0.0.1"]);
    names.set_addresses("mixed6.example", &["127.0.0.1", "fd00:ec2::254"]);
    names.set_addresses("mapped.example", &["127.0.0.1", "::ffff:10.0.0.1"]);
    let egress = asking(&names);
    for name in ["mixed.example", "mixed6.example", "mapped.example"] {
        let outcome = egress.send(at(name, &receiver)).await;
        let detail = &failed(&outcome, FailureKind::BlockedAddress).detail;
        assert_eq!(*detail, format!("{name} resolves to an address that is not public"));
        assert_eq!(vet(&egress, &format!("https://{name}/")).await, Vetting::Refused);
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn a_name_that_turns_to_a_refused_address_is_noticed_at_once() {
    let (names, receiver) = (Names::start().await, receiver().await);
    let egress = asking(&names);
    names.set_addresses("turns.example", &["127.0.0.1"]);
    assert_eq!(status(&egress.send(at("turns.example", &receiver)).await), 200);
    assert_eq!(egress.pool().total(), 1);
    // Not even the connection that is still open may be used.
    names.set_addresses("turns.example", &["10.0.0.1"]);
    failed(&egress.send(at("turns.example", &receiver)).await, FailureKind::BlockedAddress);
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn a_resting_connection_is_passed_over_when_the_name_moves() {
    let (names, receiver) = (Names::start().await, receiver().await);
    let egress = asking(&names);
    names.set_addresses("moves.example", &["127.0.0.1"]);
    assert_eq!(status(&egress.send(at("moves.example", &receiver)).await), 200);
    names.set_addresses("moves.example", &["127.0.0.2"]);
    failed(&egress.send(at("moves.example", &receiver)).await, FailureKind::Refused);
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn names_without_addresses() {
    let names = Names::start().await;
    names.set_addresses("empty.example", &[]);
    let egress = asking(&names);
    for (name, words) in [("nobody.example", "does not exist"), ("empty.example", "has no address")] {
        let url = format!("https://{name}/");
        let outcome = egress.send(request(&url)).await;
        assert_eq!(failed(&outcome, FailureKind::Dns).detail, format!("{name} {words}"));
        assert_eq!(vet(&egress, &url).await, Vetting::Unresolved);
    }
}

#[tokio::test]
async fn a_silent_name_server_delays_registration_by_a_second() {
    let names = Names::start().await;
    for name in ["silent.example", "silent.local"] {
        names.set(name, Entry::Silence);
    }
    let egress = asking(&names);
    let started = Instant::now();
    assert_eq!(vet(&egress, "https://silent.example/").await, Vetting::Unresolved);
    assert_eq!(vet(&egress, "https://silent.local/").await, Vetting::Refused);
    assert!(started.elapsed() >= Duration::from_secs(2) && started.elapsed() < AMPLE);
    let timeout = Duration::from_millis(300);
    let hasty = EgressSettings { dns: Some(names.address), timeout, ..settings() };
    let outcome = Egress::new(hasty).unwrap().send(request("https://silent.example/")).await;
    let detail = &failed(&outcome, FailureKind::Timeout).detail;
    assert_eq!(detail, "no answer within 300 ms; the name was still being resolved");
}

#[tokio::test]
async fn silence_about_ipv6_hides_nothing() {
    let (names, receiver) = (Names::start().await, receiver().await);
    names.set("half.example", Entry::OnlyFour("127.0.0.1".parse().unwrap()));
    names.set("inner.example", Entry::OnlyFour("10.0.0.1".parse().unwrap()));
    let egress = asking(&names);
    assert_eq!(status(&egress.send(at("half.example", &receiver)).await), 200);
    assert_eq!(vet(&egress, "https://inner.example/").await, Vetting::Refused);
}

#[tokio::test]
async fn literal_addresses_need_no_name_server() {
    let egress = egress();
    for url in ["http://10.0.0.1/", "http://2130706434./", "http://[::ffff:10.0.0.1]/", "http://0xa.1/"] {
        let expected = if url.contains("213") { Vetting::Permitted } else { Vetting::Refused };
        assert_eq!(vet(&egress, url).await, expected, "{url}");
    }
    for url in ["http://10.0.0.1:9/", "https://169.254.169.254/", "http://[::1]/", "http://[64:ff9b::a00:1]/"]
    {
        let outcome = egress.send(request(url)).await;
        let detail = &failed(&outcome, FailureKind::BlockedAddress).detail;
        assert!(detail.ends_with(" is not a public address"), "{detail}");
    }
}

#[tokio::test]
async fn local_names_stand_for_what_the_operator_opened() {
    let (names, receiver) = (Names::start().await, receiver().await);
    names.set_addresses("opened.internal", &["127.0.0.1"]);
    names.set_addresses("half.internal", &["127.0.0.1", "::1"]);
    // Public, but nobody opened it to be called by a local name.
    names.set_addresses("public.local", &["8.8.8.8"]);
    let egress = asking(&names);
    assert_eq!(status(&egress.send(at("opened.internal", &receiver)).await), 200);
    assert_eq!(vet(&egress, "http://opened.internal/").await, Vetting::Permitted);
    for name in ["half.internal", "public.local", "unknown.local", "localhost", "x.localhost"] {
        let outcome = egress.send(at(name, &receiver)).await;
        let detail = &failed(&outcome, FailureKind::BlockedAddress).detail;
        assert_eq!(*detail, format!("{name} is a name of the local network"));
        assert_eq!(vet(&egress, &format!("http://{name}/")).await, Vetting::Refused, "{name}");
    }
    assert!(names.questions().iter().all(|name| !name.ends_with("localhost")));
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn localhost_is_loopback_without_asking() {
    let receiver = receiver().await;
    let both = vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
    let opened = EgressSettings { policy: AddressPolicy::new(both), ..settings() };
    let egress = Egress::new(opened).unwrap();
    for name in ["localhost", "a.b.localhost"] {
        assert_eq!(vet(&egress, &format!("http://{name}/")).await, Vetting::Permitted);
        assert_eq!(status(&egress.send(at(name, &receiver)).await), 200);
    }
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_refuses() {
    let (names, receiver) = (Names::start().await, receiver().await);
    names.set_addresses("two.example", &["127.0.0.2", "127.0.0.1"]);
    let egress = asking(&names);
    assert_eq!(status(&egress.send(at("two.example", &receiver)).await), 200);
    names.set_addresses("none.example", &["127.0.0.2", "127.0.0.3", "127.0.0.1"]);
    failed(&egress.send(at("none.example", &receiver)).await, FailureKind::Refused);
}
