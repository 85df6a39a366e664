//! One run of load on a site: publish, wait until everything has come and is settled, verify, measure.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::json;

use crate::accounting::Memory;
use crate::ceiling::Ceiling;
use crate::event;
use crate::figures::Latencies;
use crate::publisher::{self, Job};
use crate::service::PLATFORM_KEY;
use crate::sink::arrivals::{self, Arrival, SEEDED_FROM};
use crate::site::{Site, Usage};
use crate::verify;

/// Longest that deliveries may take beyond the publishing.
const PATIENCE: Duration = Duration::from_mins(2);

/// How often the sink is asked how many have come.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// When a run is over, once everything has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// When the API shows no delivery undecided.
    Settled,
    /// When the service has fallen silent.
    Quiet,
    /// At once: some deliveries never end.
    Arrived,
}

/// What is published, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// The group of shops that it is for.
    pub(crate) group: usize,
    pub(crate) events: u32,
    pub(crate) batch: u32,
    pub(crate) connections: u32,
    /// Events a second; as fast as they are taken without.
    pub(crate) rate: Option<u32>,
    pub(crate) first: u32,
    pub(crate) end: End,
}

/// What a run showed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    pub(crate) deliveries: usize,
    /// From the first publish that was sent to the last request that came.
    pub(crate) seconds: f64,
    pub(crate) service_cpu: Duration,
    pub(crate) database_cpu: Duration,
    pub(crate) sink_cpu: Duration,
    pub(crate) publisher_cpu: Duration,
    pub(crate) latencies: Latencies,
    pub(crate) memory: Memory,
    /// Connections that the service opened meanwhile.
    pub(crate) connections: u64,
    /// The longest that the publisher was behind its schedule.
    pub(crate) late_ms: f64,
    /// What came of events that were written into the ledger.
    pub(crate) seeded: Vec<Arrival>,
    /// What a bare client reached right before.
    pub(crate) ceiling: Option<Ceiling>,
}

/// Where the counters stood when a run began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Started {
    pub(crate) usage: Usage,
    connections: u64,
}

/// Runs a load to its end.
pub(crate) async fn run(site: &mut Site, load: &Load) -> anyhow::Result<Outcome> {
    let started = begin(site, load).await?;
    finish(site, load, started).await
}

/// Sets the publisher going.
pub(crate) async fn begin(site: &mut Site, load: &Load) -> anyhow::Result<Started> {
    let routes = site.folder().join("routes");
    event::write_routes(&site.routes(load.group), &routes)?;
    let job = Job {
        addresses: site.addresses(),
        key: PLATFORM_KEY.to_owned(),
        routes,
        first: load.first,
        events: load.events,
        batch: load.batch,
        connections: load.connections,
        rate: load.rate,
        sent: site.folder().join("sent"),
    };
    let started = Started { connections: connections(site).await?, usage: site.usage()? };
    site.publisher.tell(&serde_json::to_value(job)?).await?;
    Ok(started)
}

/// Waits for the end, verifies, and adds up.
pub(crate) async fn finish(site: &mut Site, load: &Load, started: Started) -> anyhow::Result<Outcome> {
    let before = started.usage;
    let published = site.publisher.answer().await?;
    let routes = site.routes(load.group);
    let route = |event: u32| &routes[event as usize % routes.len()];
    let events = load.first..load.first + load.events;
    let wanted: usize = events.clone().map(|event| route(event).hooks.len()).sum();
    wait_for(site, "published", wanted).await?;
    match load.end {
        End::Settled => site.wait_until_settled(load.group, PATIENCE).await?,
        End::Quiet => site.wait_until_quiet(PATIENCE).await?,
        End::Arrived => {}
    }
    let (after, memory) = (site.usage()?, site.memory()?);

    let came = dump(site).await?;
    let (seeded, mut came): (Vec<_>, Vec<_>) = came.into_iter().partition(|one| one.event >= SEEDED_FROM);
    let last = came.iter().map(|one| one.at).max().unwrap_or(0);
    let sent = publisher::read_sent(&site.folder().join("sent"))?;
    let expected = events.flat_map(|event| route(event).hooks.iter().map(move |hook| (event, *hook)));
    verify::exactly_once(&mut came, expected)?;
    let since_sent = |one: &Arrival| one.at.saturating_sub(sent[(one.event - load.first) as usize]);
    let began = published["began"].as_u64().context("began")?;
    Ok(Outcome {
        deliveries: wanted,
        seconds: Duration::from_nanos(last.saturating_sub(began)).as_secs_f64(),
        service_cpu: after.service.saturating_sub(before.service),
        database_cpu: after.database.saturating_sub(before.database),
        sink_cpu: after.sink.saturating_sub(before.sink),
        publisher_cpu: after.publisher.saturating_sub(before.publisher),
        latencies: Latencies::new(came.iter().map(since_sent).collect()),
        memory,
        connections: connections(site).await? - started.connections,
        late_ms: published["late_ms"].as_f64().unwrap_or(0.0),
        seeded,
        ceiling: None,
    })
}

async fn connections(site: &mut Site) -> anyhow::Result<u64> {
    site.sink.ask(&json!({})).await?["connections"].as_u64().context("connections")
}

/// Waits until so many deliveries, `published` or `seeded`, have come.
pub(crate) async fn wait_for(site: &mut Site, which: &str, wanted: usize) -> anyhow::Result<()> {
    let wanted = u64::try_from(wanted)?;
    let mut came = 0;
    let mut last_news = tokio::time::Instant::now();
    loop {
        let now = site.sink.ask(&json!({})).await?[which].as_u64().context("count")?;
        if now >= wanted {
            return Ok(());
        }
        if now > came {
            (came, last_news) = (now, tokio::time::Instant::now());
        }
        if last_news.elapsed() > PATIENCE {
            bail!("{came} of {wanted} deliveries came");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Takes what the sink has noted.
pub(crate) async fn dump(site: &mut Site) -> anyhow::Result<Vec<Arrival>> {
    let path = site.folder().join("arrivals");
    site.sink.ask(&json!({ "dump": path })).await?;
    arrivals::read(&path)
}
