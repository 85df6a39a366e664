//! Requests nobody thought of: Schemathesis reads the OpenAPI document and holds the real process to it.
//!
//! Every check it has is on. What the document cannot say, and so cannot be broken, stands in
//! `tests/fuzzing/hooks.py`; so does how it is made sure that no packet leaves this machine.
//! `scripts/fuzz-api` goes on for longer, from a seed of its own each time.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sellvik_clock::World;
use sellvik_testkit::{Client, Receiver};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::checks::{EVENTS, SHOPS, WEBHOOKS};
use crate::dns::Dns;
use crate::durability::serve;
use crate::harness::eventually;
use crate::openapi::operations;
use crate::program::Program;

const HOOKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzzing");
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/fuzzing/python/bin/schemathesis");

/// How many minutes to go on for; without it, a fixed number of requests from a fixed seed.
const MINUTES: &str = "FUZZ_API_MINUTES";

/// How much longer than it was told a run may take before it counts as stuck.
const PATIENCE: Duration = Duration::from_mins(3);

/// Admin keys to share the load: each has 1000 requests a minute.
const KEYS: usize = 40;

/// Webhooks and keys that may be deleted.
const SPARE: usize = 40;

/// The real process, and a shop in which every object has been made.
struct Scene {
    process: Program,
    address: String,
    anonymous: Client,
    receiver: Receiver,
    admin: Client,
    facts: Value,
    folder: TempDir,
    _dns: Dns,
}

impl Scene {
    async fn set() -> Self {
        let (folder, receiver, dns) =
            (TempDir::new().unwrap(), Receiver::start().await, Dns::start(&[]).await);
        // Endpoints' names are asked on loopback, of a server that knows none of them.
        let names = dns.address.to_string();
        let flags =
            ["--endpoint-allow", "127.0.0.0/8", "--endpoint-dns", &names, "--webhooks-per-shop", "2000"];
        let process = Program::start(&mut serve(folder.path(), &flags));
        let listening = |line: &str| {
            let line: Value = serde_json::from_str(line).ok()?;
            (line["message"] == "listening").then(|| format!("http://{}", line["address"].as_str().unwrap()))
        };
        let address = process.err.first("the line that says where it listens", listening).await;
        let key = std::fs::read_to_string(folder.path().join("platform.key")).unwrap().trim().to_owned();
        let (anonymous, admin) = (Client::new(&address), Client::new(&address));
        let facts = json!({"service": address, "receiver": receiver.url("/"), "platformKey": key});
        let mut scene = Self { process, address, anonymous, receiver, admin, facts, folder, _dns: dns };
        scene.furnish(&key).await;
        scene
    }

    async fn furnish(&mut self, platform_key: &str) {
        let platform = self.anonymous.with_bearer(platform_key);
        let shop = platform.post(SHOPS, &json!({"subdomain": "fuzzed", "dev": true})).await.expect(201);
        let shop = shop["id"].as_str().unwrap();
        let scopes = json!({"scopes": ["webhooks:read", "webhooks:write"]});
        let keys_path = format!("{SHOPS}/{shop}/keys");
        let mut keys = made(&platform, &keys_path, KEYS + SPARE, |_| scopes.clone()).await;
        let spare_keys = keys.split_off(KEYS);
        self.admin = self.anonymous.with_bearer(keys[0]["key"].as_str().unwrap());
        let webhooks = made(&self.admin, WEBHOOKS, SPARE + 1, |n| {
            let event = if n == 0 { "order.cancelled" } else { "order.paid" };
            json!({"url": self.receiver.url(&format!("/{n}")), "events": [event]})
        });
        let webhooks = webhooks.await;
        let hook = format!("{WEBHOOKS}/{}", webhooks[0]["id"].as_str().unwrap());
        let event = json!({"shop": shop, "type": "order.cancelled", "data": {}});
        made(&platform, EVENTS, 3, |_| event.clone()).await;
        let deliveries = eventually("three deliveries", async || {
            let page = self.admin.get(&format!("{hook}/deliveries?status=succeeded")).await.expect(200);
            let items = page["items"].as_array().unwrap().clone();
            if items.len() == 3 { Ok(items) } else { Err(page) }
        })
        .await;
        let window = json!({"since": deliveries[2]["createdAt"]});
        let job = self.admin.post(&format!("{hook}/redeliver"), &window).await.expect(202);
        let types = self.admin.get("/api/v1/admin/event-types?limit=100").await.expect(200);
        let names = types["items"].as_array().unwrap().iter().map(|one| one["name"].clone());
        self.facts["eventTypes"] = names.filter(|name| *name != "webhook.failed").collect();
        self.facts["adminKeys"] = keys.iter().map(|key| key["key"].clone()).collect();
        self.facts["adminKeyIds"] = ids(&keys);
        self.facts["ids"] = json!({
            "shop": [shop], "id": ids(&webhooks[..1]), "deliveryId": ids(&deliveries), "jobId": [job["id"]],
            "keyId": ids(&spare_keys[..1]),
        });
        let spare = json!({"shop": [shop], "id": ids(&webhooks[1..]), "keyId": ids(&spare_keys[1..])});
        self.facts["spare"] = spare;
    }

