//! What the panel tells browsers: cookies, policies, and where its script and style are.

use super::browser::{Browser, Page};
use super::{ALL, home, link, visitor};
use crate::harness::{Server, Shop};

const PUBLIC: &str = "https://webhooks.example.com";
const ADMIN: &str = "https://admin.example.com";

/// The parts of a cookie but its value, sorted.
fn attributes(page: &Page) -> Vec<String> {
    let mut parts: Vec<_> = page.header("set-cookie").split("; ").skip(1).map(str::to_owned).collect();
    parts.sort();
    parts
}

/// What a session's cookie says while it is set, and when it is taken away.
async fn cookies(server: &Server, shop: &Shop, origin: &str) -> [Vec<String>; 2] {
    let browser = Browser::at(server, origin);
    let entered = browser.get(&link(server, shop, &ALL).await).await;
    assert_eq!(entered.answer.headers.get_all("set-cookie").iter().count(), 1);
    let left = browser.send(&browser.get(&home(shop)).await.form("/leave")).await;
    assert_eq!(left.status(), 200);
    assert!(left.header("set-cookie").starts_with("sellvik_panel=;"), "{}", left.header("set-cookie"));
    [attributes(&entered), attributes(&left)]
}

#[tokio::test]
async fn a_cookie_reaches_its_shops_panel_alone_and_no_script() {
    let embedded = ["--public-url", PUBLIC, "--frame-ancestors", ADMIN];
    for (flags, expected) in [
        (&[][..], &["HttpOnly", "SameSite=Lax"][..]),
        (&embedded[..2], &["HttpOnly", "SameSite=Lax", "Secure"]),
        (&embedded, &["HttpOnly", "Partitioned", "SameSite=None", "Secure"]),
    ] {
        let server = Server::start_with(flags).await;
        let shop = server.shop().await;
        let origin = if flags.is_empty() { server.url() } else { PUBLIC.to_owned() };
        for (told, life) in cookies(&server, &shop, &origin).await.into_iter().zip(["28800", "0"]) {
            let mut all: Vec<String> = expected.iter().map(|one| (*one).to_owned()).collect();
            all.extend([format!("Max-Age={life}"), format!("Path={}", home(&shop))]);
            all.sort();
            assert_eq!(told, all, "{flags:?}");
        }
    }
}

/// Pages of every kind: shown, refused, not there, before the door.
async fn every_kind(server: &Server, shop: &Shop) -> Vec<Page> {
    let browser = visitor(server, shop, &ALL).await;
    let mut pages = vec![Browser::of(server).get(&home(shop)).await];
    for path in ["", "/keys", "/nothing", "/keys/key_x/revoke", "/enter/x", "/leave"] {
        pages.push(browser.get(&format!("{}{path}", home(shop))).await);
    }
    pages.push(browser.get(&link(server, shop, &ALL).await).await);
    pages.push(browser.get("/panel/").await);
    pages.push(browser.get("/panel/%ff/%00").await);
    pages
}

#[tokio::test]
async fn no_page_may_be_framed_unless_the_operator_says_by_whom() {
    let nobody = Server::start().await;
    let shop = nobody.shop().await;
    for page in every_kind(&nobody, &shop).await {
        assert!(page.header("content-security-policy").ends_with("; frame-ancestors 'none'"));
        assert_eq!(page.header("x-frame-options"), "DENY");
    }
    let two = format!("{ADMIN}, https://other.example.com:8443/");
    let server = Server::start_with(&["--public-url", PUBLIC, "--frame-ancestors", &two]).await;
    let shop = server.shop().await;
    for page in every_kind(&server, &shop).await {
        let expected = "; frame-ancestors https://admin.example.com https://other.example.com:8443";
        assert!(page.header("content-security-policy").ends_with(expected));
        assert_eq!(page.header("x-frame-options"), "", "it knows no list");
    }
}

#[tokio::test]
async fn the_policy_allows_the_panels_own_and_nothing_inline() {
    let server = Server::start().await;
    let shop = server.shop().await;
    for page in every_kind(&server, &shop).await {
        let policy = page.header("content-security-policy");
        let told: Vec<&str> = policy.split("; ").collect();
        assert_eq!(
            told,
            [
                "default-src 'none'",
                "style-src 'self'",
                "script-src 'self'",
                "connect-src 'self'",
                "img-src 'self' data:",
                "form-action 'self'",
                "base-uri 'none'",
                "frame-ancestors 'none'",
            ]
        );
        assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
    }
}

#[tokio::test]
async fn the_script_and_the_style_are_named_by_their_content_and_kept_by_browsers() {
    let server = Server::start().await;
    let page = Browser::of(&server).get("/panel/").await;
    assert_eq!(page.status(), 404);
    let style = page.all("link").into_iter().find(|link| link.get("rel") == "stylesheet").unwrap();
    let script = page.all("script").remove(0);
    for (path, kind) in [(style.get("href"), "text/css"), (script.get("src"), "text/javascript")] {
        let asset = server.anonymous.get(path).await;
        assert_eq!(asset.status, 200, "{path}");
        assert!(asset.headers["content-type"].to_str().unwrap().starts_with(kind));
        assert_eq!(asset.headers["cache-control"], "public, max-age=31536000, immutable");
        assert_eq!(asset.headers["x-content-type-options"], "nosniff");
        let text = String::from_utf8(asset.body.to_vec()).unwrap();
        assert!(text.len() > 1000);
        for foreign in ["http:", "https:", "url(", "@import", "eval(", "innerHTML", "document.write"] {
            assert!(!text.contains(foreign), "{path} says {foreign}");
        }
    }
    assert_eq!(server.anonymous.get("/panel-assets/other.css").await.status, 404);
}
