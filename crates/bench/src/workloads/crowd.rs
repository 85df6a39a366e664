//! A hundred thousand webhooks in twenty thousand shops, each event for another one: what is cached per shop
//! and per webhook must carry that many.

use std::time::Instant;

use anyhow::ensure;

use crate::lab::{Lab, warmed};
use crate::load::{End, Load};
use crate::report::service_cpu;
use crate::sink::SinkConfig;
use crate::site::Group;

const HOOKS_PER_SHOP: usize = 5;

/// Origins that the webhooks share.
const PORTS: u16 = 16;

pub(super) async fn run(lab: &mut Lab) -> anyhow::Result<()> {
    let single = lab.baseline(", right before h").await?;
    let group = Group { shops: lab.scale.shops, hooks: HOOKS_PER_SHOP, dead: 0, own_kinds: true };
    let started = Instant::now();
    let mut site = lab.site(&[group], SinkConfig { ports: PORTS, ..SinkConfig::default() }).await?;
    let many = group.shops * group.hooks;
    lab.report.note(format!("h: {many} webhooks made in {:.0} s", started.elapsed().as_secs_f64()));
    let events = u32::try_from(many)?.max(lab.scale.deliveries);
    let outcome = warmed(&mut site, Load { events, end: End::Quiet, ..lab.batches(0) }).await?;
    lab.report.run(&format!("h: b, spread over {many} webhooks"), &outcome, lab.ceiling);
    let times = service_cpu(&outcome) / service_cpu(&single);
    lab.report.at_most("h", "service CPU per delivery, of b's", times, 1.3, "times");
    lab.report.at_most("h", "peak RSS", outcome.memory.peak, 400.0, "MiB");
    site.stop_service().await?;
    let left = site.ledger.not_succeeded()?;
    ensure!(left == 0, "{left} deliveries are not on record as succeeded");
    Ok(())
}
