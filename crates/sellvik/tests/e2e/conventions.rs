//! Errors and the order in which they are found (CONTRACT §2). Who is rate limited is in `throttling`.

use serde_json::{Value, json};

use crate::checks::{
    EVENTS, NO_WEBHOOK, SHOPS, WEBHOOKS, bad_body, bad_query, members, paths, refused, send,
};
use crate::harness::{Server, Shop};

/// More than any body of the Admin API may have.
const HUGE: usize = 70_000;

fn webhook(url: &str) -> Value {
    json!({"url": url, "events": ["order.created"]})
}

#[tokio::test]
async fn an_unknown_route_is_not_found_whatever_the_method() {
    let server = Server::start().await;
    let shop = server.shop().await;
    for path in [
        "/",
        "/api",
        "/api/v1",
        "/api/v1/admin",
        "/api/v1/admin/",
        "/api/v1/admin/webhook",
        "/api/v1/admin/webhooks/",
        "/api/v1/admin/webhooks/x/y",
        "/api/v1/admin/webhooks/x/deliveries/y/z",
        "/api/v2/admin/webhooks",
        "/API/v1/admin/webhooks",
        "/api/v1/platform",
        "/api/v1/platform/shop",
        "/health",
        "/%00",
        "/api/v1/admin/%2e%2e/admin/webhooks",
    ] {
        for answer in [
            shop.admin.get(path).await,
            server.anonymous.get(path).await,
            server.platform.delete(path).await,
            server.anonymous.send("BREW", path, &[], Vec::new()).await,
        ] {
            let error = refused(&answer, 404, "not_found");
            assert_eq!(members(&error), ["code", "message"], "{path}");
        }
    }
}

#[tokio::test]
async fn another_method_is_refused_with_the_methods_that_there_are() {
    let server = Server::start().await;
    for (path, allowed) in [
        ("/api/health", "GET"),
        ("/api/v1/openapi.json", "GET"),
        (WEBHOOKS, "GET POST"),
        (&*format!("{WEBHOOKS}/{NO_WEBHOOK}"), "DELETE GET PATCH"),
        (&format!("{WEBHOOKS}/{NO_WEBHOOK}/deliveries"), "GET"),
        (&format!("{WEBHOOKS}/{NO_WEBHOOK}/rotate-secret"), "POST"),
        (EVENTS, "POST"),
        (SHOPS, "GET POST"),
        (&format!("{SHOPS}/x/keys/y"), "DELETE"),
    ] {
        for method in ["PUT", "TRACE", "OPTIONS", "BREW"] {
            let answer = server.anonymous.send(method, path, &[], Vec::new()).await;
            let error = refused(&answer, 405, "method_not_allowed");
            assert_eq!(members(&error), ["code", "message"]);
            let mut allow: Vec<_> =
                answer.headers["allow"].to_str().unwrap().split(',').map(str::trim).collect();
            allow.retain(|method| *method != "HEAD");
            allow.sort_unstable();
            assert_eq!(allow.join(" "), allowed, "{path}");
        }
    }
}

#[tokio::test]
async fn without_one_bearer_key_the_authorization_is_missing_or_malformed() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let key = format!("Bearer {}", shop.key);
    let of = |value: &'static str| vec![("Authorization", value)];
    for headers in [
        vec![],
        of(""),
        of("Bearer"),
        of("Bearer "),
        of("Basic c2tfbGl2ZTo="),
        of("sk_live_abcdef_secret"),
        of("Bearer sk_live_a sk_live_b"),
        of("Token sk_live_abcdef_secret"),
        of("Bearersk_live_abcdef_secret"),
        vec![("X-Api-Key", shop.key.as_str())],
        vec![("Authorization", key.as_str()), ("Authorization", key.as_str())],
        vec![("Authorization", key.as_str()), ("Authorization", "Basic c2tfbGl2ZTo=")],
    ] {
        for path in [WEBHOOKS, SHOPS] {
            let answer = server.anonymous.send("GET", path, &headers, Vec::new()).await;
            let error = refused(&answer, 401, "missing_or_malformed_authorization");
            assert_eq!(members(&error), ["code", "message"], "{headers:?}");
        }
    }
    // The scheme's case does not matter (RFC 9110 §11.1).
    let lower = format!("bearer {}", shop.key);
    server.anonymous.send("GET", WEBHOOKS, &[("Authorization", &lower)], Vec::new()).await.expect(200);
}

