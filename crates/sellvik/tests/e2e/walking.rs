//! Walking lists from page to page (CONTRACT §2).

use std::collections::HashSet;
use std::time::Duration;

use sellvik_testkit::Receiver;
use serde_json::{Value, json};

use crate::checks::{SHOPS, WEBHOOKS, ids};
use crate::harness::Server;
use crate::listing::every_list;

#[tokio::test]
async fn fifty_items_are_a_page_unless_asked_otherwise_newest_first_and_null_ends_the_list() {
    let more_types = tempfile::TempDir::new().unwrap();
    for n in 0..30 {
        let kind = json!({
            "name": format!("test.number_{n:02}"), "description": "A number came up.", "family": "Numbers",
            "schema": {"type": "object"}, "example": {},
        });
        std::fs::write(more_types.path().join(format!("{n}.json")), kind.to_string()).unwrap();
    }
    let (server, receiver) = (
        Server::start_with(&["--catalog-dir", &more_types.path().display().to_string()]).await,
        Receiver::start().await,
    );
    let (shop, lists) = every_list(&server, &receiver).await;
    for n in 0..50 {
        server.advance(Duration::from_millis(1));
        shop.publish("order.cancelled").await;
        shop.webhook(&receiver.url(&format!("/more/{n}")), &["order.created"]).await;
        server.key(&shop.id, &["webhooks:read"]).await;
        server.shop().await;
    }
    for list in &lists {
        let page = list.page("").await;
        assert_eq!(list.names(&page).len(), 50, "{}", list.path);
        assert_eq!(list.page("limit=50").await, page);
        let whole = list.page("limit=100").await;
        assert_eq!(whole["nextCursor"], Value::Null);
        let all = list.names(&whole);
        assert!((53..=100).contains(&all.len()), "{}: {}", list.path, all.len());
        assert_eq!(all[..50], list.names(&page));
        if list.by == "id" {
            let made: Vec<_> = whole["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["createdAt"].as_str().unwrap())
                .collect();
            assert!(made.is_sorted_by(|one, next| one >= next), "{}", list.path);
        } else {
            assert!(all.is_sorted());
        }
        for limit in [1, 7, 53, 99, 100] {
            assert_eq!(list.walk(limit).await, all, "{} by {limit}", list.path);
        }
        // The last page may be exactly full.
        let last = list.page(&format!("limit={}", all.len())).await;
        assert_eq!(last["nextCursor"], Value::Null);
    }
}

#[tokio::test]
async fn an_empty_list_is_one_empty_page() {
    let server = Server::start().await;
    assert_eq!(server.platform.get(SHOPS).await.expect(200), json!({"items": [], "nextCursor": null}));
    let shop = server.shop().await;
    assert_eq!(shop.admin.get(WEBHOOKS).await.expect(200), json!({"items": [], "nextCursor": null}));
    let webhook = shop.webhook("https://127.0.0.1/hook", &["order.created"]).await;
    let path = format!("{}/deliveries", webhook.path);
    assert_eq!(shop.admin.get(&path).await.expect(200), json!({"items": [], "nextCursor": null}));
}

#[tokio::test]
async fn a_walk_over_a_growing_list_repeats_nothing_and_skips_nothing() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let (shop, lists) = every_list(&server, &receiver).await;
    let mut round = 0;
    for list in lists.iter().filter(|list| list.by == "id") {
        for step in [0, 1] {
            let start = list.walk(100).await;
            let (mut seen, mut cursor) = (Vec::new(), Some(String::new()));
            while let Some(at) = cursor {
                let page = list.page(&format!("limit=2&cursor={at}")).await;
                seen.extend(list.names(&page));
                cursor = page["nextCursor"].as_str().map(str::to_owned);
                // The clock stands still in one round, so that what is new is as old as what is not.
                round += 1;
                server.advance(Duration::from_millis(step));
                shop.publish("order.cancelled").await;
                server.key(&shop.id, &["webhooks:read"]).await;
                if round < 60 {
                    shop.webhook(&receiver.url(&format!("/new/{round}")), &["order.created"]).await;
                }
                server.shop().await;
                assert!(seen.len() < 200, "a walk that never ends");
            }
            let distinct: HashSet<_> = seen.iter().collect();
            assert_eq!(distinct.len(), seen.len(), "{}: repeated", list.path);
            assert!(start.iter().all(|one| distinct.contains(one)), "{}: skipped", list.path);
        }
    }
}

#[tokio::test]
async fn a_walk_survives_the_deletion_of_the_item_it_stands_at_and_a_restart() {
    let mut server = Server::start().await;
    let shop = server.shop().await;
    let mut made = Vec::new();
    for n in 0..6 {
        server.advance(Duration::from_millis(1));
        made.push(shop.webhook(&format!("https://127.0.0.1/{n}"), &["order.created"]).await);
    }
    made.reverse();
    let first = shop.admin.get(&format!("{WEBHOOKS}?limit=2")).await.expect(200);
    let cursor = first["nextCursor"].as_str().unwrap();
    shop.admin.delete(&made[1].path).await.expect(204);
    shop.admin.delete(&made[3].path).await.expect(204);
    server.restart().await;
    let shop = shop.after_restart(&server);
    let rest = shop.admin.get(&format!("{WEBHOOKS}?limit=100&cursor={cursor}")).await.expect(200);
    assert_eq!(ids(&rest), [2, 4, 5].map(|n: usize| made[n].id.clone()));
    assert_eq!(rest["nextCursor"], Value::Null);
}
