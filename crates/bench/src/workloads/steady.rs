//! Plain traffic to healthy endpoints: what a delivery costs, and how long it takes when there is no hurry.

use crate::lab::Lab;
use crate::ledger::Kind;
use crate::load::{Load, Outcome};
use crate::report::{rate, service_cpu, times_bare};
use crate::site::Group;

pub(super) async fn singles(lab: &mut Lab) -> anyhow::Result<()> {
    let load = Load { batch: 1, connections: 64, ..lab.batches(0) };
    let outcome = lab.repeat(Group::SINGLE, load, lab.scale.runs).await?;
    lab.report.run("a: fan-out 1, single publishes", &outcome, outcome.ceiling.unwrap_or(lab.ceiling));
    judge(lab, "a", &outcome, [0.08, 0.25], 15.0);
    Ok(())
}

pub(super) async fn batches(lab: &mut Lab) -> anyhow::Result<()> {
    let outcome = lab.baseline("").await?;
    judge(lab, "b", &outcome, [0.055, 0.15], 25.0);
    Ok(())
}

pub(super) async fn fan_out(lab: &mut Lab) -> anyhow::Result<()> {
    let group = Group { hooks: 10, ..Group::SINGLE };
    let load = Load { events: lab.scale.deliveries / 10, connections: 4, ..lab.batches(0) };
    let outcome = lab.repeat(group, load, lab.scale.runs).await?;
    lab.report.run("c: fan-out 10, batches of 100", &outcome, outcome.ceiling.unwrap_or(lab.ceiling));
    judge(lab, "c", &outcome, [0.04, 0.10], 30.0);
    Ok(())
}

pub(super) async fn paced(lab: &mut Lab) -> anyhow::Result<()> {
    let seconds = if lab.scale.quick { 3 } else { 15 };
    let load = Load { events: 500 * seconds, batch: 1, connections: 64, rate: Some(500), ..lab.batches(0) };
    let outcome = lab.repeat(Group::SINGLE, load, 1).await?;
    lab.report.run("d: 500 events/s", &outcome, lab.ceiling);
    if lab.kind == Kind::Sqlite {
        lab.report.at_most("d", "p50", outcome.latencies.at(0.5), 3.0, "ms");
    }
    let p99 = if lab.kind == Kind::Sqlite { 10.0 } else { 20.0 };
    lab.report.at_most("d", "p99", outcome.latencies.at(0.99), p99, "ms");
    lab.report.note(format!("d: the publisher was behind its schedule by {:.1} ms at most", outcome.late_ms));
    Ok(())
}

/// What a bare client took per 1000 on the machine that the targets in seconds were set on.
const BARE_CPU: f64 = 0.012;

/// `cpu`: what it may cost on the embedded ledger, and together with a PostgreSQL server. The share is a guide for
/// the embedded one.
fn judge(lab: &mut Lab, workload: &str, outcome: &Outcome, cpu: [f64; 2], share: f64) {
    let [embedded, with_server] = cpu;
    if lab.kind == Kind::Postgres {
        let what = "CPU-s per 1000, service and PostgreSQL";
        return lab.report.at_most(workload, what, service_cpu(outcome), with_server, "s");
    }
    lab.report.at_most(workload, "service CPU-s per 1000", service_cpu(outcome), embedded, "s");
    let what = "the same, of the bare client's right before";
    lab.report.at_most(workload, what, times_bare(outcome), embedded / BARE_CPU, "times");
    let ceiling = outcome.ceiling.unwrap_or(lab.ceiling);
    let reached = rate(outcome) / ceiling.rate * 100.0;
    lab.report.at_least(workload, "share of the ceiling's rate (a guide)", reached, share, "%");
}
