//! A secret is shown by the answer that gives it, and stands nowhere else: in no file, no log, no answer
//! and no request (CONTRACT §2, §3). Through the real binary.

use std::cell::RefCell;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sellvik_testkit::{Client, Receiver, Reply};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::checks::{EVENTS, SHOPS, WEBHOOKS};
use crate::harness::eventually;
use crate::program::Program;

mod panel;
mod trouble;

const KEY_FILES: [&str; 2] = ["encryption.key", "platform.key"];

/// Every plaintext ever given, in every form in which it might stand somewhere.
#[derive(Default)]
struct Plaintexts(Vec<(String, Vec<u8>)>);

impl Plaintexts {
    fn text(&mut self, what: &str, text: &str) {
        assert!(text.len() >= 16, "{what} is too short to be looked for");
        self.0.push((what.to_owned(), text.as_bytes().to_vec()));
    }

    /// The bytes behind it too: in base64, raw and in hex.
    fn bytes(&mut self, what: &str, base64: &str) {
        let raw = STANDARD.decode(base64).unwrap();
        assert_eq!(raw.len(), 32, "{what}");
        let hex = raw.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        self.text(&format!("{what} in base64"), base64);
        self.text(&format!("{what} in hex"), &hex);
        self.text(&format!("{what} in upper-case hex"), &hex.to_uppercase());
        self.0.push((format!("{what}, raw"), raw));
    }

    fn secret(&mut self, secret: &str) {
        self.bytes("a webhook's secret", secret.strip_prefix("whsec_").unwrap());
    }

    fn key(&mut self, key: &str) {
        let kind = if key.starts_with("sk_platform_") { "the platform key" } else { "an admin key" };
        let secret_part = key.splitn(if kind == "an admin key" { 4 } else { 3 }, '_').last().unwrap();
        self.text(kind, secret_part);
    }

    /// Fails if any of them stands in these bytes.
    #[track_caller]
    fn are_not_in(&self, place: &str, bytes: &[u8]) {
        for (what, needle) in &self.0 {
            let found = bytes.windows(needle.len()).any(|window| window == needle);
            assert!(!found, "{what} stands in {place}");
        }
    }

    /// Looks through every file below the folder but for the two that the service keeps its keys in;
    /// how many it looked through.
    fn are_in_no_file(&self, folder: &Path) -> usize {
        let mut looked = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let file = file.unwrap();
            if file.file_type().unwrap().is_dir() {
                looked += self.are_in_no_file(&file.path());
            } else if !KEY_FILES.iter().any(|name| file.file_name() == *name) {
                self.are_not_in(
                    &file.file_name().display().to_string(),
                    &std::fs::read(file.path()).unwrap(),
                );
                looked += 1;
            }
        }
        looked
    }
}

/// A process of the service, all that was given by it, and all that it answered.
struct Node {
    program: Program,
    client: Client,
    given: RefCell<Plaintexts>,
    answers: RefCell<Vec<(String, Vec<u8>)>>,
    platform: String,
}

