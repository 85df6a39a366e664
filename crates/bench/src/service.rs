//! The service under measurement: a process of its own, in a folder that outlives it, so that a workload
//! may stop it, write into its ledger and start it again.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::ledger::Ledger;

/// Longest a shutdown may take: what is in flight may wait for its timeout.
const SHUTDOWN_MAX: Duration = Duration::from_secs(20);

/// What the publisher calls with.
pub(crate) const PLATFORM_KEY: &str = "sk_platform_of_the_benchmarks";

const ENCRYPTION_KEY: &str = "c2VsbHZpay1iZW5jaG1hcmtzLW9mLTMyLWJ5dGVzLi4=";

pub(crate) struct Service {
    child: Child,
    pid: u32,
    pub(crate) address: SocketAddr,
    /// From the start of the process to the line that says it listens.
    pub(crate) start_up: Duration,
}

impl Service {
    /// Starts it on this ledger; `authority` is a certificate authority to trust.
    pub(crate) async fn start(
        binary: &Path,
        ledger: &Ledger,
        authority: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(binary.canonicalize().context("no such binary")?);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--endpoint-allow", "127.0.0.0/8"])
            .args(["--log", "sellvik::service=info", "--database-url", &ledger.url()])
            .args(["--encryption-key", ENCRYPTION_KEY, "--platform-key", PLATFORM_KEY])
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(authority) = authority {
            command.arg("--endpoint-ca").arg(authority);
        }
        let started = Instant::now();
        let mut child = command.spawn().context("the service could not be started")?;
        let stderr = child.stderr.take().context("no standard error")?;
        let mut lines = BufReader::new(stderr).lines();
        let address = loop {
            let line = lines.next_line().await?.ok_or_else(|| anyhow!("the service ended at once"))?;
            let line: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            if let Some(address) = line["address"].as_str() {
                break address.parse()?;
            }
        };
        let start_up = started.elapsed();
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let pid = child.id().context("the service has ended")?;
        Ok(Self { child, pid, address, start_up })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.pid)?).context("no process")?;
        kill_process(pid, Signal::TERM)?;
        tokio::time::timeout(SHUTDOWN_MAX, self.child.wait())
            .await
            .context("the service does not stop")??;
        Ok(())
    }
}
