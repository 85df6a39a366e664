//! Clients that nobody wrote for this service: the documented registration script, the documented recipe
//! in two languages, and the libraries that others publish (CONTRACT §5).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use sellvik_testkit::{Client, Received, Receiver};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Server, Shop, Webhook, eventually, moment};
use crate::program::Program;

const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");
const LIBRARIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/clients");

/// The languages that a merchant's endpoint is written in here.
const LANGUAGES: [Language; 2] = [Language::Node, Language::Python];

#[derive(Clone, Copy, Debug)]
enum Language {
    Node,
    Python,
}

impl Language {
    fn receiver(self) -> Command {
        match self {
            Self::Node => program("node", "receiver.mjs"),
            Self::Python => {
                let python = Path::new(LIBRARIES).join("python/bin/python");
                program(&python.to_string_lossy(), "receiver.py")
            }
        }
    }
}

/// The command of one of the clients, if all that they need is there.
fn program(interpreter: &str, file: &str) -> Command {
    let installed = Path::new(LIBRARIES).join("made-from").exists();
    let runs = Command::new(interpreter).arg("--version").output().is_ok();
    assert!(installed && runs, "the clients are not installed: run scripts/clients, then this test again");
    let mut command = Command::new(interpreter);
    command.arg(Path::new(PROGRAMS).join(file)).env("CLIENTS", LIBRARIES);
    command
}

/// A merchant's endpoint, in a process of its own.
struct Endpoint {
    address: SocketAddr,
    secret_file: PathBuf,
    _folder: TempDir,
    _program: Program,
}

impl Endpoint {
    async fn start(language: Language) -> Self {
        let folder = TempDir::new().unwrap();
        let secret_file = folder.path().join("secret");
        let program = Program::start(language.receiver().env("SECRET_FILE", &secret_file));
        let listening = |line: &str| line.strip_prefix("listening on ").and_then(|at| at.parse().ok());
        let address = program.out.first("the receiver's address", listening).await;
        Self { address, secret_file, _folder: folder, _program: program }
    }

    fn url(&self) -> String {
        format!("http://{}/sellvik-webhook", self.address)
    }

    /// Gives it the secret to verify with from now on.
    fn learn(&self, secret: &str) {
        std::fs::write(&self.secret_file, secret).unwrap();
    }

    /// Sends it a request that a webhook sent before, with another body; its answer.
    async fn replay(&self, request: &Received, body: &[u8]) -> (u16, Value) {
        let headers: Vec<(&str, &str)> = request
            .headers
            .iter()
            .filter(|(name, _)| !["host", "content-length"].contains(&name.as_str()))
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        let client = Client::new(&self.address.to_string());
        let answer = client.send("POST", "/sellvik-webhook", &headers, body.to_vec()).await;
        (answer.status, answer.json())
    }
}

/// The documented registration script, started.
fn registration(server: &Server, key: &str, url: &str) -> Program {
    let mut command = program("node", "setup-webhooks.mjs");
    let command = command.env("SELLVIK_URL", server.url()).env("SELLVIK_ADMIN_KEY", key);
    Program::start(command.env("WEBHOOK_URL", url))
}

fn verdict(recipe: bool, library: bool) -> (u16, Value) {
    (if recipe && library { 200 } else { 401 }, json!({"recipe": recipe, "library": library}))
}

/// Publishes an event with letters that take more than a byte; what the endpoint made of it.
async fn publish_and_ask(shop: &Shop, webhook: &Webhook) -> (u16, Value) {
    let data = json!({"order": {"id": "ord_1", "customer": {"name": "Ayşe Çelik 🧵"}}});
    let event = shop.publish_body(json!({"type": "order.cancelled", "data": data})).await;
    let delivery = shop
        .newest(webhook, "an answered attempt", |delivery| {
            delivery["eventId"] == event["id"] && !delivery["lastResponseCode"].is_null()
        })
        .await;
    let code = delivery["lastResponseCode"].as_u64().unwrap();
    let body = delivery["lastResponseBody"].as_str().unwrap();
    (u16::try_from(code).unwrap(), serde_json::from_str(body).unwrap())
}

#[tokio::test]
async fn the_documented_script_registers_a_webhook_and_the_endpoint_accepts_its_events() {
    let server = Server::start_real_time().await;
    for language in LANGUAGES {
        let (shop, endpoint) = (server.shop().await, Endpoint::start(language).await);
        let script = registration(&server, &shop.key, &endpoint.url());
        let printed = script.success().await;
        let lines: Vec<&str> = printed.lines().collect();
        let [created, "Secret (store now, never shown again):", secret] = lines[..] else {
            panic!("{printed}")
        };
        let id = created.strip_prefix("Created webhook ").unwrap().to_owned();
        assert!(id.starts_with("wh_") && secret.starts_with("whsec_"), "{printed}");
        endpoint.learn(secret);
        let path = format!("/api/v1/admin/webhooks/{id}");
        let webhook = Webhook { id, secret: secret.to_owned(), path };
        assert_eq!(publish_and_ask(&shop, &webhook).await, verdict(true, true), "{language:?}");
        assert_eq!(shop.get(&webhook).await["name"], "ERP sync");
    }
}

