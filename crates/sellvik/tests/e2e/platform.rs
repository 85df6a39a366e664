//! The platform's shops and their admin keys (CONTRACT §1, §4).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::checks::{SHOPS, WEBHOOKS, bad_body, ids, members, refused};
use crate::harness::{START, Server, Shop, eventually};

const SUBDOMAIN: &str = r#"["subdomain"]"#;

fn keys_of(shop: &Shop) -> String {
    format!("{SHOPS}/{}/keys", shop.id)
}

#[tokio::test]
async fn a_shop_is_created_got_and_listed_with_the_same_fields() {
    let server = Server::start().await;
    let body = json!({"subdomain": "acme", "name": "Acme Ltd", "dev": true});
    let created = server.platform.post(SHOPS, &body).await.expect(201);
    assert_eq!(members(&created), ["createdAt", "dev", "id", "name", "subdomain"]);
    for field in ["subdomain", "name", "dev"] {
        assert_eq!(created[field], body[field]);
    }
    assert_eq!(created["createdAt"], START);
    let id = created["id"].as_str().unwrap();
    let uuid = id.strip_prefix("sh_").unwrap();
    assert!(uuid.len() == 32 && uuid.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    assert!(uuid.as_bytes()[12] == b'4' && b"89ab".contains(&uuid.as_bytes()[16]), "{id} is no UUIDv4");
    assert_eq!(server.platform.get(&format!("{SHOPS}/{id}")).await.expect(200), created);
    let plain = server.platform.post(SHOPS, &json!({"subdomain": "beta"})).await.expect(201);
    assert_eq!((&plain["name"], &plain["dev"]), (&Value::Null, &json!(false)));
    let page = server.platform.get(SHOPS).await.expect(200);
    assert_eq!(page, json!({"items": [plain, created], "nextCursor": null}));
    refused(
        &server.platform.get(&format!("{SHOPS}/sh_00000000000040008000000000000000")).await,
        404,
        "not_found",
    );
}

#[tokio::test]
async fn a_subdomain_is_a_dns_label_in_lower_case() {
    let server = Server::start().await;
    let there = server.shop().await;
    let (one, longest) = (format!("{SHOPS}/{}", there.id), "a".repeat(63));
    for subdomain in ["a", "0", "a-b", "a--b", "0-9", "xn--bcher-kva", &longest] {
        let created = server.platform.post(SHOPS, &json!({"subdomain": subdomain})).await.expect(201);
        assert_eq!(created["subdomain"], subdomain);
    }
    let longer = "a".repeat(64);
    for subdomain in [
        "", "-", "-a", "a-", "A", "aB", "a.b", "a_b", "a b", " a", "a\n", "a\u{0}", "ä", "ａ", "*", "../a",
        &longer,
    ] {
        let body = json!({"subdomain": subdomain});
        bad_body(&server.platform.post(SHOPS, &body).await, &[SUBDOMAIN]);
        bad_body(&server.platform.patch(&one, &body).await, &[SUBDOMAIN]);
    }
    for subdomain in [json!(null), json!(7), json!(["a"]), json!({})] {
        bad_body(&server.platform.post(SHOPS, &json!({"subdomain": subdomain})).await, &[SUBDOMAIN]);
    }
    bad_body(&server.platform.post(SHOPS, &json!({})).await, &[SUBDOMAIN]);
    for dev in [json!(null), json!("true"), json!(1)] {
        bad_body(
            &server.platform.post(SHOPS, &json!({"subdomain": "dev", "dev": dev})).await,
            &[r#"["dev"]"#],
        );
    }
    for name in [json!(7), json!("a\u{1}"), json!("ş".repeat(201))] {
        let body = json!({"subdomain": "named", "name": name});
        bad_body(&server.platform.post(SHOPS, &body).await, &[r#"["name"]"#]);
        bad_body(&server.platform.patch(&one, &json!({"name": name})).await, &[r#"["name"]"#]);
    }
}

#[tokio::test]
async fn a_taken_subdomain_is_a_conflict_until_its_shop_leaves_it() {
    let server = Server::start().await;
    let (one, other) = (server.shop().await, server.shop().await);
    let taken = json!({"subdomain": one.subdomain});
    refused(&server.platform.post(SHOPS, &taken).await, 409, "duplicate_subdomain");
    let path = format!("{SHOPS}/{}", other.id);
    refused(&server.platform.patch(&path, &taken).await, 409, "duplicate_subdomain");
    assert_eq!(server.platform.get(&path).await.expect(200)["subdomain"], other.subdomain.as_str());
    // One's own is none.
    let own = format!("{SHOPS}/{}", one.id);
    server.platform.patch(&own, &taken).await.expect(200);
    server.platform.patch(&own, &json!({"subdomain": "moved"})).await.expect(200);
    server.platform.patch(&path, &taken).await.expect(200);
    refused(&server.platform.post(SHOPS, &json!({"subdomain": "moved"})).await, 409, "duplicate_subdomain");
}

#[tokio::test]
async fn a_shops_patch_changes_subdomain_and_name_but_never_dev() {
    let server = Server::start().await;
    let shop = server.shop_with(json!({"name": "Acme"})).await;
    let path = format!("{SHOPS}/{}", shop.id);
    let mut expected = server.platform.get(&path).await.expect(200);
    for patch in
        [json!({}), json!({"name": "Acme Store"}), json!({"subdomain": "acme-store"}), json!({"name": null})]
    {
        for (field, value) in patch.as_object().unwrap() {
            expected[field] = value.clone();
        }
        assert_eq!(server.platform.patch(&path, &patch).await.expect(200), expected);
        assert_eq!(server.platform.get(&path).await.expect(200), expected);
    }
    for dev in [json!(true), json!("x")] {
        assert_eq!(
            server.platform.patch(&path, &json!({"dev": dev, "id": "sh_x"})).await.expect(200),
            expected
        );
    }
    let plain = json!({"url": "http://127.0.0.1/", "events": ["order.paid"]});
    refused(&shop.admin.post(WEBHOOKS, &plain).await, 400, "http_url_rejected");
    for bad in [json!({"subdomain": null}), json!({"subdomain": "A", "name": "lost"})] {
        bad_body(&server.platform.patch(&path, &bad).await, &[SUBDOMAIN]);
    }
    assert_eq!(server.platform.get(&path).await.expect(200), expected);
}

#[tokio::test]
async fn a_key_is_shown_once_and_names_its_shard() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let path = keys_of(&shop);
    let body = json!({"name": "ERP", "scopes": ["webhooks:read", "webhooks:write"]});
    let minted = server.platform.post(&path, &body).await.expect(201);
    assert_eq!(members(&minted), ["createdAt", "id", "key", "name", "prefix", "scopes"]);
    assert_eq!((&minted["name"], &minted["scopes"]), (&body["name"], &body["scopes"]));
    assert_eq!(minted["createdAt"], START);
    let key = minted["key"].as_str().unwrap();
    let shard = &shop.id[3..9];
    let secret = key.strip_prefix(&format!("sk_live_{shard}_")).unwrap();
    assert_eq!(URL_SAFE_NO_PAD.decode(secret).unwrap().len(), 32);
    assert_eq!(minted["prefix"], format!("sk_live_{shard}"));

    let page = server.platform.get(&path).await;
    assert!(!String::from_utf8_lossy(&page.body).contains(secret));
    let page = page.expect(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let listed = page["items"].as_array().unwrap().iter().find(|item| item["id"] == minted["id"]).unwrap();
    assert_eq!(members(listed), ["createdAt", "id", "lastUsedAt", "name", "prefix", "scopes"]);
    for field in ["id", "name", "prefix", "scopes", "createdAt"] {
        assert_eq!(listed[field], minted[field]);
    }
    assert_eq!(listed["lastUsedAt"], Value::Null);
    // Kept as a hash only.
    drop(server.anonymous.with_bearer(key).get(WEBHOOKS).await.expect(200));
    for file in std::fs::read_dir(server.folder()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}

#[tokio::test]
async fn scopes_are_a_non_empty_choice_of_the_two_and_never_change() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let path = keys_of(&shop);
    let (whole, first) = (r#"["scopes"]"#, r#"["scopes",0]"#);
    for (scopes, at) in [
        (json!([]), whole),
        (json!(null), whole),
        (json!("webhooks:read"), whole),
        (json!({"read": true}), whole),
        (json!(["webhooks"]), first),
        (json!(["webhooks:*"]), first),
        (json!(["Webhooks:Read"]), first),
        (json!(["webhooks:read "]), first),
        (json!([7, "webhooks:read"]), first),
        (json!([null]), first),
    ] {
        bad_body(&server.platform.post(&path, &json!({"scopes": scopes})).await, &[at]);
    }
    bad_body(&server.platform.post(&path, &json!({})).await, &[whole]);
    bad_body(
        &server.platform.post(&path, &json!({"scopes": ["x"], "name": 7})).await,
        &[r#"["name"]"#, first],
    );
    let twice = json!({"scopes": ["webhooks:write", "webhooks:write"]});
    let minted = server.platform.post(&path, &twice).await.expect(201);
    assert_eq!((&minted["scopes"], &minted["name"]), (&json!(["webhooks:write"]), &Value::Null));
    let one = format!("{path}/{}", minted["id"].as_str().unwrap());
    let wider = json!({"scopes": ["webhooks:read"]});
    refused(&server.platform.patch(&one, &wider).await, 405, "method_not_allowed");
    let nowhere = format!("{SHOPS}/sh_00000000000040008000000000000000/keys");
    refused(&server.platform.post(&nowhere, &wider).await, 404, "not_found");
    refused(&server.platform.get(&nowhere).await, 404, "not_found");
}

async fn last_used(server: &Server, shop: &Shop) -> Value {
    server.platform.get(&keys_of(shop)).await.expect(200)["items"][0]["lastUsedAt"].clone()
}

async fn used_at(server: &Server, shop: &Shop, moment: &str) {
    eventually("lastUsedAt", async || match last_used(server, shop).await {
        told if told == moment => Ok(()),
        told => Err(told),
    })
    .await;
}

#[tokio::test]
async fn last_used_at_is_written_at_most_once_a_minute() {
    let server = Server::start().await;
    let shop = server.shop().await;
    assert_eq!(last_used(&server, &shop).await, Value::Null);
    shop.admin.get(WEBHOOKS).await.expect(200);
    used_at(&server, &shop, START).await;
    // Had this use been written down, the next one would come too soon to be.
    server.advance(Duration::from_millis(59_999));
    shop.admin.get(WEBHOOKS).await.expect(200);
    assert_eq!(last_used(&server, &shop).await, START);
    server.advance(Duration::from_millis(1));
    shop.admin.get(WEBHOOKS).await.expect(200);
    used_at(&server, &shop, "2026-05-27T13:46:00.000Z").await;
    // A refused call is a use too; one with another key is not.
    server.advance(Duration::from_mins(5));
    server.shop().await.admin.get(WEBHOOKS).await.expect(200);
    server.anonymous.with_bearer(&format!("{}x", shop.key)).get(WEBHOOKS).await;
    assert_eq!(last_used(&server, &shop).await, "2026-05-27T13:46:00.000Z");
    shop.admin.get(&format!("{WEBHOOKS}/wh_x")).await;
    used_at(&server, &shop, "2026-05-27T13:51:00.000Z").await;
}

#[tokio::test]
async fn a_revoked_key_stops_at_once_and_leaves_the_list_and_the_other_keys_alone() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let path = keys_of(&shop);
    let minted = server.platform.post(&path, &json!({"scopes": ["webhooks:read"]})).await.expect(201);
    let client = server.anonymous.with_bearer(minted["key"].as_str().unwrap());
    client.get(WEBHOOKS).await.expect(200);
    let one = format!("{path}/{}", minted["id"].as_str().unwrap());
    let gone = server.platform.delete(&one).await;
    assert_eq!((gone.status, gone.body.len()), (204, 0));
    refused(&client.get(WEBHOOKS).await, 401, "invalid_key");
    refused(&server.platform.delete(&one).await, 404, "not_found");
    let left = ids(&server.platform.get(&path).await.expect(200));
    assert!(left.len() == 1 && left[0] != minted["id"].as_str().unwrap());
    shop.admin.get(WEBHOOKS).await.expect(200);
}

#[tokio::test]
async fn another_shops_key_is_not_found_below_this_shop() {
    let server = Server::start().await;
    let (one, other) = (server.shop().await, server.shop().await);
    let theirs = ids(&server.platform.get(&keys_of(&other)).await.expect(200)).remove(0);
    assert!(!ids(&server.platform.get(&keys_of(&one)).await.expect(200)).contains(&theirs));
    for path in [
        format!("{}/{theirs}", keys_of(&one)),
        format!("{SHOPS}/sh_00000000000040008000000000000000/keys/{theirs}"),
        format!("{}/key_00000000000070008000000000000000", keys_of(&one)),
        format!("{}/{}", keys_of(&other), theirs.to_uppercase()),
        format!("{}/x", keys_of(&one)),
    ] {
        refused(&server.platform.delete(&path).await, 404, "not_found");
    }
    other.admin.get(WEBHOOKS).await.expect(200);
}

fn panel_links_of(shop: &str) -> String {
    format!("{SHOPS}/{shop}/panel-links")
}

#[tokio::test]
async fn a_panel_link_says_where_to_go_and_until_when() {
    let server = Server::start_with(&["--public-url", "https://webhooks.example.com"]).await;
    let shop = server.shop().await;
    let asked = json!({"capabilities": ["read", "write"]});
    let first = server.platform.post(&panel_links_of(&shop.id), &asked).await.expect(201);
    assert_eq!(members(&first), ["expiresAt", "url"]);
    assert_eq!(first["expiresAt"], "2026-05-27T13:50:00.000Z");
    let start = format!("https://webhooks.example.com/panel/{}/enter/", shop.id);
    let token = first["url"].as_str().unwrap().strip_prefix(&start).unwrap();
    assert_eq!(URL_SAFE_NO_PAD.decode(token).unwrap().len(), 32);
    let second = server.platform.post(&panel_links_of(&shop.id), &asked).await.expect(201);
    assert_ne!(first["url"], second["url"]);
}

#[tokio::test]
async fn a_panel_links_capabilities_are_a_non_empty_choice_of_three() {
    let server = Server::start().await;
    let path = panel_links_of(&server.shop().await.id);
    let (whole, first, second) = (r#"["capabilities"]"#, r#"["capabilities",0]"#, r#"["capabilities",1]"#);
    for (capabilities, at) in [
        (json!([]), vec![whole]),
        (json!(null), vec![whole]),
        (json!("read"), vec![whole]),
        (json!({"read": true}), vec![whole]),
        (json!(["admin"]), vec![first]),
        (json!(["Read"]), vec![first]),
        (json!(["read "]), vec![first]),
        (json!(["webhooks:read"]), vec![first]),
        (json!(["read", 7]), vec![second]),
        (json!([null, "x"]), vec![first, second]),
    ] {
        bad_body(&server.platform.post(&path, &json!({"capabilities": capabilities})).await, &at);
    }
    bad_body(&server.platform.post(&path, &json!({})).await, &[whole]);
    for one in [json!(["read"]), json!(["keys", "keys"]), json!(["keys", "write", "read"])] {
        server.platform.post(&path, &json!({"capabilities": one})).await.expect(201);
    }
}

#[tokio::test]
async fn panel_links_are_the_platforms_to_make_and_to_end() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let path = panel_links_of(&shop.id);
    let asked = json!({"capabilities": ["read"]});
    for client in [&shop.admin, &server.anonymous.with_bearer("sk_platform_nobodys-key-at-all")] {
        refused(&client.post(&path, &asked).await, 401, "invalid_key");
        refused(&client.delete(&path).await, 401, "invalid_key");
    }
    for nowhere in ["sh_00000000000040008000000000000000", "x"] {
        let path = panel_links_of(nowhere);
        refused(&server.platform.post(&path, &asked).await, 404, "not_found");
        refused(&server.platform.delete(&path).await, 404, "not_found");
    }
    refused(&server.platform.get(&path).await, 405, "method_not_allowed");
    for _ in ["some or none", "none"] {
        let gone = server.platform.delete(&path).await;
        assert_eq!((gone.status, gone.body.len()), (204, 0));
    }
}
