//! Where the figures come from: the machine, the data folder's disk, the commit.

use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::figures::Latencies;

/// Synced writes to a measurement of the disk.
const SYNCS: usize = 200;

/// What is written before each sync: a page.
const SYNC_BYTES: usize = 4096;

/// The machine in lines of `what: which`.
pub(crate) fn describe(place: &Path) -> anyhow::Result<Vec<(&'static str, String)>> {
    let read = |path: &str| std::fs::read_to_string(path).with_context(|| path.to_owned());
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':'))
            .map_or("unknown".to_owned(), |(_, value)| value.trim().to_owned())
    };
    let memory = field(&read("/proc/meminfo")?, "MemTotal");
    let kib: u64 = memory.split(' ').next().and_then(|kib| kib.parse().ok()).unwrap_or(0);
    Ok(vec![
        ("CPU", field(&read("/proc/cpuinfo")?, "model name")),
        ("cores", std::thread::available_parallelism()?.to_string()),
        ("memory", format!("{} MiB", kib / 1024)),
        ("kernel", format!("Linux {}", read("/proc/sys/kernel/osrelease")?.trim())),
        ("filesystem of the data folder", filesystem(place)?),
        ("commit", commit()),
    ])
}

fn filesystem(place: &Path) -> anyhow::Result<String> {
    let (place, mounts) = (place.canonicalize()?, std::fs::read_to_string("/proc/mounts")?);
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let around = mounts.filter(|(at, _)| place.starts_with(at)).max_by_key(|(at, _)| at.len());
    Ok(around.map_or("unknown", |(_, kind)| kind).to_owned())
}

fn commit() -> String {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok().filter(|output| output.status.success());
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else { return "unknown".to_owned() };
    let changed = git(&["status", "--porcelain"]).is_some_and(|changes| !changes.is_empty());
    if changed { format!("{commit}, with uncommitted changes") } else { commit }
}

/// How long a page takes to reach the disk, over and over in one file.
pub(crate) fn syncs(place: &Path) -> anyhow::Result<Latencies> {
    let mut file = tempfile::tempfile_in(place)?;
    let page = [0xa5; SYNC_BYTES];
    let mut took = Vec::new();
    for _ in 0..SYNCS {
        let started = Instant::now();
        file.rewind()?;
        file.write_all(&page)?;
        file.sync_data()?;
        took.push(nanoseconds(started.elapsed()));
    }
    Ok(Latencies::new(took))
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
