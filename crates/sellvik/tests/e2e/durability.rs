//! The real binary in processes of its own: what survives a crash, a stop and an operator's mistakes.

use std::path::Path;
use std::process::Command;

use sellvik_testkit::Client;
use serde_json::{Value, json};

use crate::program::Program;

mod commands;
mod crashes;
mod damage;
mod dev;
mod erased;
mod keys;
mod ledger;
pub(crate) mod load;
mod logs;
pub(crate) mod sink;
mod stops;

pub(crate) const EVENTS: &str = "/api/v1/platform/events";

/// The real binary, with nothing of the tests' own environment.
pub(crate) fn sellvik(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sellvik"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SELLVIK_")) {
        command.env_remove(name);
    }
    command.args(arguments);
    command
}

/// `sellvik serve` on a port of its own, with its ledger in this folder.
pub(super) fn serve(folder: &Path, flags: &[&str]) -> Command {
    let mut command = sellvik(&["serve", "--listen", "127.0.0.1:0", "--database-url"]);
    command.arg(format!("sqlite://{}", folder.join("sellvik.db").display())).args(flags);
    command
}

/// The same command, started by a shell that runs these lines first. The process is the same one: the
/// shell becomes it.
pub(super) fn after_lines(lines: &str, command: &Command) -> Command {
    let mut shell = Command::new("bash");
    shell.args(["-c", &format!("{lines}\nexec \"$@\""), "bash"]);
    shell.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

/// A process that can be told more than to end.
pub(super) struct Pid(String);

impl Pid {
    /// The lines of shell that keep the process's id in this folder.
    pub(super) fn keep_in(folder: &Path) -> String {
        format!("echo $$ >'{}'", folder.join("pid").display())
    }

    /// The id that was kept in this folder.
    pub(super) fn kept_in(folder: &Path) -> Self {
        Self(std::fs::read_to_string(folder.join("pid")).unwrap().trim().to_owned())
    }

    /// Runs this program with the id as its last argument.
    pub(super) fn run(&self, program: &str, arguments: &[&str]) {
        let status = Command::new(program).args(arguments).arg(&self.0).status().unwrap();
        assert!(status.success(), "{program} {arguments:?}: {status}");
    }
}

/// A running process of the service.
pub(crate) struct Node {
    pub(crate) program: Program,
    /// Where it listens.
    pub(crate) address: String,
    /// Calls with the platform key.
    pub(crate) platform: Client,
    /// The platform key.
    pub(crate) key: String,
}

impl Node {
    /// Starts one with its ledger and its keys in this folder; loopback endpoints are allowed.
    pub(super) async fn start(folder: &Path, flags: &[&str]) -> Self {
        let allow = ["--endpoint-allow", "127.0.0.0/8"];
        Self::run(folder, &mut serve(folder, &[&allow, flags].concat())).await
    }

    /// As [`Node::start`], with this command.
    pub(super) async fn run(folder: &Path, command: &mut Command) -> Self {
        let key = || std::fs::read_to_string(folder.join("platform.key")).unwrap().trim().to_owned();
        Self::run_with(command, key).await
    }

    /// Runs a command; `key` tells its platform key once it listens.
    pub(crate) async fn run_with(command: &mut Command, key: impl FnOnce() -> String) -> Self {
        let program = Program::start(command);
        let listening = |line: &str| {
            let line: Value = serde_json::from_str(line).ok()?;
            (line["message"] == "listening").then(|| line["address"].as_str().unwrap().to_owned())
        };
        let address = program.err.first("the line that says where it listens", listening).await;
        let key = key();
        let platform = Client::new(&address).with_bearer(&key);
        Self { program, address, platform, key }
    }

    /// A client of this process with an admin key.
    pub(crate) fn admin(&self, shop: &Shop) -> Client {
        Client::new(&self.address).with_bearer(&shop.key)
    }

    /// Makes a dev shop with a key.
    pub(crate) async fn shop(&self) -> Shop {
        let shop = json!({"subdomain": "acme", "dev": true});
        let id = self.platform.post("/api/v1/platform/shops", &shop).await.expect(201)["id"].clone();
        let path = format!("/api/v1/platform/shops/{}/keys", id.as_str().unwrap());
        let scopes = json!({"scopes": ["webhooks:read", "webhooks:write"]});
        let key = self.platform.post(&path, &scopes).await.expect(201)["key"].clone();
        Shop { id: id.as_str().unwrap().to_owned(), key: key.as_str().unwrap().to_owned() }
    }

    /// Registers a webhook; its object.
    pub(crate) async fn webhook(&self, shop: &Shop, url: &str) -> Value {
        self.webhook_for(shop, url, "order.cancelled").await
    }

    /// Registers a webhook for events of this type; its object.
    async fn webhook_for(&self, shop: &Shop, url: &str, kind: &str) -> Value {
        let body = json!({"url": url, "events": [kind]});
        self.admin(shop).post("/api/v1/admin/webhooks", &body).await.expect(201)
    }

    /// Publishes an event of this id; the answer.
    pub(crate) async fn publish(&self, shop: &Shop, id: &str) -> Value {
        self.platform.post(EVENTS, &event(shop, id)).await.expect(202)
    }

    /// Every delivery of a webhook.
    pub(super) async fn deliveries(&self, shop: &Shop, webhook: &Value) -> Vec<Value> {
        let path = format!("/api/v1/admin/webhooks/{}/deliveries", webhook["id"].as_str().unwrap());
        let (admin, mut all, mut cursor) = (self.admin(shop), Vec::new(), String::new());
        loop {
            let page = admin.get(&format!("{path}?limit=100&cursor={cursor}")).await.expect(200);
            all.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(next) = page["nextCursor"].as_str() else { return all };
            next.clone_into(&mut cursor);
        }
    }
}

/// A shop, whichever process serves it.
#[derive(Clone)]
pub(crate) struct Shop {
    pub(crate) id: String,
    key: String,
}

pub(crate) fn event(shop: &Shop, id: &str) -> Value {
    json!({"shop": shop.id, "type": "order.cancelled", "id": id, "data": {"order": {"id": "ord_1"}}})
}