#[tokio::test]
async fn an_unknown_or_revoked_key_or_one_of_the_wrong_type_is_invalid() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let keys_path = format!("{SHOPS}/{}/keys", shop.id);
    let revoked = server.platform.post(&keys_path, &json!({"scopes": ["webhooks:read"]})).await.expect(201);
    let revoked_path = format!("{keys_path}/{}", revoked["id"].as_str().unwrap());
    server.platform.delete(&revoked_path).await.expect(204);
    let platform_key = server.platform_key();
    let cut = &shop.key[..shop.key.len() - 1];
    let longer = format!("{}x", shop.key);
    let upper = shop.key.to_uppercase();
    let endless = format!("{}{}", shop.key, "A".repeat(5000));
    let unknown =
        [cut, &longer, &upper, &endless, "x", "sk_live_", "sk_platform_", "é", "sk_live_000000_AAAA"];
    let for_admin = unknown.into_iter().chain([platform_key, revoked["key"].as_str().unwrap()]);
    let for_platform = unknown.into_iter().chain([shop.key.as_str()]);
    let all = for_admin.map(|key| (WEBHOOKS, key)).chain(for_platform.map(|key| (SHOPS, key)));
    for (path, key) in all {
        let answer = server.anonymous.with_bearer(key).get(path).await;
        if key == "é" {
            assert_eq!(answer.status, 401);
            continue;
        }
        let error = refused(&answer, 401, "invalid_key");
        assert_eq!(members(&error), ["code", "message"], "{key}");
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(key.len() < 20 || !text.contains(key), "{text}");
    }
}

