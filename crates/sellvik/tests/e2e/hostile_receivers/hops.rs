//! Redirects to addresses that are refused, in every spelling and on every hop: never followed.
//!
//! 127.0.0.1 alone is opened here and stands for the public network; listeners at the other addresses of
//! loopback see whatever is sent where nothing may be sent.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sellvik_testkit::{Received, Receiver, Reply};
use serde_json::json;

use super::{assert_recorded, failed, serves_others, succeeded};
use crate::addresses::{LOOPBACK, SPECIAL};
use crate::dns::Dns;
use crate::harness::{Server, Shop, assert_shows};

const OPENED: &str = "127.0.0.1/32";

/// 127.0.0.2 in many spellings: a neighbour of what is opened.
const NEIGHBOUR: [&str; 22] = [
    "127.0.0.2",
    "127.2",
    "127.0.2",
    "2130706434",
    "2130706434.",
    "0x7f000002",
    "0X7F.0.2",
    "017700000002",
    "0177.0.0.0x2",
    "127.0.0.2.",
    "%31%32%37.0.0.2",
    "127%2E0%2E0%2E2",
    "１２７.0.0.２",
    "①②⑦.0.0.②",
    "127。0．0｡2",
    "[::ffff:127.0.0.2]",
    "[::FFFF:7F00:2]",
    "[64:ff9b::7f00:2]",
    "[64:FF9B::127.0.0.2]",
    "[2002:7f00:2::]",
    "[2002:7F00:2::1]",
    "[::127.0.0.2]",
];

/// Receivers where nothing may be sent: the opened address' neighbour, and IPv6's loopback where the
/// machine has it.
struct Forbidden {
    neighbour: Receiver,
    six: Option<Receiver>,
}

impl Forbidden {
    async fn start() -> Self {
        let at = |ip: IpAddr| Receiver::start_at(SocketAddr::new(ip, 0));
        let neighbour = at(Ipv4Addr::new(127, 0, 0, 2).into()).await.unwrap();
        Self { neighbour, six: at(Ipv6Addr::LOCALHOST.into()).await.ok() }
    }

    /// The port at which such a host would be reached.
    fn port(&self, host: &str) -> u16 {
        let six = self.six.as_ref().filter(|_| host == "[::1]" || host.ends_with("0:1]"));
        six.unwrap_or(&self.neighbour).addr().port()
    }

    #[track_caller]
    fn assert_untouched(&self) {
        assert_eq!(self.neighbour.connections(), 0);
        assert_eq!(self.six.as_ref().map_or(0, Receiver::connections), 0);
    }
}

/// Sends one event to a webhook for each host, from where redirects lead to that host on hop 1 or 2;
/// what was recorded must be this of all of them.
async fn lead_to(shop: &Shop, forbidden: &Forbidden, hosts: &[&str], hops: usize, words: &str) {
    let receiver = Receiver::start().await;
    let mut webhooks = Vec::new();
    for (number, host) in hosts.iter().enumerate() {
        let target = format!("http://{host}:{}/loot", forbidden.port(host));
        let (from, via) = (format!("/from/{number}"), format!("/via/{number}"));
        let leads = if hops == 1 { target.clone() } else { via.clone() };
        receiver.script(&from, [Reply::redirect(307, &leads)]);
        receiver.script(&via, [Reply::redirect(308, &target)]);
        webhooks.push((target, shop.webhook(&receiver.url(&from), &["order.paid"]).await));
    }
    shop.publish("order.paid").await;
    for (target, webhook) in &webhooks {
        let delivery = shop.attempted(webhook, 1).await;
        let error = delivery["lastError"].as_str().unwrap_or_else(|| panic!("{target} was asked"));
        assert!(error.starts_with("the address is not allowed: ") && error.ends_with(words), "{error}");
        assert_recorded(target, &delivery, &failed(error));
        shop.admin.delete(&webhook.path).await.expect(204);
    }
    assert_eq!(receiver.received().len(), hosts.len() * hops);
    forbidden.assert_untouched();
}

#[tokio::test]
async fn no_hop_leads_to_a_neighbour_of_what_is_opened_however_it_is_spelt() {
    let server = Server::start_with(&["--endpoint-allow", OPENED]).await;
    let (shop, forbidden) = (server.shop().await, Forbidden::start().await);
    let six = ["[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0:1]"];
    let hosts = [&NEIGHBOUR[..], &six].concat();
    for hops in [1, 2] {
        lead_to(&shop, &forbidden, &hosts, hops, " is not a public address").await;
    }
    serves_others(&server, &shop).await;
    forbidden.assert_untouched();
}

#[tokio::test]
async fn no_hop_leads_to_any_special_address() {
    let server = Server::start_with(&["--endpoint-allow", OPENED]).await;
    let (shop, forbidden) = (server.shop().await, Forbidden::start().await);
    for hops in [1, 2] {
        lead_to(&shop, &forbidden, &SPECIAL, hops, " is not a public address").await;
    }
}

