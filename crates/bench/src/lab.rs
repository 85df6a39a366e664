//! What the workloads share: the settings, the report, and the figures that others are held against.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;

use crate::accounting;
use crate::ceiling::{Ceiling, Posts};
use crate::child::Child;
use crate::figures::{float, median, per_1000};
use crate::ledger::Kind;
use crate::load::{self, End, Load, Outcome};
use crate::report::{self, Report};
use crate::sink::SinkConfig;
use crate::site::{Group, Site};

/// Events published before a run is measured, so that caches are warm and windows open.
const WARM_UP: u32 = 1000;

/// Connections of the bare client.
const CEILING_CONNECTIONS: u32 = 64;

/// How large everything is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) quick: bool,
    /// Deliveries of a run at saturation.
    pub(crate) deliveries: u32,
    /// Runs of which the median is taken.
    pub(crate) runs: usize,
    /// Length of each run of the fairness workload, and how many pairs there are.
    pub(crate) seconds: u32,
    pub(crate) pairs: usize,
    /// Deliveries per webhook of a backlog of 1000 webhooks.
    pub(crate) backlog: u32,
    /// Shops of five webhooks each.
    pub(crate) shops: usize,
}

pub(crate) struct Lab {
    pub(crate) binary: PathBuf,
    pub(crate) place: PathBuf,
    pub(crate) kind: Kind,
    pub(crate) scale: Scale,
    pub(crate) report: Report,
    pub(crate) ceiling: Ceiling,
}

impl Lab {
    /// Measures the ceiling first: every rate is told as a share of it.
    pub(crate) async fn open(
        binary: PathBuf,
        (kind, place): (Kind, PathBuf),
        scale: Scale,
    ) -> anyhow::Result<Self> {
        eprintln!("ceiling: a bare client against the same sink");
        let mut runs = Vec::new();
        for _ in 0..scale.runs {
            runs.push(ceiling(scale.deliveries).await?);
        }
        let ceiling = median(runs, |run| run.rate).context("no runs")?;
        eprintln!("  {:.0} posts/s, {:.3} CPU-s per 1000", ceiling.rate, ceiling.cpu_per_1000);
        Ok(Self { binary, place, kind, scale, report: Report::default(), ceiling })
    }

    pub(crate) async fn site(&self, groups: &[Group], sink: SinkConfig) -> anyhow::Result<Site> {
        Site::open(&self.binary, (self.kind, &self.place), groups, sink, false).await
    }

    pub(crate) async fn tls_site(&self) -> anyhow::Result<Site> {
        Site::open(&self.binary, (self.kind, &self.place), &[Group::SINGLE], SinkConfig::default(), true)
            .await
    }

    /// Batches of 100 for one webhook as fast as they are taken: what other workloads are held against.
    pub(crate) fn batches(&self, first: u32) -> Load {
        Load {
            group: 0,
            events: self.scale.deliveries,
            batch: 100,
            connections: 8,
            rate: None,
            first,
            end: End::Settled,
        }
    }

    /// Runs a load several times, each on a site of its own and right after the bare client, since processors are
    /// not as fast at all times; keeps the run whose cost, as a multiple of the bare client's, is the median.
    pub(crate) async fn repeat(&self, group: Group, load: Load, runs: usize) -> anyhow::Result<Outcome> {
        let mut outcomes = Vec::new();
        for _ in 0..runs {
            let mut site = self.site(&[group], SinkConfig::default()).await?;
            let ceiling = Some(ceiling(self.scale.deliveries).await?);
            outcomes.push(Outcome { ceiling, ..warmed(&mut site, load).await? });
        }
        median(outcomes, report::times_bare).context("no runs")
    }

    /// The batch workload on an empty store, measured right before whatever is held against it: processors are not
    /// as fast at all times.
    pub(crate) async fn baseline(&mut self, before: &str) -> anyhow::Result<Outcome> {
        let outcome = self.repeat(Group::SINGLE, self.batches(0), self.scale.runs).await?;
        let name = format!("b: fan-out 1, batches of 100{before}");
        self.report.run(&name, &outcome, outcome.ceiling.unwrap_or(self.ceiling));
        Ok(outcome)
    }
}

/// A load behind a warm-up of the same kind.
pub(crate) async fn warmed(site: &mut Site, load: Load) -> anyhow::Result<Outcome> {
    load::run(site, &Load { events: WARM_UP, rate: None, ..load }).await?;
    load::run(site, &Load { first: load.first + WARM_UP, ..load }).await
}

async fn ceiling(many: u32) -> anyhow::Result<Ceiling> {
    let config = SinkConfig { ports: 1, ..SinkConfig::default() };
    let mut sink = Child::start("sink", &serde_json::to_value(config)?)?;
    let port = sink.answer().await?["ports"][0].as_u64().context("port")?;
    let address = ([127, 0, 0, 1], u16::try_from(port)?).into();
    let mut client = Child::start("ceiling", &json!(null))?;
    let posts = |many| json!(Posts { sink: address, many, connections: CEILING_CONNECTIONS });
    client.ask(&posts(WARM_UP)).await?;
    let before = accounting::cpu(client.pid())?;
    let answer = client.ask(&posts(many)).await?;
    let cpu = accounting::cpu(client.pid())?.saturating_sub(before);
    let came = sink.ask(&json!({})).await?["published"].as_u64();
    anyhow::ensure!(came == Some(u64::from(many + WARM_UP)), "the sink saw {came:?} posts");
    let took = answer["ended"].as_u64().zip(answer["began"].as_u64()).context("moments")?;
    let seconds = Duration::from_nanos(took.0 - took.1).as_secs_f64();
    Ok(Ceiling { rate: float(many as usize) / seconds, cpu_per_1000: per_1000(cpu, many as usize) })
}
