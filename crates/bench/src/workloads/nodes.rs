//! Several nodes on one ledger: together they must carry what one does, here where they share its processors.

use crate::lab::{Lab, warmed};
use crate::report::rate;
use crate::sink::SinkConfig;
use crate::site::Group;

const NODES: usize = 3;

/// Webhooks, so that there are lanes to share.
const HOOKS: usize = 10;

pub(super) async fn run(lab: &mut Lab) -> anyhow::Result<()> {
    let group = Group { hooks: HOOKS, own_kinds: true, ..Group::SINGLE };
    let mut rates = Vec::new();
    for nodes in [1, NODES] {
        let mut runs = Vec::new();
        for _ in 0..lab.scale.runs {
            let mut site = lab.site(&[group], SinkConfig::default()).await?;
            for _ in 1..nodes {
                site.start_service().await?;
            }
            runs.push(warmed(&mut site, lab.batches(0)).await?);
        }
        let Some(outcome) = crate::figures::median(runs, rate) else { continue };
        lab.report.run(&format!("n: b to {HOOKS} webhooks, nodes: {nodes}"), &outcome, lab.ceiling);
        rates.push(rate(&outcome));
    }
    let share = rates.last().copied().unwrap_or(0.0) / rates.first().copied().unwrap_or(f64::NAN) * 100.0;
    lab.report.at_least("n", "rate of three nodes, of one's", share, 100.0, "%");
    Ok(())
}
