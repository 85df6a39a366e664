//! The rules for a webhook's URL that need no address (CONTRACT §3).

use serde_json::{Value, json};

use crate::checks::{WEBHOOKS, bad_body, paths, refused};
use crate::dns::Dns;
use crate::harness::Server;

const URL: &str = r#"["url"]"#;

fn of(url: &str) -> Value {
    json!({"url": url, "events": ["order.created"]})
}

#[tokio::test]
async fn a_url_that_breaks_a_rule_is_a_problem_at_url() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let there = shop.webhook("https://127.0.0.1/there", &["order.created"]).await;
    let long = format!("https://127.0.0.1/{}", "a".repeat(2048 - 18 + 1));
    for url in [
        "",
        " ",
        "hook",
        "127.0.0.1",
        "127.0.0.1:443/hook",
        "/hook",
        "//127.0.0.1/hook",
        "https:127.0.0.1",
        "https:/127.0.0.1",
        "https://",
        "https:///hook",
        "https://?x",
        "ftp://127.0.0.1/",
        "ws://127.0.0.1/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/plain,x",
        "https://user@127.0.0.1/",
        "https://user:password@127.0.0.1/",
        "https://:@127.0.0.1/",
        "https://@127.0.0.1/",
        "https://127.0.0.1/#",
        "https://127.0.0.1/#part",
        " https://127.0.0.1/",
        "https://127.0.0.1/ ",
        "https://127.0.0.1/a b",
        "https://127.0.0.1/a\tb",
        "https://127.0.0.1/\n",
        "https://127.0.0.1/\u{0}",
        "https://127.0.0.1/\u{7f}",
        "https://127.0.0.1/\u{a0}",
        "https://127.0.0.1/\u{2028}",
        "https:\\\\127.0.0.1\\",
        "https://127.0.0.1\\hook",
        "https://127.0.0.1:0/",
        "https://127.0.0.1:65536/",
        "https://127.0.0.1:x/",
        "https://256.0.0.1/",
        "https://127.0.0.1.1/",
        "https://[::1/",
        "https://[::1]x/",
        "https://[::g]/",
        "https://exa mple.com/",
        "https://exa%00mple.com/",
        &long,
    ] {
        let answers =
            (shop.admin.post(WEBHOOKS, &of(url)).await, shop.admin.patch(&there.path, &of(url)).await);
        for answer in [answers.0, answers.1] {
            assert_eq!(answer.status, 400, "{url:?}");
            bad_body(&answer, &[URL]);
        }
    }
    for wrong in [json!(null), json!(7), json!(true), json!([]), json!({"href": "https://127.0.0.1/"})] {
        bad_body(
            &shop.admin.post(WEBHOOKS, &json!({"url": wrong, "events": ["order.created"]})).await,
            &[URL],
        );
    }
}

#[tokio::test]
async fn a_good_url_is_returned_as_it_was_sent() {
    let names = Dns::start(&[]).await;
    let server = Server::start_with(&["--endpoint-dns", &names.address.to_string()]).await;
    let shop = server.shop().await;
    let longest = format!("https://127.0.0.1/{}", "ş".repeat(2048 - 18));
    for url in [
        "https://127.0.0.1",
        "HTTPS://127.0.0.1:8443/Path/../x?Query=%C5%9F&a=b",
        "http://127.0.0.2:80",
        "https://Erp.Example.COM./hook",
        "https://bücher.example/ü?ö",
        "https://[::1]:9/",
        &longest,
    ] {
        let created = shop.admin.post(WEBHOOKS, &of(url)).await.expect(201);
        assert_eq!(created["url"], url);
        let path = format!("{WEBHOOKS}/{}", created["id"].as_str().unwrap());
        assert_eq!(shop.admin.get(&path).await.expect(200)["url"], url);
    }
}

#[tokio::test]
async fn plain_http_is_for_dev_shops_only() {
    let server = Server::start().await;
    let (dev, live) = (server.shop().await, server.shop_with(json!({})).await);
    dev.admin.post(WEBHOOKS, &of("http://127.0.0.1/hook")).await.expect(201);
    for url in ["http://127.0.0.1/hook", "HTTP://127.0.0.1/hook", "http://127.0.0.1:443/"] {
        refused(&live.admin.post(WEBHOOKS, &of(url)).await, 400, "http_url_rejected");
    }
    let there = live.webhook("https://127.0.0.1/hook", &["order.created"]).await;
    let patch = json!({"url": "http://127.0.0.1/hook", "enabled": false});
    refused(&live.admin.patch(&there.path, &patch).await, 400, "http_url_rejected");
    assert_eq!(live.get(&there).await["enabled"], true);
}

