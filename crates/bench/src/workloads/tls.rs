//! Receivers with TLS 1.3: kept-alive connections make it cheap, and tickets make coming back cheap.

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::lab::{Lab, warmed};
use crate::load::{self, Load};
use crate::report::service_cpu;
use crate::site::Site;

/// Requests after which the receiver closes a connection, in the second phase.
const REQUESTS_MAX: u32 = 50;

pub(super) async fn run(lab: &mut Lab) -> anyhow::Result<()> {
    let plain = lab.baseline(", right before i").await?;
    let mut outcomes = Vec::new();
    let mut last = None;
    for _ in 0..lab.scale.runs {
        drop(last.take());
        let site = last.insert(lab.tls_site().await?);
        outcomes.push(warmed(site, lab.batches(0)).await?);
    }
    let outcome = crate::figures::median(outcomes, service_cpu).context("no runs")?;
    lab.report.run("i: b with TLS 1.3", &outcome, lab.ceiling);
    let times = service_cpu(&outcome) / service_cpu(&plain);
    lab.report.at_most("i", "service CPU per delivery, of b's", times, 1.5, "times");

    let mut site = last.context("no runs")?;
    let kept = counts(&mut site).await?;
    let per_connection = kept.handshakes / kept.connections;
    lab.report.at_most("i", "handshakes per connection", per_connection, 1.0, "");
    site.sink.ask(&json!({ "requests_max": REQUESTS_MAX })).await?;
    let load = Load { first: 4 * lab.scale.deliveries, ..lab.batches(0) };
    let closing = load::run(&mut site, &load).await?;
    lab.report.run(&format!("i: connections closed after {REQUESTS_MAX} requests"), &closing, lab.ceiling);
    let all = counts(&mut site).await?;
    let (again, resumed) = (all.handshakes - kept.handshakes, all.resumed - kept.resumed);
    lab.report.at_least("i", "resumed, of later connections", resumed / again * 100.0, 95.0, "%");
    lab.report.note(format!(
        "i: {:.0} connections and {:.0} handshakes while they were kept, {:.0} of them resumed; {again:.0} \
         more when each was closed after {REQUESTS_MAX} requests, {resumed:.0} of them resumed",
        kept.connections, kept.handshakes, kept.resumed
    ));
    Ok(())
}

struct Counts {
    connections: f64,
    handshakes: f64,
    resumed: f64,
}

async fn counts(site: &mut Site) -> anyhow::Result<Counts> {
    let sink: Value = site.sink.ask(&json!({})).await?;
    let of = |name: &str| sink[name].as_f64().context("count");
    Ok(Counts { connections: of("connections")?, handshakes: of("handshakes")?, resumed: of("resumed")? })
}