#[tokio::test]
async fn the_documented_script_shows_the_error_and_ends_with_1() {
    let server = Server::start_real_time().await;
    let mut script =
        registration(&server, "sk_live_0a1b2c_nobody", "https://erp.example.com/sellvik-webhook");
    assert_eq!(script.exit().await.code(), Some(1));
    let error: Value = serde_json::from_str(&script.err.text()).unwrap();
    assert_eq!(error["error"]["code"], "invalid_key");
}

#[tokio::test]
async fn tampered_bodies_and_wrong_secrets_are_refused() {
    let (server, receiver) = (Server::start_real_time().await, Receiver::start().await);
    let shop = server.shop().await;
    let webhook = shop.webhook(&receiver.url("/hook"), &["order.cancelled"]).await;
    let other = shop.webhook(&receiver.url("/other"), &["order.created"]).await;
    shop.publish("order.cancelled").await;
    let request = receiver.wait_for("/hook", 1).await.remove(0);
    for language in LANGUAGES {
        let endpoint = Endpoint::start(language).await;
        endpoint.learn(&webhook.secret);
        assert_eq!(endpoint.replay(&request, &request.body).await, verdict(true, true), "{language:?}");
        let mut tampered = request.body.to_vec();
        let at = tampered.windows(5).position(|five| five == b"ord_1").unwrap();
        tampered[at + 4] = b'2';
        assert_eq!(endpoint.replay(&request, &tampered).await, verdict(false, false), "{language:?}");
        endpoint.learn(&other.secret);
        assert_eq!(endpoint.replay(&request, &request.body).await, verdict(false, false), "{language:?}");
    }
}

#[tokio::test]
async fn a_signature_from_another_day_is_refused() {
    // This server's clock stands on a day of its own; the endpoint's does not.
    let server = Server::start().await;
    for language in LANGUAGES {
        let (shop, endpoint) = (server.shop().await, Endpoint::start(language).await);
        let webhook = shop.webhook(&endpoint.url(), &["order.cancelled"]).await;
        endpoint.learn(&webhook.secret);
        assert_eq!(publish_and_ask(&shop, &webhook).await, verdict(false, false), "{language:?}");
    }
}

#[tokio::test]
async fn during_a_rotation_the_libraries_accept_the_old_secret_and_the_new_one() {
    let server = Server::start_real_time().await;
    for language in LANGUAGES {
        let (shop, endpoint) = (server.shop().await, Endpoint::start(language).await);
        let webhook = shop.webhook(&endpoint.url(), &["order.cancelled"]).await;
        let rotate = format!("{}/rotate-secret", webhook.path);
        let ask = async |secret: &str| {
            endpoint.learn(secret);
            publish_and_ask(&shop, &webhook).await
        };
        assert_eq!(ask(&webhook.secret).await, verdict(true, true));

        // An hour ahead: the recipe knows the old secret only.
        let rotated = shop.admin.post(&rotate, &json!({"activateIn": 3600})).await.expect(200);
        let next = rotated["secret"].as_str().unwrap();
        assert_ne!(next, webhook.secret);
        assert!(
            moment(&rotated["activeFrom"]) > server.now(),
            "{} at {}",
            rotated["activeFrom"],
            server.now()
        );
        assert_eq!(ask(&webhook.secret).await, verdict(true, true), "{language:?}");
        assert_eq!(ask(next).await, verdict(false, true), "{language:?}");
    }
}

#[tokio::test]
async fn once_a_rotation_is_active_the_recipe_needs_the_new_secret_and_the_libraries_take_both() {
    let server = Server::start_real_time().await;
    for language in LANGUAGES {
        let (shop, endpoint) = (server.shop().await, Endpoint::start(language).await);
        let webhook = shop.webhook(&endpoint.url(), &["order.cancelled"]).await;
        let rotate = format!("{}/rotate-secret", webhook.path);
        let rotated = shop.admin.post(&rotate, &json!({"activateIn": 1})).await.expect(200);
        let (next, active) = (rotated["secret"].as_str().unwrap(), moment(&rotated["activeFrom"]));
        eventually("the new secret's moment", async || {
            let now = server.now();
            if now >= active { Ok(()) } else { Err(json!(now.to_string())) }
        })
        .await;
        endpoint.learn(&webhook.secret);
        assert_eq!(publish_and_ask(&shop, &webhook).await, verdict(false, true), "{language:?}");
        endpoint.learn(next);
        assert_eq!(publish_and_ask(&shop, &webhook).await, verdict(true, true), "{language:?}");
    }
}
