//! A million deliveries that wait for dead endpoints: half of them due, half over the next hours. They must
//! slow neither the start nor the living, nor fill memory.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::figures::median;
use crate::lab::{Lab, warmed};
use crate::load::Load;
use crate::report::rate;
use crate::seed::{self, Fate, Seeding};
use crate::sink::SinkConfig;
use crate::site::Group;

const DEAD: Group = Group { shops: 100, hooks: 10, dead: 10, own_kinds: false };

/// Over how long those that are not due yet are spread, in milliseconds.
const AHEAD_MS: i64 = 6 * 3_600_000;

pub(super) async fn run(lab: &mut Lab) -> anyhow::Result<()> {
    let empty = lab.baseline(", right before f").await?;
    let mut site = lab.site(&[Group::SINGLE, DEAD], SinkConfig::default()).await?;
    site.stop_service().await?;
    let per_hook = lab.scale.backlog;
    let started = Instant::now();
    let fate = |i: u32| {
        let half = i64::from(per_hook) / 2;
        let ahead = i64::from(i) - half;
        Fate::Waiting(if ahead < 0 { ahead * 60_000 / half } else { (ahead + 1) * AHEAD_MS / half })
    };
    let seeding = Seeding { from_hook: 1, per_hook, age: Duration::from_mins(2), fate };
    let waiting = seed::seed(&site.ledger, &seeding)?.len();
    eprintln!("  {waiting} deliveries written in {:.1} s", started.elapsed().as_secs_f64());

    let start_up = site.start_service().await?;
    lab.report.at_most("f", "start with the backlog", start_up.as_secs_f64(), 2.0, "s");
    let mut runs = Vec::new();
    for run in 0..u32::try_from(lab.scale.runs)? {
        let load = lab.batches(run * 2 * lab.scale.deliveries);
        runs.push(warmed(&mut site, Load { group: 0, ..load }).await?);
    }
    let peak = runs.iter().map(|run| run.memory.peak).fold(0.0, f64::max);
    let outcome = median(runs, rate).context("no runs")?;
    lab.report.run(&format!("f: b with {waiting} waiting for dead endpoints"), &outcome, lab.ceiling);
    lab.report.at_least("f", "rate of b's", rate(&outcome) / rate(&empty) * 100.0, 90.0, "%");
    lab.report.at_most("f", "peak RSS", peak, 300.0, "MiB");
    Ok(())
}
