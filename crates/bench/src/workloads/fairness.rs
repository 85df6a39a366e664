//! Endpoints that accept and never answer must not be felt by those that do.
//!
//! Each case runs with all endpoints healthy and with some dead, in turn, several times; what counts is the
//! median of the healthy ones' p99.

use anyhow::Context as _;

use crate::figures::median;
use crate::lab::Lab;
use crate::load::{self, End, Load, Outcome};
use crate::sink::SinkConfig;
use crate::site::Group;

struct Case {
    name: &'static str,
    group: Group,
    /// Events a second, each for all ten webhooks of its shop.
    rate: u32,
}

const HEALTHY: Group = Group { shops: 1, hooks: 10, dead: 0, own_kinds: false };

const CASES: [Case; 3] = [
    Case { name: "1 of 10 dead, 3000 deliveries/s", group: Group { dead: 1, ..HEALTHY }, rate: 300 },
    Case { name: "5 of 10 dead, 3000 deliveries/s", group: Group { dead: 5, ..HEALTHY }, rate: 300 },
    Case {
        name: "1000 of 2000 dead, 1000 deliveries/s",
        group: Group { shops: 200, dead: 5, ..HEALTHY },
        rate: 100,
    },
];

pub(super) async fn run(lab: &mut Lab) -> anyhow::Result<()> {
    for case in &CASES {
        let (mut healthy, mut mixed, mut late) = (Vec::new(), Vec::new(), 0.0);
        for pair in 0..lab.scale.pairs {
            let all_healthy = Group { dead: 0, ..case.group };
            for (group, p99s) in [(all_healthy, &mut healthy), (case.group, &mut mixed)] {
                let outcome = one(lab, case, group).await?;
                p99s.push(outcome.latencies.at(0.99));
                late = outcome.late_ms.max(late);
            }
            eprintln!(
                "  {}, pair {}: p99 {:.1} ms, {:.1} ms",
                case.name,
                pair + 1,
                healthy[pair],
                mixed[pair]
            );
        }
        let healthy = median(healthy, |ms| *ms).context("no runs")?;
        let mixed = median(mixed, |ms| *ms).context("no runs")?;
        let most = (healthy * 1.3).max(healthy + 5.0);
        let what = format!("healthy ones' p99 with {} ({healthy:.1} ms without)", case.name);
        lab.report.at_most("e", &what, mixed, most, "ms");
        lab.report
            .note(format!("e: {}: the publisher was behind its schedule by {late:.1} ms at most", case.name));
    }
    Ok(())
}

/// One run; what it measures is those that answer.
async fn one(lab: &Lab, case: &Case, group: Group) -> anyhow::Result<Outcome> {
    let mut site = lab.site(&[group], SinkConfig { ports: 4, ..SinkConfig::default() }).await?;
    let load = Load {
        events: case.rate * lab.scale.seconds,
        batch: 1,
        connections: 64,
        rate: Some(case.rate),
        end: End::Arrived,
        ..lab.batches(0)
    };
    load::run(&mut site, &load).await
}
