//! A thousand endpoints come back, each with a thousand deliveries that have fallen due meanwhile: the
//! backlog drains fast, gently for each of them, and unfelt by the healthy. What is not due stays.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::json;

use crate::figures::{float, per_1000};
use crate::lab::Lab;
use crate::load::{self, End, Load};
use crate::report::rate;
use crate::seed::{self, Fate, Seeding};
use crate::sink::SinkConfig;
use crate::sink::arrivals::Arrival;
use crate::site::Group;
use crate::verify;

/// The healthy, one event type each.
const HEALTHY: Group = Group { shops: 1, hooks: 10, dead: 0, own_kinds: true };

const BACK: Group = Group { shops: 100, hooks: 10, dead: 0, own_kinds: false };
const FIRST_BACK: u32 = 10;

/// How long they take to answer, so that it shows how many requests they have at a time.
const ANSWER_MS: u64 = 10;

/// Of each endpoint's deliveries, those that are not due for an hour.
const LATER: u32 = 10;
const LATER_MS: i64 = 3_600_000;

pub(super) async fn run(lab: &mut Lab) -> anyhow::Result<()> {
    let baseline = lab.baseline(", right before g").await?;
    let sink =
        SinkConfig { ports: 16, delay_ms: ANSWER_MS, delayed_from: FIRST_BACK, ..SinkConfig::default() };
    let mut site = lab.site(&[HEALTHY, BACK], sink).await?;
    let seconds = if lab.scale.quick { 3 } else { 20 };
    let paced = Load {
        events: 200 * seconds,
        batch: 1,
        connections: 64,
        rate: Some(200),
        end: End::Settled,
        ..lab.batches(0)
    };
    let alone = load::run(&mut site, &paced).await?;
    lab.report.run("g: 200 events/s to 10 others, nothing waiting", &alone, lab.ceiling);

    site.stop_service().await?;
    let per_hook = lab.scale.backlog;
    let fate = |i| Fate::Waiting(if i < LATER { LATER_MS } else { -1000 - i64::from(per_hook - i) });
    let seeding = Seeding { from_hook: FIRST_BACK, per_hook, age: Duration::from_mins(2), fate };
    let began = Instant::now();
    let mut due = seed::seed(&site.ledger, &seeding)?;
    eprintln!("  {} deliveries written in {:.1} s", due.len(), began.elapsed().as_secs_f64());
    due.retain(|(_, _, i)| *i >= LATER);

    site.start_service().await?;
    let paced = Load { first: paced.events, ..paced };
    let started = load::begin(&mut site, &paced).await?;
    load::wait_for(&mut site, "seeded", due.len()).await?;
    let drained = site.usage()?.service.saturating_sub(started.usage.service);
    let beside = load::finish(&mut site, &paced, started).await?;
    lab.report.run("g: the same while 1000 endpoints come back", &beside, lab.ceiling);

    let mut came = beside.seeded.clone();
    verify::exactly_once(&mut came, due.iter().map(|(event, hook, _)| (*event, *hook)))?;
    let drain = float(came.len()) / seconds_of(&came).context("nothing came")?;
    lab.report.at_least("g", "drain, of b's rate", drain / rate(&baseline) * 100.0, 80.0, "%");
    let p99 = alone.latencies.at(0.99);
    let what = format!("others' p99 meanwhile ({p99:.1} ms without)");
    lab.report.at_most("g", &what, beside.latencies.at(0.99), (p99 * 1.3).max(p99 + 5.0), "ms");
    let crowding = site.sink.ask(&json!({})).await?;
    lab.report.note(format!(
        "g: {} deliveries drained at {drain:.0}/s for {:.3} service CPU-s per 1000; one endpoint saw {} \
         requests at a time at most, and {} in its first 100 ms, at {ANSWER_MS} ms an answer; none of those \
         that were not due came",
        came.len(),
        per_1000(drained, came.len()),
        crowding["at_a_time"],
        crowding["at_first"],
    ));
    Ok(())
}

fn seconds_of(came: &[Arrival]) -> Option<f64> {
    let moments = || came.iter().map(|one| one.at);
    Some(Duration::from_nanos(moments().max()? - moments().min()?).as_secs_f64())
}
