//! Lists: limit, cursor, status, and walking them (CONTRACT §2).

use std::fmt::Write as _;
use std::time::Duration;

use sellvik_testkit::{Client, Receiver, Reply};
use serde_json::Value;

use crate::checks::{SHOPS, WEBHOOKS, bad_query, ids, members};
use crate::harness::{Server, Shop, eventually};

const EVENT_TYPES: &str = "/api/v1/admin/event-types";

/// A list, whose call it is, and what tells its items apart.
pub struct List {
    client: Client,
    pub path: String,
    pub by: &'static str,
}

/// Every list, each with more than two items.
pub async fn every_list(server: &Server, receiver: &Receiver) -> (Shop, Vec<List>) {
    let shop = server.shop().await;
    let webhook = shop.webhook(&receiver.url("/hook"), &["order.cancelled"]).await;
    for n in 0..3 {
        server.advance(Duration::from_millis(1));
        shop.publish("order.cancelled").await;
        shop.webhook(&receiver.url(&format!("/{n}")), &["order.created"]).await;
        server.key(&shop.id, &["webhooks:read"]).await;
        server.shop().await;
    }
    let list = |client: &Client, path: String, by| List { client: client.clone(), path, by };
    let lists = vec![
        list(&shop.admin, WEBHOOKS.to_owned(), "id"),
        list(&shop.admin, "/v1/admin/webhooks".to_owned(), "id"),
        list(&shop.admin, format!("{}/deliveries", webhook.path), "id"),
        list(&shop.admin, EVENT_TYPES.to_owned(), "name"),
        list(&server.platform, SHOPS.to_owned(), "id"),
        list(&server.platform, format!("{SHOPS}/{}/keys", shop.id), "id"),
    ];
    (shop, lists)
}

impl List {
    pub async fn page(&self, query: &str) -> Value {
        let page = self.client.get(&format!("{}?{query}", self.path)).await.expect(200);
        assert_eq!(members(&page), ["items", "nextCursor"]);
        page
    }

    pub fn names(&self, page: &Value) -> Vec<String> {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item[self.by].as_str().unwrap().to_owned())
            .collect()
    }

    /// The whole list, `limit` at a time.
    pub async fn walk(&self, limit: usize) -> Vec<String> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.page(&format!("limit={limit}&cursor={cursor}")).await;
            let names = self.names(&page);
            assert!(names.len() <= limit);
            all.extend(names);
            let Some(next) = page["nextCursor"].as_str() else { return all };
            assert_eq!(page["items"].as_array().unwrap().len(), limit, "a full page before the last");
            next.clone_into(&mut cursor);
        }
    }
}

/// Text as a query carries it.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        write!(escaped, "%{byte:02X}").unwrap();
        escaped
    })
}

