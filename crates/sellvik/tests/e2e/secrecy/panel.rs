//! The panel's tokens, and what its pages show once.

use serde_json::json;

use super::{Node, SHOPS, Shop, text};

/// Makes a link to the shop's panel; its path. Only that answer holds the token.
async fn link(node: &Node, shop: &Shop) -> String {
    let path = format!("{SHOPS}/{}/panel-links", shop.id);
    let asked = json!({"capabilities": ["read", "write", "keys"]});
    let mut answer = node.good(&node.platform, "POST", &path, &asked).await;
    let url = text(&answer["url"].take());
    let path = url[url.find("/panel/").unwrap()..].to_owned();
    node.given.borrow_mut().text("a panel link's token", path.rsplit('/').next().unwrap());
    *node.answers.borrow_mut().last_mut().unwrap() =
        ("the rest of an answer".to_owned(), answer.to_string().into_bytes());
    path
}

/// The value of the page's input that has this attribute.
fn value<'a>(page: &'a str, input: &str) -> &'a str {
    let rest = &page[page.find(input).unwrap()..];
    rest.split("value=\"").nth(1).unwrap().split('"').next().unwrap()
}

/// A visit to the panel: in by a link, a key and a webhook by hand, wrong turns, and out again.
pub(super) async fn visit(node: &Node, shop: &Shop) {
    let (link, _unused) = (link(node, shop).await, link(node, shop).await);
    // Not by `raw`: this answer's head is where the session's token stands.
    let entered = node.client.send("GET", &link, &[], Vec::new()).await;
    assert_eq!(entered.status, 303);
    let cookie = entered.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let token = cookie.split_once('=').unwrap().1;
    node.given.borrow_mut().text("a panel session's token", token);

    let (home, kind) = (format!("/panel/{}", shop.id), "application/x-www-form-urlencoded");
    let headers = [("Cookie", &*cookie), ("Content-Type", kind)];
    let keys = format!("{home}/keys");
    let (status, page) = node.raw("GET", &keys, &headers, Vec::new()).await;
    assert_eq!(status, 200);
    let csrf = value(std::str::from_utf8(&page).unwrap(), "name=\"csrf\"").to_owned();
    for (path, fields, shown) in [
        (keys.clone(), "scope=webhooks%3Aread&name=by+hand", "id=\"key\""),
        (
            format!("{home}/webhooks/new"),
            "url=https%3A%2F%2F127.0.0.1%2Fby-hand&events=order.paid",
            "id=\"secret\"",
        ),
    ] {
        // Nor by `raw`: this page is where it is shown.
        let body = format!("csrf={csrf}&{fields}").into_bytes();
        let made = node.client.send("POST", &path, &headers, body).await;
        assert_eq!(made.status, 200);
        let plaintext = value(std::str::from_utf8(&made.body).unwrap(), shown).to_owned();
        let mut given = node.given.borrow_mut();
        if shown.contains("secret") { given.secret(&plaintext) } else { given.key(&plaintext) }
    }
    for path in [
        link.clone(),
        home.clone(),
        keys.clone(),
        format!("{home}/webhooks/new"),
        format!("{home}?cursor={token}&done={token}"),
        format!("{home}/keys/{token}/revoke"),
        format!("{home}/enter/{token}"),
        format!("{home}/{token}"),
        format!("/panel/{token}"),
    ] {
        node.raw("GET", &path, &headers, Vec::new()).await;
    }
    let wrong = format!("csrf={token}&name={token}&scope={token}").into_bytes();
    assert_eq!(node.raw("POST", &keys, &headers, wrong).await.0, 403);
    let out = format!("csrf={csrf}").into_bytes();
    assert_eq!(node.raw("POST", &format!("{home}/leave"), &headers, out).await.0, 200);
    assert_eq!(node.raw("GET", &home, &headers, Vec::new()).await.0, 401);
}