    /// Runs Schemathesis against it; what was asked and answered, by operation and status.
    async fn fuzz(&self, how: &[String], limit: Duration) -> Value {
        let file = |name: &str| -> PathBuf { self.folder.path().join(name) };
        std::fs::write(file("scene.json"), self.facts.to_string()).unwrap();
        let written = std::fs::File::create(file("output")).unwrap();
        assert!(
            Path::new(PROGRAM).exists(),
            "Schemathesis is not installed: run scripts/clients, then this test again"
        );
        let mut command = Command::new(PROGRAM);
        command.args(["run", &format!("{}/api/v1/openapi.json", self.address), "--checks", "all"]);
        command.args(["--no-color", "--warnings", "off", "--continue-on-failure", "--request-timeout", "20"]);
        command.args(["--suppress-health-check", "all", "--generation-database", "none"]).args(how);
        command.envs([
            ("SCHEMATHESIS_HOOKS", "hooks"),
            ("PYTHONDONTWRITEBYTECODE", "1"),
            ("PYTHONPATH", HOOKS),
        ]);
        command.env("SCENE", file("scene.json")).env("TALLY", file("tally.json"));
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        let mut child = command.stdout(written.try_clone().unwrap()).stderr(written).spawn().unwrap();
        let started = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            if started.elapsed() > limit {
                child.kill().unwrap();
                child.wait().unwrap();
                break None;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let output = std::fs::read_to_string(file("output")).unwrap();
        assert!(status.is_some_and(|status| status.success()), "{status:?}\n{output}");
        println!("{output}");
        serde_json::from_slice(&std::fs::read(file("tally.json")).unwrap()).unwrap()
    }

    /// Every URL that is registered now leads to this machine or nowhere.
    async fn reaches_nobody(&self) {
        let mut cursor = String::new();
        loop {
            let page = self.admin.get(&format!("{WEBHOOKS}?limit=100&cursor={cursor}")).await.expect(200);
            for webhook in page["items"].as_array().unwrap() {
                let url = webhook["url"].as_str().unwrap();
                let host = url.split('/').nth(2).unwrap_or(url);
                let named = !host.contains(|letter: char| letter.is_numeric() || "[]%".contains(letter));
                assert!(url.starts_with(&self.receiver.url("/")) || named, "{url}");
            }
            let Some(next) = page["nextCursor"].as_str() else { return };
            next.clone_into(&mut cursor);
        }
    }
}

/// Posts so many bodies; the answers.
async fn made(client: &Client, path: &str, count: usize, body: impl Fn(usize) -> Value) -> Vec<Value> {
    let mut all = Vec::new();
    for n in 0..count {
        let answer = client.post(path, &body(n)).await;
        assert!((200..300).contains(&answer.status), "{path}: {}", answer.json());
        all.push(answer.json());
    }
    all
}

fn ids(objects: &[Value]) -> Value {
    objects.iter().map(|object| object["id"].clone()).collect()
}

/// How to run, and for how long at most.
fn extent() -> (Vec<String>, Duration) {
    let Ok(minutes) = std::env::var(MINUTES) else {
        let fixed = ["--seed", "1", "--max-examples", "20", "--no-shrink"];
        return (fixed.map(str::to_owned).to_vec(), PATIENCE);
    };
    let seconds = 60 * minutes.parse::<u64>().unwrap_or_else(|_| panic!("{MINUTES} is no whole number"));
    let seed = u32::from_le_bytes(World::system().random());
    let seed = std::env::var("FUZZ_API_SEED").unwrap_or_else(|_| seed.to_string());
    let how = ["--seed", &seed, "--max-time", &seconds.to_string()].map(str::to_owned);
    (how.to_vec(), PATIENCE + Duration::from_secs(seconds))
}

#[tokio::test]
async fn the_document_holds_for_requests_nobody_thought_of() {
    let scene = Scene::set().await;
    let (how, limit) = extent();
    let tally = scene.fuzz(&how, limit).await;
    scene.anonymous.get("/api/health").await.expect(200);
    scene.reaches_nobody().await;
    let log = scene.process.err.all();
    let faults: Vec<_> =
        log.iter().filter(|line| line.contains("\"ERROR\"") || line.contains("panic")).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    // It got past what is refused at the door.
    let document = scene.anonymous.get("/api/v1/openapi.json").await.expect(200);
    for operation in operations(&document) {
        let answers = &tally[format!("{} {}", operation.method, operation.path)];
        let statuses = answers.as_object().unwrap_or_else(|| panic!("{} was never asked", operation.id));
        assert!(statuses.keys().any(|status| status.starts_with('2')), "{} only {answers}", operation.id);
    }
}