#[tokio::test]
async fn a_limit_is_a_whole_number_from_1_to_100() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let (_, lists) = every_list(&server, &receiver).await;
    let digits = "9".repeat(400);
    for list in &lists {
        for limit in ["1", "2", "100"] {
            let page = list.page(&format!("limit={limit}")).await;
            assert!(list.names(&page).len() <= limit.parse().unwrap());
        }
        for limit in [
            "",
            "0",
            "-0",
            "101",
            "-1",
            "1.5",
            "1.0",
            "abc",
            "1e1",
            "0x10",
            "10,",
            "null",
            "50 ",
            "٥",
            "５",
            "²",
            "4294967297",
            "18446744073709551617",
            &digits,
            "\u{0}",
            "1;2",
            "[1]",
        ] {
            bad_query(
                &list.client.get(&format!("{}?limit={}", list.path, escaped(limit))).await,
                &[r#"["limit"]"#],
            );
        }
        bad_query(&list.client.get(&format!("{}?limit=%FF%FE", list.path)).await, &[r#"["limit"]"#]);
        bad_query(&list.client.get(&format!("{}?limit=+1", list.path)).await, &[r#"["limit"]"#]);
        bad_query(&list.client.get(&format!("{}?limit", list.path)).await, &[r#"["limit"]"#]);
        // Of a parameter given twice one counts; a stranger of another case does not.
        let twice = list.page("limit=1&limit=2").await;
        assert!((1..=2).contains(&list.names(&twice).len()));
        list.page("Limit=0&LIMIT=x&limit%20=0").await;
    }
}

#[tokio::test]
async fn only_a_cursor_of_this_very_list_is_taken_and_an_empty_one_is_the_first_page() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let (_, lists) = every_list(&server, &receiver).await;
    for list in &lists {
        let first = list.page("limit=2").await;
        assert_eq!(list.page("limit=2&cursor=").await, first);
        assert_eq!(list.page("limit=2&cursor").await, first);
        let cursor = first["nextCursor"].as_str().unwrap().to_owned();
        let next = list.page(&format!("limit=1&cursor={cursor}")).await;
        assert!(!list.names(&first).contains(&list.names(&next)[0]));
        assert_eq!(list.page(&format!("limit=1&cursor={}", escaped(&cursor))).await, next);

        let mut forged: Vec<String> = (0..cursor.len())
            .map(|at| {
                let other = if cursor.as_bytes()[at] == b'A' { "B" } else { "A" };
                format!("{}{other}{}", &cursor[..at], &cursor[at + 1..])
            })
            .collect();
        let item = list.names(&first)[0].clone();
        let long = "A".repeat(4000);
        let others = [
            &cursor[1..],
            &cursor[..cursor.len() - 1],
            &format!("{cursor}A"),
            &format!("{cursor}="),
            &format!("{cursor}%00"),
            &format!("{cursor}{cursor}"),
            "x",
            "0",
            "null",
            "%FF%FE",
            "%F0%9F%98%80",
            "..",
            "AAAA",
            &long,
            &item,
        ]
        .map(str::to_owned);
        forged.extend(others);
        for cursor in forged {
            bad_query(&list.client.get(&format!("{}?cursor={cursor}", list.path)).await, &[r#"["cursor"]"#]);
        }
    }
    // A cursor of any list in any other one; the short form is the same list.
    for from in &lists {
        let cursor = from.page("limit=1").await["nextCursor"].as_str().unwrap().to_owned();
        for to in lists
            .iter()
            .filter(|to| to.path.trim_start_matches("/api") != from.path.trim_start_matches("/api"))
        {
            bad_query(&to.client.get(&format!("{}?cursor={cursor}", to.path)).await, &[r#"["cursor"]"#]);
        }
    }
}

#[tokio::test]
async fn a_cursor_is_of_no_use_to_another_shop_webhook_or_filter() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    receiver.script("/down", [Reply::status(500)]);
    let (one, other) = (server.shop().await, server.shop().await);
    let mut cursors = Vec::new();
    let mut paths = Vec::new();
    for (shop, n) in [(&one, 0), (&one, 1), (&other, 2), (&other, 3)] {
        let webhook = shop.webhook(&receiver.url(&format!("/down?{n}")), &["order.cancelled"]).await;
        paths.push((shop, format!("{}/deliveries", webhook.path)));
    }
    for shop in [&one, &other] {
        for _ in 0..2 {
            shop.publish("order.cancelled").await;
        }
    }
    for (shop, path) in &paths {
        for filter in ["", "&status=failed"] {
            let cursor = eventually("two failed deliveries", async || {
                let page = shop.admin.get(&format!("{path}?limit=1{filter}")).await.expect(200);
                page["nextCursor"].as_str().map(str::to_owned).ok_or(page)
            });
            cursors.push((path, filter, cursor.await));
        }
    }
    for (shop, path) in &paths {
        for filter in ["", "&status=failed", "&status=pending", "&status=dropped"] {
            for (of, under, cursor) in &cursors {
                let answer = shop.admin.get(&format!("{path}?cursor={cursor}{filter}")).await;
                if (*of, *under) == (path, filter) {
                    assert_eq!(ids(&answer.expect(200)).len(), 1);
                } else {
                    bad_query(&answer, &[r#"["cursor"]"#]);
                }
            }
        }
    }
    for path in [WEBHOOKS, EVENT_TYPES] {
        let cursor = one.admin.get(&format!("{path}?limit=1")).await.expect(200)["nextCursor"].clone();
        let again = format!("{path}?limit=1&cursor={}", cursor.as_str().unwrap());
        one.admin.get(&again).await.expect(200);
        bad_query(&other.admin.get(&again).await, &[r#"["cursor"]"#]);
    }
}

#[tokio::test]
async fn a_status_is_one_of_the_four() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let shop = server.shop().await;
    let webhook = shop.webhook(&receiver.url("/hook"), &["order.cancelled"]).await;
    shop.publish("order.cancelled").await;
    shop.reached(&webhook, "succeeded").await;
    let path = format!("{}/deliveries", webhook.path);
    for status in ["pending", "succeeded", "failed", "dropped"] {
        let page = shop.admin.get(&format!("{path}?status={status}")).await.expect(200);
        assert_eq!(ids(&page).len(), usize::from(status == "succeeded"));
        assert_eq!(page["nextCursor"], Value::Null);
    }
    for status in
        ["", "Succeeded", "FAILED", "delivered", "failed,dropped", "failed ", "*", "0", "\u{0}", "ﬀ"]
    {
        let answer = shop.admin.get(&format!("{path}?status={}", escaped(status))).await;
        bad_query(&answer, &[r#"["status"]"#]);
    }
    let all = shop.admin.get(&format!("{path}?status=x&limit=0&cursor=y")).await;
    bad_query(&all, &[r#"["cursor"]"#, r#"["limit"]"#, r#"["status"]"#]);
}
