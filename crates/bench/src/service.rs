//! The service under measurement: a child process in a temporary folder.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// Of the kernel's accounting; 100 on every Linux that we know.
const TICKS_PER_SECOND: u64 = 100;

pub(crate) struct Service {
    child: Child,
    pub(crate) address: String,
    pub(crate) platform_key: String,
    _folder: TempDir,
}

impl Service {
    pub(crate) async fn start(binary: &Path) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let mut child = Command::new(binary.canonicalize().context("no such binary")?)
            .args(["serve", "--listen", "127.0.0.1:0", "--endpoint-allow", "127.0.0.0/8"])
            .args(["--log", "sellvik::service=info"])
            .current_dir(folder.path())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the service could not be started")?;
        let stderr = child.stderr.take().context("no standard error")?;
        let mut lines = BufReader::new(stderr).lines();
        let address = loop {
            let line = lines.next_line().await?.ok_or_else(|| anyhow!("the service ended at once"))?;
            let line: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            if let Some(address) = line["address"].as_str() {
                break address.to_owned();
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let key = std::fs::read_to_string(folder.path().join("sellvik-data/platform.key"))?;
        Ok(Self { child, address, platform_key: key.trim().to_owned(), _folder: folder })
    }

    /// User and system time so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = self.proc("stat")?;
        let after_name = stat.rsplit_once(')').context("stat")?.1;
        let field = |n: usize| after_name.split_whitespace().nth(n).and_then(|text| text.parse::<u64>().ok());
        let ticks = field(11).zip(field(12)).map(|(user, system)| user + system).context("stat")?;
        Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
    }

    pub(crate) fn rss_mib(&self) -> anyhow::Result<u64> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
        let kib: u64 = line.split_whitespace().next().context("VmRSS")?.parse()?;
        Ok(kib / 1024)
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let id = self.child.id().context("the service has ended")?;
        Ok(std::fs::read_to_string(format!("/proc/{id}/{file}"))?)
    }
}
