//! What the kernel has on record of a process.
//!
//! Processor time is user and system time of `/proc/PID/stat`: all threads, ended ones too. The kernel counts
//! in ticks of 10 ms there but scales them to the exact run time, so that a second is known to a hundredth.

use std::time::Duration;

use anyhow::{Context as _, ensure};

/// Of the kernel's accounting; 100 on every Linux that we know.
const TICKS_PER_SECOND: u64 = 100;

/// Processor time of a process so far.
pub(crate) fn cpu(pid: u32) -> anyhow::Result<Duration> {
    Ok(time(&stat(pid)?[USED]))
}

/// Processor time of a process and its children so far, those included that have ended.
pub(crate) fn cpu_of_family(pid: u32) -> anyhow::Result<Duration> {
    let mut all = time(&stat(pid)?[USED_WITH_CHILDREN]);
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let process = entry.file_name().to_str().and_then(|name| name.parse().ok());
        // It may have ended meanwhile.
        let Some(Ok(stat)) = process.map(stat) else { continue };
        if stat[PARENT] == u64::from(pid) {
            all += time(&stat[USED]);
        }
    }
    Ok(all)
}

/// Places in [`stat`]: user and system time, then the same of children that have ended.
const PARENT: usize = 1;
const USED: std::ops::Range<usize> = 11..13;
const USED_WITH_CHILDREN: std::ops::Range<usize> = 11..15;

/// What stands behind the name in `/proc/PID/stat`; what is no number is 0.
fn stat(pid: u32) -> anyhow::Result<Vec<u64>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = stat.rsplit_once(')').context("stat")?.1;
    let fields: Vec<u64> = after_name.split_whitespace().map(|text| text.parse().unwrap_or(0)).collect();
    ensure!(fields.len() >= USED_WITH_CHILDREN.end, "stat of {pid} is cut short");
    Ok(fields)
}

fn time(ticks: &[u64]) -> Duration {
    Duration::from_millis(ticks.iter().sum::<u64>() * 1000 / TICKS_PER_SECOND)
}

/// The processors' time so far, in ticks: all of it, what was busy, and what the host took for others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machine {
    all: u64,
    busy: u64,
    stolen: u64,
    /// Of what was busy, this process and the ended ones that it started.
    ours: u64,
}

impl Machine {
    pub(crate) fn now() -> anyhow::Result<Self> {
        let text = std::fs::read_to_string("/proc/stat")?;
        let first = text.lines().next().context("stat")?;
        // User, nice, system, idle, waiting for a disk, interrupts of two kinds, stolen.
        let ticks: Vec<u64> =
            first.split_whitespace().skip(1).take(8).map(str::parse).collect::<Result<_, _>>()?;
        let [idle, waiting, stolen] = [3, 4, 7].map(|n| ticks.get(n).copied().unwrap_or(0));
        let all = ticks.iter().sum::<u64>();
        let stat = std::fs::read_to_string("/proc/self/stat")?;
        let fields = stat.rsplit_once(')').context("stat")?.1.split_whitespace().skip(11).take(4);
        let ours = fields.map(str::parse::<u64>).sum::<Result<_, _>>()?;
        Ok(Self { all, busy: all - idle - waiting - stolen, stolen, ours })
    }

    /// Since `before`: the share, in percent, of processes that are not ours, and of the host.
    pub(crate) fn others_since(self, before: Self) -> (u64, u64) {
        let all = (self.all - before.all).max(1);
        let others = (self.busy - before.busy).saturating_sub(self.ours - before.ours);
        (others * 100 / all, (self.stolen - before.stolen) * 100 / all)
    }
}

/// Memory in MiB.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    pub(crate) now: f64,
    pub(crate) peak: f64,
}

/// Resident memory of a process, now and at its highest.
pub(crate) fn memory(pid: u32) -> anyhow::Result<Memory> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let mib = |name: &str| -> anyhow::Result<f64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).context("status")?;
        let kib: f64 = line.split_whitespace().next().context("status")?.parse()?;
        Ok(kib / 1024.0)
    };
    Ok(Memory { now: mib("VmRSS:")?, peak: mib("VmHWM:")? })
}
