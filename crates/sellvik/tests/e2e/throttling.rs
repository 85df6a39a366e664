//! The rate limit of admin keys (CONTRACT §2).

use std::time::Duration;

use sellvik_testkit::{Answer, Client};
use serde_json::json;
use tokio::task::JoinSet;

use crate::checks::{NO_WEBHOOK, SHOPS, WEBHOOKS, members, refused};
use crate::harness::Server;

/// Requests at a time.
const CALLERS: usize = 16;

/// Sends so many GETs, several at a time, each of which must have this status.
async fn get(client: &Client, path: &str, times: usize, status: u16) {
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (client, path) = (client.clone(), path.to_owned());
        let share = times / CALLERS + usize::from(caller < times % CALLERS);
        callers.spawn(async move {
            for _ in 0..share {
                let answer = client.get(&path).await;
                assert_eq!(answer.status, status, "{}", String::from_utf8_lossy(&answer.body));
            }
        });
    }
    while let Some(done) = callers.join_next().await {
        done.unwrap();
    }
}

/// Refused for the rate; the seconds to wait.
#[track_caller]
fn limited(answer: &Answer) -> u64 {
    let error = refused(answer, 429, "rate_limited");
    assert_eq!(members(&error), ["code", "limit", "message", "retryAfter"]);
    assert_eq!(error["limit"], 1000);
    let wait = error["retryAfter"].as_u64().unwrap();
    assert!((1..=60).contains(&wait), "{error}");
    assert_eq!(answer.headers["retry-after"], wait.to_string().as_str());
    wait
}

#[tokio::test]
async fn a_thousand_requests_a_minute_are_taken_and_waiting_as_told_suffices() {
    let server = Server::start().await;
    let shop = server.shop().await;
    get(&shop.admin, WEBHOOKS, 600, 200).await;
    server.advance(Duration::from_millis(29_500));
    get(&shop.admin, WEBHOOKS, 400, 200).await;
    let wait = limited(&shop.admin.get(WEBHOOKS).await);
    assert_eq!(wait, 31);
    // The window slides: what was taken at the start of the minute is free again, no more and no sooner.
    server.advance(Duration::from_millis(30_499));
    assert_eq!(limited(&shop.admin.get(WEBHOOKS).await), 1);
    server.advance(Duration::from_millis(501));
    get(&shop.admin, WEBHOOKS, 600, 200).await;
    let wait = limited(&shop.admin.get(WEBHOOKS).await);
    server.advance(Duration::from_secs(wait));
    shop.admin.get(WEBHOOKS).await.expect(200);
}

#[tokio::test]
async fn other_keys_of_the_shop_and_platform_keys_are_not_affected() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let other = server.anonymous.with_bearer(&server.key(&shop.id, &["webhooks:read"]).await);
    get(&shop.admin, WEBHOOKS, 1000, 200).await;
    limited(&shop.admin.get(WEBHOOKS).await);
    // The same key by the short form is the same key.
    limited(&shop.admin.get("/v1/admin/webhooks").await);
    other.get(WEBHOOKS).await.expect(200);
    server.shop().await.admin.get(WEBHOOKS).await.expect(200);
    server.anonymous.get("/api/health").await.expect(200);
    get(&server.platform, &format!("{SHOPS}/{}", shop.id), 1100, 200).await;
}

#[tokio::test]
async fn refused_requests_count_and_stand_behind_the_limit() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let minted = json!({"scopes": ["webhooks:read"]});
    let keys = format!("{SHOPS}/{}/keys", shop.id);
    let minted = server.platform.post(&keys, &minted).await.expect(201);
    let key = minted["key"].as_str().unwrap();
    let reader = server.anonymous.with_bearer(key);
    let nowhere = format!("{WEBHOOKS}/{NO_WEBHOOK}");
    get(&reader, &nowhere, 700, 404).await;
    for _ in 0..300 {
        refused(&reader.delete(&nowhere).await, 403, "insufficient_scope");
    }
    // 429 before 403, 404 and 400.
    limited(&reader.get(WEBHOOKS).await);
    limited(&reader.delete(&nowhere).await);
    limited(&reader.get(&nowhere).await);
    limited(&reader.get(&format!("{WEBHOOKS}?limit=0")).await);
    // 404 route, 405 and 401 before 429.
    refused(&reader.get("/api/v1/admin/nothing").await, 404, "not_found");
    let bearer = format!("Bearer {key}");
    let put = reader.send("PUT", WEBHOOKS, &[("Authorization", &bearer)], Vec::new()).await;
    refused(&put, 405, "method_not_allowed");
    let one = format!("{keys}/{}", minted["id"].as_str().unwrap());
    server.platform.delete(&one).await.expect(204);
    refused(&reader.get(WEBHOOKS).await, 401, "invalid_key");
}

#[tokio::test]
async fn asking_on_while_limited_does_not_lengthen_the_wait() {
    let server = Server::start().await;
    let shop = server.shop().await;
    get(&shop.admin, WEBHOOKS, 1000, 200).await;
    let wait = limited(&shop.admin.get(WEBHOOKS).await);
    for _ in 0..wait {
        server.advance(Duration::from_millis(999));
        limited(&shop.admin.get(WEBHOOKS).await);
    }
    server.advance(Duration::from_millis(wait));
    get(&shop.admin, WEBHOOKS, 1000, 200).await;
}
