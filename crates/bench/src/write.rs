//! The whole document: how it was measured, where, and what came out.

use std::fmt::Write as _;

use crate::figures::Latencies;
use crate::lab::Lab;
use crate::ledger::{Kind, POSTGRES_OPTIONS};
use crate::{clock, machine};

const HOW: &str = "\
The service, the receivers (\"sink\") and the publisher are processes of their own that share this machine and \
its loopback. Events are about 1 KiB. A run ends when every delivery is settled; each came exactly once, or it \
would say so below. Processor time is the kernel's, user and system, in ticks of 10 ms. Latency is from the \
moment a publish is sent to the moment the request has been received, on one monotonic clock. Rates count from \
the first publish to the last request. The ceiling is a client on one thread that signs and posts the same bytes \
to the same sink, without a ledger; a, b and c are held against one right before each of their runs. Their targets \
in seconds were set on a machine whose bare client takes 0.012 s per 1000; as multiples of that they stand beside. \
The service logs no attempts. Each run at saturation follows a warm-up of \
1000 events.";

/// Everything, as Markdown.
pub(crate) fn document(lab: &Lab, before: &Latencies, after: &Latencies) -> anyhow::Result<String> {
    let (title, flags, more) = match lab.kind {
        Kind::Sqlite => ("Benchmarks", "", String::new()),
        Kind::Postgres => (
            "Benchmarks on PostgreSQL",
            "--postgres ",
            format!(
                " The PostgreSQL server is the run's own, on the same machine (`{POSTGRES_OPTIONS}`, otherwise \
                 as installed); its processor time is that of all its processes."
            ),
        ),
    };
    let mut out = format!(
        "# {title}\n\nWritten by `scripts/bench {flags}--write`; do not edit.\n\n{HOW}{more}\n\n\
         | machine | |\n|---|---|\n"
    );
    for (what, which) in machine::describe(&lab.place)? {
        writeln!(out, "| {what} | {which} |")?;
    }
    let now = jiff::Timestamp::from_second(i64::try_from(clock::epoch_ms() / 1000)?)?;
    writeln!(out, "| date | {now} |")?;
    for (when, syncs) in [("before", before), ("after", after)] {
        let (p50, p99) = (syncs.at(0.5), syncs.at(0.99));
        writeln!(out, "| writing and syncing 4 KiB, {when} | p50 {p50:.2} ms, p99 {p99:.2} ms |")?;
    }
    let scale = lab.scale;
    writeln!(
        out,
        "| settings | {}{} deliveries a run, median of {}; fairness: {} pairs of {} s; {} deliveries per \
         webhook of a backlog; {} shops in h |\n",
        if scale.quick { "**quick, for show only**; " } else { "" },
        scale.deliveries,
        scale.runs,
        scale.pairs,
        scale.seconds,
        scale.backlog,
        scale.shops
    )?;
    out.push_str(&lab.report.markdown(lab.ceiling));
    Ok(out)
}
