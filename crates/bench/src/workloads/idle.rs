//! A service with nothing to do should cost next to nothing.

use std::time::Duration;

use crate::lab::Lab;
use crate::load::{self, Load};
use crate::sink::SinkConfig;
use crate::site::Group;

pub(super) async fn run(lab: &mut Lab) -> anyhow::Result<()> {
    let mut site = lab.site(&[Group::SINGLE], SinkConfig::default()).await?;
    let one = Load { events: 1, batch: 1, connections: 1, ..lab.batches(0) };
    load::run(&mut site, &one).await?;
    let before = site.usage()?.service;
    let idle = Duration::from_secs(if lab.scale.quick { 3 } else { 20 });
    tokio::time::sleep(idle).await;
    let used = site.usage()?.service.saturating_sub(before);
    let share = used.as_secs_f64() / idle.as_secs_f64() * 100.0;
    lab.report.at_most("j", "of a core while idle", share, 0.5, "%");
    lab.report.at_most("j", "RSS", site.memory()?.now, 40.0, "MiB");
    Ok(())
}
