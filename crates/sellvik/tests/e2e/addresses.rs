//! Which addresses a webhook may have at registration (CONTRACT §3: Addresses).

use sellvik_testkit::Receiver;
use serde_json::{Value, json};

use crate::checks::{WEBHOOKS, bad_body};
use crate::dns::Dns;
use crate::harness::{Server, Shop};

/// Loopback in many spellings.
pub const LOOPBACK: [&str; 26] = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "0x7f000001",
    "0X7F.1",
    "017700000001",
    "0177.0.0.1",
    "0177.0.0.0x1",
    "127.0.0.1.",
    "%31%32%37.0.0.1",
    "１２７.0.0.1",
    "①②⑦.0.0.1",
    "127。0。0。1",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
    "[::FFFF:7F00:1]",
    "[0:0:0:0:0:FFFF:127.0.0.1]",
    "%30x7F.1",
    "１２７。１．",
];

/// Everything else that is not globally reachable unicast.
pub const SPECIAL: [&str; 53] = [
    "0.0.0.0",
    "0",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "169.254.0.1",
    "169.254.169.254",
    "2852039166",
    "168.63.129.16",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::8.8.8.8]",
    "[::127.0.0.1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::a00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::808:808]",
    "[100::1]",
    "[2001::1]",
    "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
    "[2001:2::1]",
    "[2001:10::1]",
    "[2001:20::1]",
    "[2001:db8::1]",
    "[2002:a00:1::]",
    "[2002:a9fe:a9fe::1]",
    "[2002:c0a8:1::1]",
    "[3fff::1]",
    "[4000::1]",
    "[5f00::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[ff0e::1]",
];

fn of(host: &str) -> Value {
    json!({"url": format!("https://{host}/hook"), "events": ["order.created"]})
}

