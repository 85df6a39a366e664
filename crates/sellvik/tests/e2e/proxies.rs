//! What the environment says of proxies is for other programs: deliveries go straight to the endpoint,
//! and no proxy is a way around the address rules (CONTRACT §3).

use sellvik_testkit::{Receiver, Reply, TestCa};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::durability::{Node, Shop, serve};
use crate::harness::{assert_shows, eventually};

/// The names that libraries look for; `NO_PROXY` aside, which would be an excuse.
const VARIABLES: [&str; 6] =
    ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// A process of the service whose environment names this proxy in every way.
async fn node_behind(proxy: &str, folder: &TempDir, ca: &TestCa) -> Node {
    let authority = folder.path().join("ca.pem");
    std::fs::write(&authority, ca.pem()).unwrap();
    let flags = ["--endpoint-allow", "127.0.0.1/32", "--endpoint-ca", authority.to_str().unwrap()];
    let mut command = serve(folder.path(), &flags);
    command.envs(VARIABLES.map(|name| (name, proxy))).env_remove("NO_PROXY").env_remove("no_proxy");
    Node::run(folder.path(), &mut command).await
}

/// The first attempt of an event for a webhook at this URL.
async fn attempt_at(node: &Node, shop: &Shop, url: &str, id: &str) -> Value {
    let webhook = node.webhook(shop, url).await;
    node.publish(shop, id).await;
    let delivery = eventually("an attempt", async || {
        let delivery = node.deliveries(shop, &webhook).await.into_iter().next().unwrap_or_default();
        if delivery["attempts"] == 1 { Ok(delivery) } else { Err(delivery) }
    })
    .await;
    let path = format!("/api/v1/admin/webhooks/{}", webhook["id"].as_str().unwrap());
    node.admin(shop).delete(&path).await.expect(204);
    delivery
}

#[tokio::test]
async fn no_proxy_of_the_environment_is_ever_spoken_to() {
    let (ca, proxy) = (TestCa::new(), Receiver::start().await);
    let (plain, secure) = (Receiver::start().await, Receiver::start_tls(&ca.server(&["127.0.0.1"])).await);
    plain.script("/to-refused", [Reply::redirect(307, "http://127.0.0.2:9/")]);
    plain.script("/to-https", [Reply::redirect(307, &secure.url("/end"))]);
    for scheme in ["http", "socks5h"] {
        let folder = TempDir::new().unwrap();
        let node = node_behind(&format!("{scheme}://{}", proxy.addr()), &folder, &ca).await;
        let shop = node.shop().await;
        for (number, url) in
            [plain.url("/hook"), secure.url("/hook"), plain.url("/to-https")].iter().enumerate()
        {
            let delivery = attempt_at(&node, &shop, url, &format!("evt_{number}")).await;
            let expected = json!({"status": "succeeded", "lastResponseCode": 200, "lastResponseBody": "ok",
                                  "lastError": null});
            assert_shows(&delivery, &expected);
        }
        // What is refused stays so: at registration, and where a redirect leads.
        for url in ["http://127.0.0.2/", "https://10.0.0.1/", "http://localhost/", "http://[::1]/"] {
            let body = json!({"url": url, "events": ["order.cancelled"]});
            node.admin(&shop).post("/api/v1/admin/webhooks", &body).await.expect(400);
        }
        let delivery = attempt_at(&node, &shop, &plain.url("/to-refused"), "evt_refused").await;
        let expected = json!({"status": "failed", "lastResponseCode": null, "lastResponseBody": null,
                              "lastError": "the address is not allowed: 127.0.0.2 is not a public address"});
        assert_shows(&delivery, &expected);
        assert_eq!(proxy.connections(), 0);
    }
    assert_eq!((plain.received_at("/hook").len(), secure.received_at("/end").len()), (2, 2));
    // The requests went as to an endpoint, not as to a proxy.
    assert!(plain.received().iter().all(|one| one.method == "POST" && one.path.starts_with('/')));
    assert!(plain.received_at("/hook").iter().all(|one| one.json()["type"] == "order.cancelled"));
}