impl Node {
    async fn start(folder: &Path, given: Plaintexts) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sellvik"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SELLVIK_")) {
            command.env_remove(name);
        }
        let flags = ["--retry-schedule", "0s,200ms,600ms", "--endpoint-allow", "127.0.0.0/8"];
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "trace"]).args(flags);
        command.arg("--database-url").arg(format!("sqlite://{}", folder.join("sellvik.db").display()));
        let program = Program::start(&mut command);
        let listening = |line: &str| {
            let line: Value = serde_json::from_str(line).ok()?;
            (line["message"] == "listening").then(|| line["address"].as_str().unwrap().to_owned())
        };
        let address = program.err.first("the line that says where it listens", listening).await;
        let [encryption, platform] =
            KEY_FILES.map(|name| std::fs::read_to_string(folder.join(name)).unwrap().trim().to_owned());
        let given = RefCell::new(given);
        given.borrow_mut().bytes("the encryption key", &encryption);
        given.borrow_mut().key(&platform);
        let answers = RefCell::default();
        Self { program, client: Client::new(&address), given, answers, platform }
    }

    /// Calls with exactly these headers; the status and the body, which is kept to be looked through.
    async fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> (u16, Vec<u8>) {
        let answer = self.client.send(method, path, headers, body).await;
        assert!(answer.status < 500 || answer.status == 503, "{}: {:?}", answer.status, answer.body);
        // What is said about the answer must not hold a secret itself: the request may.
        let place = format!("an answer {} to {method}", answer.status);
        let head = format!("{:?}", answer.headers).into_bytes();
        self.answers.borrow_mut().push((format!("the head of {place}"), head));
        self.answers.borrow_mut().push((format!("the body of {place}"), answer.body.to_vec()));
        (answer.status, answer.body.to_vec())
    }

    /// Calls with a key and a body.
    async fn call(&self, key: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let bearer = format!("Bearer {key}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let (status, body) = self.raw(method, path, &headers, bytes).await;
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// Calls with success.
    async fn good(&self, key: &str, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.call(key, method, path, body).await;
        assert!((200..300).contains(&status), "{method}: {status}");
        answer
    }

    /// A POST whose answer is the one place in which a secret may stand, under this name.
    async fn give(&self, key: &str, path: &str, body: &Value, name: &str) -> Value {
        let answer = self.good(key, "POST", path, body).await;
        let plaintext = answer[name].as_str().unwrap().to_owned();
        let mut given = self.given.borrow_mut();
        if name == "secret" {
            given.secret(&plaintext);
        } else {
            given.key(&plaintext);
        }
        // All else of that answer is to be looked through like any other.
        let mut rest = answer.clone();
        rest[name].take();
        let mut answers = self.answers.borrow_mut();
        *answers.last_mut().unwrap() = ("the rest of an answer".to_owned(), rest.to_string().into_bytes());
        answer
    }

    /// Ends it; all that was given by it. What it wrote and answered held none of that.
    async fn finish(mut self) -> Plaintexts {
        self.program.terminate();
        assert!(self.program.exit().await.success());
        let given = self.given.into_inner();
        let (out, err) = (self.program.out.text(), self.program.err.text());
        assert!(err.lines().count() >= 4 && !err.contains("panicked"), "{err}");
        given.are_not_in("standard error", err.as_bytes());
        given.are_not_in("standard output", out.as_bytes());
        for (place, bytes) in self.answers.take() {
            given.are_not_in(&place, &bytes);
        }
        given
    }
}

/// A shop's key and the path of its one webhook.
struct Shop {
    id: String,
    key: String,
    webhook: String,
    secret: String,
}

async fn shop(node: &Node, url: &str) -> Shop {
    let fields = json!({"subdomain": "acme-of-the-ledger", "dev": true});
    let id = text(&node.good(&node.platform, "POST", SHOPS, &fields).await["id"]);
    let scopes = json!({"name": "ERP", "scopes": ["webhooks:read", "webhooks:write"]});
    let keys = format!("{SHOPS}/{id}/keys");
    let key = text(&node.give(&node.platform, &keys, &scopes, "key").await["key"]);
    let body = json!({"url": url, "events": ["order.cancelled"]});
    let made = node.give(&key, WEBHOOKS, &body, "secret").await;
    Shop { id, key, webhook: format!("{WEBHOOKS}/{}", text(&made["id"])), secret: text(&made["secret"]) }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Publishes, and waits until the newest delivery has this status; its path.
async fn delivered(node: &Node, shop: &Shop, status: &str) -> String {
    let event = json!({"shop": shop.id, "type": "order.cancelled", "data": {"order": {"id": "ord_1"}}});
    let id = node.good(&node.platform, "POST", EVENTS, &event).await["id"].clone();
    let list = format!("{}/deliveries", shop.webhook);
    eventually(status, async || {
        let page = node.good(&shop.key, "GET", &list, &Value::Null).await;
        let newest = &page["items"][0];
        let met = newest["eventId"] == id && newest["status"] == status;
        if met { Ok(format!("{list}/{}", text(&newest["id"]))) } else { Err(page) }
    })
    .await
}

/// The life of a webhook and its keys, errors included.
async fn live(node: &Node, shop: &Shop, receiver: &Receiver) {
    let (key, platform) = (shop.key.as_str(), node.platform.as_str());
    let closing = |status| Reply::status(status).with_header("Connection", "close");
    let succeeded = delivered(node, shop, "succeeded").await;
    node.good(key, "POST", &format!("{succeeded}/redeliver"), &Value::Null).await;
    receiver.wait_for("/hook", 2).await;
    receiver.script("/hook", [closing(500)]);
    let rotate = format!("{}/rotate-secret", shop.webhook);
    node.give(key, &rotate, &json!({"activateIn": 0}), "secret").await;
    let dropped = delivered(node, shop, "dropped").await;
    receiver.script("/hook", [closing(404), Reply::close()]);
    node.give(key, &rotate, &json!({"activateIn": 60}), "secret").await;
    delivered(node, shop, "dropped").await;
    receiver.script("/hook", [Reply::status(200)]);
    node.good(key, "POST", &format!("{dropped}/redeliver"), &Value::Null).await;
    node.good(key, "POST", &format!("{}/test", shop.webhook), &json!({"event": "order.paid"})).await;
    let since = json!({"since": "2026-01-01T00:00:00.000Z"});
    node.good(key, "POST", &format!("{}/redeliver", shop.webhook), &since).await;
    node.good(key, "PATCH", &shop.webhook, &json!({"name": "renamed", "enabled": false})).await;
    node.good(key, "PATCH", &shop.webhook, &json!({"enabled": true})).await;
    for path in [WEBHOOKS, &shop.webhook, &dropped, &succeeded] {
        node.good(key, "GET", path, &Value::Null).await;
    }
    let keys = format!("{SHOPS}/{}/keys", shop.id);
    let second = node.give(platform, &keys, &json!({"scopes": ["webhooks:read"]}), "key").await;
    let (status, _) = node.call(&text(&second["key"]), "DELETE", &shop.webhook, &Value::Null).await;
    assert_eq!(status, 403);
    node.good(platform, "GET", &keys, &Value::Null).await;
    node.good(platform, "DELETE", &format!("{keys}/{}", text(&second["id"])), &Value::Null).await;
    assert_eq!(node.call(&text(&second["key"]), "GET", WEBHOOKS, &Value::Null).await.0, 401);
}

/// Says a plaintext in every place in which it does not belong.
async fn misplace(node: &Node, shop: &Shop, plaintext: &str) {
    let (key, platform) = (shop.key.as_str(), node.platform.as_str());
    let encoded = plaintext.replace('+', "%2B").replace('/', "%2F");
    for path in [
        format!("/{encoded}"),
        format!("{WEBHOOKS}/{encoded}"),
        format!("{}/deliveries?cursor={encoded}&status={encoded}&limit={encoded}", shop.webhook),
        format!("{}/deliveries/{encoded}", shop.webhook),
        format!("{}/redeliver/{encoded}", shop.webhook),
    ] {
        let (status, _) = node.call(key, "GET", &path, &Value::Null).await;
        assert!((400..500).contains(&status), "{status}");
    }
    for (key, method, path, body) in [
        (key, "POST", WEBHOOKS, json!({"url": plaintext, "events": [plaintext], "name": [plaintext]})),
        (key, "POST", WEBHOOKS, json!({"url": format!("https://u:{plaintext}@x.test/"), "events": []})),
        (key, "POST", WEBHOOKS, json!(plaintext)),
        (key, "PATCH", &shop.webhook, json!({"enabled": plaintext, "secret": plaintext})),
        (key, "POST", &format!("{}/rotate-secret", shop.webhook), json!({"activateIn": plaintext})),
        (key, "POST", &format!("{}/test", shop.webhook), json!({"event": plaintext})),
        (key, "POST", &format!("{}/redeliver", shop.webhook), json!({"since": plaintext})),
        (platform, "POST", EVENTS, json!({"shop": plaintext, "type": plaintext, "id": plaintext})),
        (platform, "POST", SHOPS, json!({"subdomain": plaintext})),
        (platform, "POST", &format!("{SHOPS}/{}/keys", shop.id), json!({"scopes": [plaintext]})),
    ] {
        let (status, _) = node.call(key, method, path, &body).await;
        assert!((400..500).contains(&status), "{method} {path}: {status}");
    }
    let (bearer, own) = (format!("Bearer {plaintext}x"), format!("Bearer {key}"));
    for headers in [
        [("Authorization", plaintext), ("Content-Type", "application/json")],
        [("Authorization", &*bearer), ("Content-Type", "application/json")],
        [("X-Api-Key", plaintext), ("Content-Type", "application/json")],
        [("Authorization", &*own), ("Content-Type", plaintext)],
    ] {
        let (status, _) = node.raw("POST", WEBHOOKS, &headers, b"{\"url\":".to_vec()).await;
        assert!((400..500).contains(&status), "{status}");
    }
}

#[tokio::test]
async fn what_was_given_once_stands_in_no_file_no_log_no_other_answer_and_no_request() {
    let (folder, receiver) = (TempDir::new().unwrap(), Receiver::start().await);
    let node = Node::start(folder.path(), Plaintexts::default()).await;
    let shop = shop(&node, &receiver.url("/hook")).await;
    live(&node, &shop, &receiver).await;
    panel::visit(&node, &shop).await;
    // As it runs, and as a crash would leave it.
    assert!(node.given.borrow().are_in_no_file(folder.path()) >= 1);
    let given = node.finish().await;
    assert!(given.are_in_no_file(folder.path()) >= 1);
    let node = Node::start(folder.path(), given).await;
    delivered(&node, &shop, "succeeded").await;
    node.good(&shop.key, "DELETE", &shop.webhook, &Value::Null).await;
    tokio::time::timeout(Duration::from_secs(20), receiver.wait_for("/hook", 8)).await.unwrap();
    let given = node.finish().await;
    given.are_in_no_file(folder.path());
    for request in receiver.received() {
        given.are_not_in("a request's headers", format!("{:?}", request.headers).as_bytes());
        given.are_not_in("a request's body", &request.body);
    }
    // That it would have been found: what is no secret stands in the ledger in clear.
    let mut known = Plaintexts::default();
    known.text("a subdomain", "acme-of-the-ledger");
    let found = std::panic::catch_unwind(|| known.are_in_no_file(folder.path())).is_err();
    assert!(found, "the search finds nothing at all");
}

#[tokio::test]
async fn a_plaintext_in_the_wrong_place_is_refused_and_never_echoed_nor_logged() {
    let (folder, receiver) = (TempDir::new().unwrap(), Receiver::start().await);
    let node = Node::start(folder.path(), Plaintexts::default()).await;
    let shop = shop(&node, &receiver.url("/hook")).await;
    let encryption = std::fs::read_to_string(folder.path().join(KEY_FILES[0])).unwrap();
    for plaintext in [&shop.secret, &shop.key, &node.platform, encryption.trim()] {
        misplace(&node, &shop, plaintext).await;
    }
    node.good(&shop.key, "GET", &shop.webhook, &Value::Null).await;
    node.finish().await.are_in_no_file(folder.path());
}