/// Refused on create and on PATCH, as one problem of the URL that tells no address.
async fn assert_refused(shop: &Shop, host: &str) {
    let there = shop.admin.get(WEBHOOKS).await.expect(200)["items"][0]["id"].as_str().unwrap().to_owned();
    let created = shop.admin.post(WEBHOOKS, &of(host)).await;
    let patched = shop.admin.patch(&format!("{WEBHOOKS}/{there}"), &of(host)).await;
    for answer in [created, patched] {
        assert_eq!(answer.status, 400, "{host}");
        bad_body(&answer, &[r#"["url"]"#]);
    }
}

/// Taken, on create and on PATCH.
async fn assert_taken(shop: &Shop, host: &str) {
    let created = shop.admin.post(WEBHOOKS, &of(host)).await;
    assert_eq!(created.status, 201, "{host}: {}", created.json());
    let path = format!("{WEBHOOKS}/{}", created.json()["id"].as_str().unwrap());
    shop.admin.patch(&path, &of(host)).await.expect(200);
    shop.admin.delete(&path).await.expect(204);
}

/// A shop, with a webhook at a public address to be changed.
async fn shop_of(server: &Server) -> Shop {
    let shop = server.shop().await;
    shop.webhook("https://8.8.8.8/there", &["webhook.failed"]).await;
    shop
}

#[tokio::test]
async fn loopback_in_any_spelling_and_every_special_address_is_refused() {
    let names = Dns::start(&[]).await;
    let server =
        Server::start_with(&["--endpoint-allow", "", "--endpoint-dns", &names.address.to_string()]).await;
    let shop = shop_of(&server).await;
    for host in LOOPBACK.into_iter().chain(SPECIAL) {
        assert_refused(&shop, host).await;
        assert_refused(&shop, &format!("{host}:8443")).await;
    }
}

#[tokio::test]
async fn globally_reachable_unicast_addresses_are_taken() {
    let server = Server::start_with(&["--endpoint-allow", ""]).await;
    let shop = shop_of(&server).await;
    for host in [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "168.63.129.17",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.1",
        "223.255.255.255",
        "[2606:4700::1111]",
        "[2a00:1450::1]",
        "[::ffff:8.8.8.8]",
        "[64:ff9b::808:808]",
        "[2002:808:808::1]",
    ] {
        assert_taken(&shop, host).await;
    }
}

#[tokio::test]
async fn the_operators_setting_opens_exactly_its_ranges_also_when_wrapped() {
    let names = Dns::start(&[]).await;
    let flags = [
        "--endpoint-allow",
        "10.1.0.0/16, fd00:1::/32,169.254.7.7",
        "--endpoint-dns",
        &names.address.to_string(),
    ];
    let server = Server::start_with(&flags).await;
    let shop = shop_of(&server).await;
    for host in [
        "10.1.0.1",
        "10.1.255.255",
        "0x0a010001",
        "[::ffff:10.1.0.1]",
        "[64:ff9b::a01:1]",
        "[2002:a01:1::]",
        "[fd00:1::1]",
        "169.254.7.7",
        "8.8.8.8",
    ] {
        assert_taken(&shop, host).await;
    }
    for host in [
        "10.0.255.255",
        "10.2.0.0",
        "[::ffff:10.2.0.1]",
        "[2002:a02:1::]",
        "[::10.1.0.1]",
        "[fd00:2::1]",
        "169.254.7.8",
        "169.254.169.254",
        "127.0.0.1",
        "[::1]",
        "localhost",
    ] {
        assert_refused(&shop, host).await;
    }
}

#[tokio::test]
async fn names_of_the_local_network_are_refused_whatever_they_resolve_to() {
    let names = Dns::start(&[
        ("printer.local", &["8.8.8.8"]),
        ("metadata.google.internal", &["8.8.8.8"]),
        ("a.localhost", &["8.8.8.8"]),
        ("silent.internal", &[]),
    ])
    .await;
    let server =
        Server::start_with(&["--endpoint-allow", "", "--endpoint-dns", &names.address.to_string()]).await;
    let shop = shop_of(&server).await;
    for host in [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "ｌｏｃａｌｈｏｓｔ",
        "a.localhost",
        "a.b.localhost.",
        "printer.local",
        "Printer.Local.",
        "unknown.local",
        "metadata.google.internal",
        "unknown.internal",
        "silent.internal",
    ] {
        assert_refused(&shop, host).await;
    }
    // Names that only look like them resolve to nothing here, and are taken.
    for host in ["localhost.example", "mylocalhost", "thelocal", "internal.example"] {
        assert_taken(&shop, host).await;
    }
}

#[tokio::test]
async fn a_name_of_the_local_network_is_taken_if_every_address_of_it_is_opened() {
    let names = Dns::start(&[
        ("erp.internal", &["10.1.0.1", "fd00:1::1"]),
        ("half.internal", &["10.1.0.1", "10.2.0.1"]),
        ("public.internal", &["8.8.8.8"]),
        ("mixed.internal", &["10.1.0.1", "8.8.8.8"]),
        ("erp.local", &["10.1.0.1"]),
    ])
    .await;
    let dns = names.address.to_string();
    let flags = ["--endpoint-allow", "10.1.0.0/16,fd00:1::/32", "--endpoint-dns", &dns];
    let server = Server::start_with(&flags).await;
    let shop = shop_of(&server).await;
    for host in ["erp.internal", "erp.local"] {
        assert_taken(&shop, host).await;
    }
    for host in ["half.internal", "public.internal", "mixed.internal", "unknown.internal", "localhost"] {
        assert_refused(&shop, host).await;
    }
    // `localhost` means loopback, all of it, without asking anybody.
    for (ranges, taken) in [("127.0.0.0/8", false), ("::1", false), ("127.0.0.0/8,::1", true)] {
        let server = Server::start_with(&["--endpoint-allow", ranges, "--endpoint-dns", &dns]).await;
        let shop = shop_of(&server).await;
        for host in ["localhost", "x.localhost"] {
            if taken { assert_taken(&shop, host).await } else { assert_refused(&shop, host).await }
        }
    }
}

#[tokio::test]
async fn a_name_that_leads_to_a_refused_address_is_refused() {
    let names = Dns::start(&[
        ("public.example", &["8.8.8.8", "2606:4700::1111"]),
        ("private.example", &["10.0.0.1"]),
        ("loopback.example", &["127.0.0.1"]),
        ("metadata.example", &["fd00:ec2::254"]),
        ("mapped.example", &["::ffff:169.254.169.254"]),
        ("one-of-many.example", &["8.8.8.8", "8.8.4.4", "192.168.0.1"]),
        ("one-family.example", &["8.8.8.8", "::1"]),
    ])
    .await;
    let server =
        Server::start_with(&["--endpoint-allow", "", "--endpoint-dns", &names.address.to_string()]).await;
    let shop = shop_of(&server).await;
    assert_taken(&shop, "public.example").await;
    for host in [
        "private.example",
        "PRIVATE.Example.",
        "loopback.example",
        "metadata.example",
        "mapped.example",
        "one-of-many.example",
        "one-family.example",
    ] {
        assert_refused(&shop, host).await;
    }
}

#[tokio::test]
async fn a_name_that_does_not_resolve_in_time_is_taken() {
    let names = Dns::start(&[("silent.example", &[])]).await;
    let server =
        Server::start_with(&["--endpoint-allow", "", "--endpoint-dns", &names.address.to_string()]).await;
    let shop = shop_of(&server).await;
    for host in ["unknown.example", "silent.example"] {
        assert_taken(&shop, host).await;
    }
}

#[tokio::test]
async fn registering_and_changing_send_nothing_to_the_endpoint() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let shop = server.shop().await;
    let quiet = shop.webhook(&receiver.url("/quiet"), &["order.created"]).await;
    shop.patch(&quiet, json!({"url": receiver.url("/quieter"), "name": "ERP"})).await;
    shop.patch(&quiet, json!({"enabled": false})).await;
    shop.patch(&quiet, json!({"enabled": true})).await;
    shop.admin.post(&format!("{}/rotate-secret", quiet.path), &json!({})).await.expect(200);
    let heard = shop.webhook(&receiver.url("/heard"), &["order.cancelled"]).await;
    shop.admin.delete(&quiet.path).await.expect(204);
    // What would have been sent to the first has had its time once the second has received something.
    shop.publish("order.cancelled").await;
    shop.reached(&heard, "succeeded").await;
    assert_eq!((receiver.connections(), receiver.received().len()), (1, 1));
}
