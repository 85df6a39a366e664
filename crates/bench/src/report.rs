//! What was measured, as Markdown: a table of runs, and the targets beside what was reached.

use std::fmt::Write as _;

use crate::ceiling::Ceiling;
use crate::figures::{float, per_1000};
use crate::load::Outcome;

/// Everything that is told in the end.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<String>,
    targets: Vec<Target>,
    notes: Vec<String>,
    failed: bool,
}

struct Target {
    workload: String,
    what: String,
    reached: String,
    wanted: String,
    met: bool,
}

pub(crate) fn rate(outcome: &Outcome) -> f64 {
    float(outcome.deliveries) / outcome.seconds
}

/// Of the service, with its PostgreSQL server where it has one.
pub(crate) fn service_cpu(outcome: &Outcome) -> f64 {
    per_1000(outcome.service_cpu + outcome.database_cpu, all(outcome))
}

/// The same as a multiple of what a bare client takes for as many.
pub(crate) fn times_bare(outcome: &Outcome) -> f64 {
    outcome.ceiling.map_or(f64::NAN, |bare| service_cpu(outcome) / bare.cpu_per_1000)
}

/// What was published came beside what had been written into the ledger: both cost.
fn all(outcome: &Outcome) -> usize {
    outcome.deliveries + outcome.seeded.len()
}

impl Report {
    /// A run's row.
    pub(crate) fn run(&mut self, name: &str, outcome: &Outcome, ceiling: Ceiling) {
        let at = |share| outcome.latencies.at(share);
        let row = format!(
            "| {name} | {:.0} | {:.0} % | {:.3} | {:.3} | {:.1} | {:.1} | {:.1} | {:.1} | {:.0} | {:.0} | {:.3} | {:.3} | {} |",
            rate(outcome),
            rate(outcome) / ceiling.rate * 100.0,
            per_1000(outcome.service_cpu, all(outcome)),
            per_1000(outcome.database_cpu, all(outcome)),
            at(0.5),
            at(0.95),
            at(0.99),
            at(1.0),
            outcome.memory.now,
            outcome.memory.peak,
            per_1000(outcome.sink_cpu, all(outcome)),
            per_1000(outcome.publisher_cpu, outcome.deliveries),
            outcome.connections,
        );
        eprintln!("  {row}");
        self.rows.push(row);
    }

    /// A figure that should be at most so much.
    pub(crate) fn at_most(&mut self, workload: &str, what: &str, reached: f64, most: f64, unit: &str) {
        self.target(workload, what, (reached, "≤", most), unit, reached <= most);
    }

    /// A figure that should be at least so much.
    pub(crate) fn at_least(&mut self, workload: &str, what: &str, reached: f64, least: f64, unit: &str) {
        self.target(workload, what, (reached, "≥", least), unit, reached >= least);
    }

    fn target(&mut self, workload: &str, what: &str, figures: (f64, &str, f64), unit: &str, met: bool) {
        let (reached, sign, wanted) = figures;
        let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        let digits = match wanted.abs() {
            below_one if below_one < 1.0 => 3,
            below_ten if below_ten < 10.0 => 2,
            below_hundred if below_hundred < 100.0 => 1,
            _ => 0,
        };
        let target = Target {
            workload: workload.to_owned(),
            what: what.to_owned(),
            reached: format!("{reached:.digits$}{unit}"),
            wanted: format!("{sign} {wanted:.digits$}{unit}"),
            met,
        };
        let verdict = if met { "met" } else { "missed" };
        eprintln!("  {}: {}, {} ({verdict})", target.what, target.reached, target.wanted);
        self.targets.push(target);
    }

    pub(crate) fn note(&mut self, note: String) {
        eprintln!("  {note}");
        self.notes.push(note);
    }

    /// A workload that could not be measured, or lost or repeated deliveries.
    pub(crate) fn failure(&mut self, workload: char, error: &anyhow::Error) {
        self.failed = true;
        self.note(format!("**{workload} failed**: {error:#}"));
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }

    /// The tables.
    pub(crate) fn markdown(&self, ceiling: Ceiling) -> String {
        let mut out = String::from(
            "| workload | deliveries/s | of ceiling | service CPU-s per 1000 | PostgreSQL CPU-s per 1000 | p50 ms | p95 ms | p99 ms | max ms \
             | RSS MiB | peak MiB | sink CPU-s per 1000 | publisher CPU-s per 1000 | connections |\n\
             |---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
        );
        let _ = writeln!(
            out,
            "| ceiling: a bare client | {:.0} | 100 % | {:.3} | | | | | | | | | | |",
            ceiling.rate, ceiling.cpu_per_1000
        );
        for row in &self.rows {
            let _ = writeln!(out, "{row}");
        }
        out.push_str("\n| workload | what | reached | target | |\n|---|---|---|---|---|\n");
        for Target { workload, what, reached, wanted, met } in &self.targets {
            let verdict = if *met { "met" } else { "**missed**" };
            let _ = writeln!(out, "| {workload} | {what} | {reached} | {wanted} | {verdict} |");
        }
        out.push('\n');
        for note in &self.notes {
            let _ = writeln!(out, "- {note}");
        }
        out
    }
}
