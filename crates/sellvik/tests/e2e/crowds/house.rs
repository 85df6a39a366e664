//! A process of the service whose memory is watched.

use std::net::SocketAddr;
use std::process::Command;

use sellvik_testkit::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::durability::{Node, Pid, after_lines, serve};
use crate::harness::eventually;

/// The process, its ledger and its id.
pub(super) struct House {
    pub(super) node: Node,
    pub(super) address: SocketAddr,
    pub(super) key: String,
    folder: TempDir,
    /// Open files of the process when nobody had called yet.
    quiet: usize,
}

/// A dev shop of the house, and calls on its behalf.
pub(super) struct Shop {
    pub(super) id: String,
    pub(super) admin: Client,
}

impl House {
    /// Starts it; loopback endpoints are allowed.
    pub(super) async fn open(flags: &[&str]) -> Self {
        Self::open_after("true", flags).await
    }

    /// As [`House::open`], by a shell that runs these lines first.
    pub(super) async fn open_after(lines: &str, flags: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let lines = format!("{}\n{lines}", Pid::keep_in(folder.path()));
        let allow = ["--endpoint-allow", "127.0.0.0/8", "--log", "info,sellvik_dispatch=warn"];
        let command: Command = serve(folder.path(), &[&allow, flags].concat());
        let node = Node::run(folder.path(), &mut after_lines(&lines, &command)).await;
        let listening = |line: &str| {
            let line: Value = serde_json::from_str(line).ok()?;
            line["address"].as_str()?.parse().ok()
        };
        let address = node.program.err.first("its address", listening).await;
        let key = std::fs::read_to_string(folder.path().join("platform.key")).unwrap();
        let mut house = Self { node, address, key: key.trim().to_owned(), folder, quiet: 0 };
        house.quiet = house.files();
        house
    }

    /// Calls without a key.
    pub(super) fn anonymous(&self) -> Client {
        Client::new(&self.address.to_string())
    }

    /// Makes a dev shop of this name.
    pub(super) async fn shop(&self, name: &str) -> Shop {
        let platform = &self.node.platform;
        let shop = json!({"subdomain": name, "dev": true});
        let id = platform.post("/api/v1/platform/shops", &shop).await.expect(201)["id"].clone();
        let id = id.as_str().unwrap().to_owned();
        let scopes = json!({"scopes": ["webhooks:read", "webhooks:write"]});
        let path = format!("/api/v1/platform/shops/{id}/keys");
        let key = platform.post(&path, &scopes).await.expect(201)["key"].clone();
        let key = key.as_str().unwrap().to_owned();
        Shop { id, admin: self.anonymous().with_bearer(&key) }
    }

    /// The most memory it has needed so far, in KiB.
    pub(super) fn peak_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Forgets what it needed earlier.
    pub(super) fn forget_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.pid()), "5").unwrap();
    }

    /// How many files the process has opened since it started: its connections, and a few of its own.
    pub(super) fn files(&self) -> usize {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().count();
        open.saturating_sub(self.quiet)
    }

    /// Waits until it has opened so many, or has closed all but so many, give or take a few of its own.
    pub(super) async fn has_files(&self, are_enough: impl Fn(usize) -> bool) {
        eventually("connections to come or go", async || match self.files() {
            files if are_enough(files) => Ok(()),
            files => Err(files.into()),
        })
        .await;
    }

    /// The process's id.
    fn pid(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("pid")).unwrap().trim().to_owned()
    }
}

impl Shop {
    /// Registers a webhook for one type of event; its id.
    pub(super) async fn webhook(&self, url: &str, kind: &str) -> String {
        let body = json!({"url": url, "events": [kind]});
        let webhook = self.admin.post("/api/v1/admin/webhooks", &body).await.expect(201);
        webhook["id"].as_str().unwrap().to_owned()
    }

    /// Every webhook of the shop, at most a hundred.
    pub(super) async fn webhooks(&self) -> Vec<Value> {
        let page = self.admin.get("/api/v1/admin/webhooks?limit=100").await.expect(200);
        page["items"].as_array().unwrap().clone()
    }

    /// The newest deliveries of a webhook.
    pub(super) async fn deliveries(&self, webhook: &str) -> Vec<Value> {
        let path = format!("/api/v1/admin/webhooks/{webhook}/deliveries?limit=100");
        self.admin.get(&path).await.expect(200)["items"].as_array().unwrap().clone()
    }
}