#[tokio::test]
async fn plain_http_beside_other_problems_is_one_row_among_them() {
    let server = Server::start().await;
    let shop = server.shop_with(json!({})).await;
    let url = "http://127.0.0.1/hook";
    let post = async |body: Value| shop.admin.post(WEBHOOKS, &body).await;
    bad_body(&post(json!({"url": url})).await, &[r#"["events"]"#, URL]);
    bad_body(&post(json!({"url": url, "events": ["no.such"]})).await, &[r#"["events",0]"#, URL]);
    bad_body(&post(json!({"url": url, "events": ["order.paid"], "name": 7})).await, &[r#"["name"]"#, URL]);
    let private = refused(&post(of("http://10.0.0.1/hook")).await, 400, "invalid_body");
    let at = paths(&private);
    assert!(at.len() == 2 && at.iter().all(|path| path == URL), "{private}");
    let there = shop.webhook("https://127.0.0.1/there", &["order.created"]).await;
    let patch = json!({"url": url, "enabled": "no"});
    bad_body(&shop.admin.patch(&there.path, &patch).await, &[r#"["enabled"]"#, URL]);
}

#[tokio::test]
async fn the_same_url_in_another_spelling_is_a_duplicate() {
    let names = Dns::start(&[]).await;
    let server = Server::start_with(&["--endpoint-dns", &names.address.to_string()]).await;
    let shop = server.shop().await;
    let first = shop.webhook("https://erp.example.com/Hook?a=b", &["order.created"]).await;
    let second = shop.webhook("https://127.0.0.1/", &["order.created"]).await;
    let third = shop.webhook("http://bücher.example:8080/ü", &["order.created"]).await;
    let other = shop.webhook("https://127.0.0.9/", &["order.paid"]).await;
    for url in [
        "https://erp.example.com/Hook?a=b",
        "HTTPS://ERP.Example.Com/Hook?a=b",
        "https://erp.example.com:443/Hook?a=b",
        "https://erp.example.com./Hook?a=b",
        "https://erp.example.com.:443/x/../Hook?a=b",
        "https://%65rp.example.com/./Hook?a=b",
        "https://127.0.0.1",
        "https://127.1:443/",
        "https://0x7f000001/.",
        "http://xn--bcher-kva.example:8080/%C3%BC",
    ] {
        let body = json!({"url": url, "events": ["customer.created"]});
        refused(&shop.admin.post(WEBHOOKS, &body).await, 409, "duplicate_endpoint");
        refused(&shop.admin.patch(&other.path, &json!({"url": url})).await, 409, "duplicate_endpoint");
    }
    // A disabled one counts.
    for webhook in [&first, &second, &third] {
        shop.patch(webhook, json!({"enabled": false})).await;
    }
    refused(&shop.admin.post(WEBHOOKS, &of("https://127.0.0.1/")).await, 409, "duplicate_endpoint");
    assert_eq!(shop.get(&other).await["url"], "https://127.0.0.9/");
}

#[tokio::test]
async fn what_differs_is_no_duplicate_nor_is_itself_another_shops_or_a_deleted_one() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let webhook = shop.webhook("https://127.0.0.1/hook", &["order.created"]).await;
    for url in [
        "http://127.0.0.1/hook",
        "https://127.0.0.1/Hook",
        "https://127.0.0.1/hook/",
        "https://127.0.0.1/hook?",
        "https://127.0.0.1/hook?a",
        "https://127.0.0.1:8443/hook",
        "https://127.0.0.2/hook",
    ] {
        shop.webhook(url, &["order.created"]).await;
    }
    shop.patch(&webhook, json!({"url": "https://127.0.0.1/hook"})).await;
    let respelt = shop.patch(&webhook, json!({"url": "https://127.1:443/hook", "name": "same"})).await;
    assert_eq!(respelt["url"], "https://127.1:443/hook");
    server.shop().await.webhook("https://127.0.0.1/hook", &["order.created"]).await;
    // Moving away, and deleting, free it.
    shop.patch(&webhook, json!({"url": "https://127.0.0.1/moved"})).await;
    let next = shop.webhook("https://127.0.0.1/hook", &["order.created"]).await;
    shop.admin.delete(&next.path).await.expect(204);
    shop.webhook("https://127.0.0.1/hook", &["order.created"]).await;
}