#[tokio::test]
async fn each_refusal_of_a_webhook_has_its_code_and_its_members() {
    let server = Server::start_with(&["--webhooks-per-shop", "1"]).await;
    let shop = server.shop_with(json!({})).await;
    let read_only = server.anonymous.with_bearer(&server.key(&shop.id, &["webhooks:read"]).await);
    let there = "https://127.0.0.1/hook";
    shop.webhook(there, &["order.created"]).await;

    bad_body(&shop.admin.post(WEBHOOKS, &json!({})).await, &[r#"["events"]"#, r#"["url"]"#]);
    bad_query(
        &shop.admin.get(&format!("{WEBHOOKS}?limit=0&cursor=x")).await,
        &[r#"["cursor"]"#, r#"["limit"]"#],
    );
    let post = async |body: &Value| shop.admin.post(WEBHOOKS, body).await;
    let plain = refused(&post(&webhook("http://127.0.0.1/x")).await, 400, "http_url_rejected");
    assert_eq!(members(&plain), ["code", "message"]);
    let lacking = refused(&read_only.post(WEBHOOKS, &webhook(there)).await, 403, "insufficient_scope");
    assert_eq!(members(&lacking), ["code", "message", "required"]);
    assert_eq!(lacking["required"], "webhooks:write");
    let gone = refused(&shop.admin.get(&format!("{WEBHOOKS}/{NO_WEBHOOK}")).await, 404, "not_found");
    assert_eq!(members(&gone), ["code", "message"]);
    let twice = refused(&post(&webhook(there)).await, 409, "duplicate_endpoint");
    assert_eq!(members(&twice), ["code", "message"]);
    let full = refused(&post(&webhook("https://127.0.0.1/x")).await, 409, "webhook_limit_reached");
    assert!(members(&full).starts_with(&["code"]) && full["code"] == "webhook_limit_reached");

    let raw =
        async |kind, body: &[u8]| send(&server.anonymous, &shop.key, "POST", WEBHOOKS, kind, body).await;
    let text = refused(&raw(Some("text/plain"), b"{}").await, 415, "unsupported_media_type");
    assert_eq!(members(&text), ["code", "message"]);
    let large = refused(&raw(None, &vec![b' '; HUGE]).await, 413, "payload_too_large");
    assert_eq!(members(&large), ["code", "message"]);
}

#[tokio::test]
async fn an_absent_content_type_is_read_as_json_and_only_a_present_other_one_is_refused() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let good = |n: usize| webhook(&format!("https://127.0.0.1/{n}")).to_string().into_bytes();
    let post =
        async |kind, body: &[u8]| send(&server.anonymous, &shop.key, "POST", WEBHOOKS, kind, body).await;
    let json =
        [None, Some("application/json"), Some("application/json; charset=utf-8"), Some("Application/JSON")];
    for (n, kind) in json.into_iter().enumerate() {
        post(kind, &good(n)).await.expect(201);
    }
    for kind in [
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "json",
        "",
        ";",
    ] {
        refused(&post(Some(kind), &good(9)).await, 415, "unsupported_media_type");
    }
}

#[tokio::test]
async fn an_overlong_body_is_refused_with_and_without_its_length() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let bearer = format!("Bearer {}", shop.key);
    let platform = format!("Bearer {}", server.platform_key());
    for (path, key, bytes) in
        [(WEBHOOKS, &bearer, HUGE), (SHOPS, &platform, HUGE), (EVENTS, &platform, 600 << 10)]
    {
        let body = format!("{{\"pad\":\"{}\"}}", "x".repeat(bytes)).into_bytes();
        for headers in [vec![], vec![("Transfer-Encoding", "chunked")]] {
            let headers = [vec![("Authorization", key.as_str())], headers].concat();
            let answer = server.anonymous.send("POST", path, &headers, body.clone()).await;
            refused(&answer, 413, "payload_too_large");
        }
    }
}

/// A request that breaks two rules shows the one that is checked first; 429 stands in `throttling`.
#[tokio::test]
async fn of_two_broken_rules_the_earlier_one_is_reported() {
    let huge = vec![b'x'; HUGE];
    let server = Server::start().await;
    let shop = server.shop_with(json!({})).await;
    let read_only = server.key(&shop.id, &["webhooks:read"]).await;
    let there = shop.webhook("https://127.0.0.1/hook", &["order.created"]).await;
    let nowhere = format!("{WEBHOOKS}/{NO_WEBHOOK}");
    let call = async |key: &str, method: &str, path: &str, kind, body: &[u8]| {
        send(&server.anonymous, key, method, path, kind, body).await
    };
    let text = Some("text/plain");
    let duplicate = json!({"url": "https://127.0.0.1/hook", "events": ["no.such"]}).to_string();

    // 404 route before 405.
    refused(&call(&shop.key, "PUT", "/api/v1/admin/nothing", None, b"").await, 404, "not_found");
    // 405 before 401.
    refused(&call("nobody", "PUT", WEBHOOKS, None, b"").await, 405, "method_not_allowed");
    // 401 before 403, 404, 415, 413 and 400.
    refused(&call("nobody", "PATCH", &nowhere, text, &huge).await, 401, "invalid_key");
    // 403 before 404, 415, 413, 400 and 409.
    for path in [&nowhere, &there.path] {
        refused(&call(&read_only, "PATCH", path, text, &huge).await, 403, "insufficient_scope");
    }
    refused(&call(&read_only, "POST", WEBHOOKS, None, b"{").await, 403, "insufficient_scope");
    // 404 before 415, 413 and 400.
    refused(&call(&shop.key, "PATCH", &nowhere, text, b"{}").await, 404, "not_found");
    refused(&call(&shop.key, "PATCH", &nowhere, None, &huge).await, 404, "not_found");
    refused(&call(&shop.key, "PATCH", &nowhere, None, b"{").await, 404, "not_found");
    refused(&shop.admin.get(&format!("{nowhere}/deliveries?limit=0")).await, 404, "not_found");
    // 415 before 413.
    refused(&call(&shop.key, "POST", WEBHOOKS, text, &huge).await, 415, "unsupported_media_type");
    // 413 before 400.
    refused(&call(&shop.key, "POST", WEBHOOKS, None, &huge).await, 413, "payload_too_large");
    // 400 before 409.
    let answer = call(&shop.key, "POST", WEBHOOKS, None, duplicate.as_bytes()).await;
    assert_eq!(paths(&refused(&answer, 400, "invalid_body")), [r#"["events",0]"#]);
}

#[tokio::test]
async fn the_platforms_routes_check_in_the_same_order() {
    let huge = vec![b'x'; HUGE];
    let server = Server::start().await;
    let taken = server.shop().await;
    let shop = server.shop().await;
    let key = server.platform_key();
    let call = async |key: &str, method: &str, path: &str, kind, body: &[u8]| {
        send(&server.anonymous, key, method, path, kind, body).await
    };
    let text = Some("text/plain");
    let (here, nowhere) = (format!("{SHOPS}/{}", shop.id), format!("{SHOPS}/sh_nobody"));
    refused(&call(&shop.key, "PATCH", &nowhere, text, b"{").await, 401, "invalid_key");
    refused(&call(key, "PATCH", &nowhere, text, b"{").await, 404, "not_found");
    refused(&call(key, "POST", &format!("{nowhere}/keys"), text, b"{").await, 404, "not_found");
    refused(&call(key, "GET", &format!("{nowhere}/keys?limit=0"), None, b"").await, 404, "not_found");
    refused(&call(key, "PATCH", &here, text, &huge).await, 415, "unsupported_media_type");
    refused(&call(key, "PATCH", &here, None, &huge).await, 413, "payload_too_large");
    let both = json!({"subdomain": taken.subdomain, "name": 7}).to_string();
    bad_body(&call(key, "PATCH", &here, None, both.as_bytes()).await, &[r#"["name"]"#]);
    let conflict = json!({"subdomain": taken.subdomain}).to_string();
    refused(&call(key, "PATCH", &here, None, conflict.as_bytes()).await, 409, "duplicate_subdomain");
}

#[tokio::test]
async fn all_problems_are_reported_at_once_each_at_its_path() {
    let server = Server::start().await;
    let shop = server.shop_with(json!({})).await;
    let there = shop.webhook("https://127.0.0.1/hook", &["order.created"]).await;
    let body =
        json!({"name": "a\u{7}", "url": "https://127.0.0.1/#x", "events": ["order.created", "no.such", 7]});
    let all = [r#"["events",1]"#, r#"["events",2]"#, r#"["name"]"#, r#"["url"]"#];
    bad_body(&shop.admin.post(WEBHOOKS, &body).await, &all);
    let mut patch = body.clone();
    patch["enabled"] = json!("yes");
    let all = [r#"["enabled"]"#, r#"["events",1]"#, r#"["events",2]"#, r#"["name"]"#, r#"["url"]"#];
    bad_body(&shop.admin.patch(&there.path, &patch).await, &all);
    bad_body(
        &server.platform.post(SHOPS, &json!({"subdomain": "-", "name": [], "dev": 1})).await,
        &[r#"["dev"]"#, r#"["name"]"#, r#"["subdomain"]"#],
    );
    bad_body(
        &server
            .platform
            .post(EVENTS, &json!({"shop": 1, "type": "no.such", "id": "x", "createdAt": "now"}))
            .await,
        &[r#"["createdAt"]"#, r#"["data"]"#, r#"["id"]"#, r#"["shop"]"#, r#"["type"]"#],
    );
    let broken = json!({"shop": shop.id, "type": "order.created", "data": {"order": {"id": 7, "total": 1}}});
    let error = refused(&server.platform.post(EVENTS, &broken).await, 400, "invalid_body");
    let at = paths(&error);
    assert!(at.iter().all(|path| path.starts_with(r#"["data","order""#)), "{error}");
    assert!(at.contains(&r#"["data","order","id"]"#.to_owned()), "{error}");
    assert!(at.contains(&r#"["data","order","total"]"#.to_owned()), "{error}");
}

#[tokio::test]
async fn unknown_fields_and_query_parameters_are_ignored() {
    let server = Server::start().await;
    let shop: Shop = server.shop().await;
    let body = json!({
        "url": "https://127.0.0.1/hook", "events": ["order.created"], "enabled": false, "id": "wh_mine",
        "secret": "whsec_mine", "failureCount": 9, "x": {"y": [null]}, "": "",
    });
    let path = format!("{WEBHOOKS}?dryRun=maybe&x=%FF&limit=none");
    let created = shop.admin.post(&path, &body).await.expect(201);
    assert_eq!(members(&created), ["createdAt", "enabled", "events", "id", "name", "secret", "url"]);
    assert_eq!(created["enabled"], true);
    assert!(created["id"] != "wh_mine" && created["secret"] != "whsec_mine");
    let page = shop.admin.get(&format!("{WEBHOOKS}?offset=7&limits=0&status=none&&=&%")).await.expect(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    let one = format!("{WEBHOOKS}/{}?limit=0&cursor=x", created["id"].as_str().unwrap());
    shop.admin.get(&one).await.expect(200);
    assert_eq!(shop.admin.patch(&one, &json!({"secret": "whsec_mine", "createdAt": 1})).await.status, 200);
    server.platform.post(SHOPS, &json!({"subdomain": "acme", "id": "sh_mine", "plan": 7})).await.expect(201);
}