#[tokio::test]
async fn no_hop_leads_to_a_name_of_a_refused_address() {
    let names = Dns::start(&[
        ("neighbour.example", &["127.0.0.2"]),
        ("six.example", &["::1"]),
        ("mapped.example", &["::ffff:127.0.0.2"]),
        ("translated.example", &["64:ff9b::7f00:2"]),
        ("metadata.example", &["169.254.169.254"]),
        ("mixed.example", &["127.0.0.1", "127.0.0.2"]),
        ("families.example", &["127.0.0.1", "::1"]),
        ("xn--bcher-kva.example", &["10.0.0.1"]),
        ("printer.local", &["127.0.0.2"]),
        ("half.internal", &["127.0.0.1", "127.0.0.2"]),
    ])
    .await;
    let dns = names.address.to_string();
    let server = Server::start_with(&["--endpoint-allow", OPENED, "--endpoint-dns", &dns]).await;
    let (shop, forbidden) = (server.shop().await, Forbidden::start().await);
    let public = [
        "neighbour.example",
        "NEIGHBOUR.Example.",
        "n%65ighbour.example",
        "ｎｅｉｇｈｂｏｕｒ。example",
        "six.example",
        "mapped.example",
        "translated.example",
        "metadata.example",
        "mixed.example",
        "families.example",
        "bücher.example",
    ];
    // `localhost` is all of loopback, of which only a part is opened here.
    let local =
        ["localhost", "LOCALHOST.", "ｌｏｃａｌｈｏｓｔ", "a.localhost", "printer.local", "half.internal"];
    for hops in [1, 2] {
        lead_to(&shop, &forbidden, &public, hops, " resolves to an address that is not public").await;
        lead_to(&shop, &forbidden, &local, hops, " is a name of the local network").await;
    }
}

#[tokio::test]
async fn what_is_opened_is_open_on_every_hop_however_it_is_spelt() {
    let names = Dns::start(&[("opened.example", &["127.0.0.1"]), ("erp.internal", &["127.0.0.1"])]).await;
    let dns = names.address.to_string();
    let server = Server::start_with(&["--endpoint-allow", OPENED, "--endpoint-dns", &dns]).await;
    let (shop, receiver) = (server.shop().await, Receiver::start().await);
    let reached = |host: &&&str| {
        // Of the spellings of loopback, those that mean the opened address and have a way there: a
        // translated one would have to leave the machine.
        !host.contains("255") && !host.ends_with(":1]") && !host.contains("64:") && !host.contains("2002:")
    };
    let spelt = LOOPBACK.iter().filter(reached).copied();
    let hosts: Vec<&str> = spelt.chain(["[::ffff:127.0.0.1]", "opened.example", "erp.internal"]).collect();
    let port = receiver.addr().port();
    for (number, host) in hosts.iter().enumerate() {
        let (from, via) = (format!("/from/{number}"), format!("/via/{number}"));
        receiver.script(&from, [Reply::redirect(301, &format!("http://{host}:{port}{via}"))]);
        receiver.script(&via, [Reply::redirect(302, &format!("//{host}:{port}/end/{number}"))]);
        let webhook = shop.webhook(&receiver.url(&from), &["order.paid"]).await;
        let event = json!({"type": "order.paid", "data": {}, "id": format!("evt_{number}")});
        shop.publish_body(event).await;
        assert_recorded(host, &shop.attempted(&webhook, 1).await, &succeeded(200, "ok"));
        assert_shows(&shop.get(&webhook).await, &json!({"failureCount": 0}));
        let ends: Vec<Received> = receiver.received_at(&format!("/end/{number}"));
        assert!(ends.len() == 1 && ends[0].verify_sellvik(&webhook.secret), "{host}");
        shop.admin.delete(&webhook.path).await.expect(204);
    }
}

#[tokio::test]
async fn a_loop_of_redirects_is_left_after_the_second() {
    let server = Server::start_with(&["--endpoint-allow", OPENED]).await;
    let (shop, receiver) = (server.shop().await, Receiver::start().await);
    receiver.script("/self", [Reply::redirect(307, "/self").with_body("round")]);
    receiver.script("/ping", [Reply::redirect(302, "/pong").with_body("round")]);
    receiver.script("/pong", [Reply::redirect(301, "/ping").with_body("round")]);
    for (path, status) in [("/self", 307), ("/ping", 302)] {
        let before = receiver.received().len();
        let webhook = shop.webhook(&receiver.url(path), &["order.paid"]).await;
        shop.publish("order.paid").await;
        let expected = json!({"status": "failed", "lastResponseCode": status, "lastResponseBody": "round",
                              "lastError": "more than two redirects"});
        assert_recorded(path, &shop.attempted(&webhook, 1).await, &expected);
        assert_eq!(receiver.received().len() - before, 3);
        shop.admin.delete(&webhook.path).await.expect(204);
    }
}
