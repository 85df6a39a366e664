//! The newest deliveries of a webhook that has had a million: a page must not cost more for it.

use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::lab::Lab;
use crate::seed::{self, Fate, Seeding};
use crate::service::PLATFORM_KEY;
use crate::sink::SinkConfig;
use crate::site::Group;

const WEBHOOKS: u32 = 1000;
const PAGE: usize = 50;
const REQUESTS: u32 = 500;

/// One in so many deliveries was dropped.
const ONE_DROPPED_IN: u32 = 20;

pub(super) async fn run(lab: &mut Lab) -> anyhow::Result<()> {
    let mut site = lab.site(&[Group::SINGLE], SinkConfig::default()).await?;
    site.stop_service().await?;
    let per_hook = lab.scale.backlog * WEBHOOKS;
    let fate = |i| if i % ONE_DROPPED_IN == 0 { Fate::Dropped } else { Fate::Succeeded };
    let seeding = Seeding { from_hook: 0, per_hook, age: Duration::from_hours(24 * 20), fate };
    seed::seed(&site.ledger, &seeding)?;
    site.start_service().await?;
    let shop = site.shops.first().context("no shop")?;
    let webhook = &shop.hooks.first().context("no webhook")?.id;
    for (filter, what) in [("", "all"), ("&status=succeeded", "succeeded"), ("&status=dropped", "dropped")] {
        let mut api = site.api().await?;
        // A key each: one may ask a thousand times a minute.
        let key = api.admin_key(PLATFORM_KEY, &shop.id).await?;
        let path = format!("/admin/webhooks/{webhook}/deliveries?limit={PAGE}{filter}");
        let before = site.usage()?.service;
        for _ in 0..REQUESTS {
            let page = api.get(&path, &key).await?;
            ensure!(page["items"].as_array().map(Vec::len) == Some(PAGE), "a short page: {page}");
        }
        let used = site.usage()?.service.saturating_sub(before).as_secs_f64() * 1000.0 / f64::from(REQUESTS);
        let what = format!("service CPU for the newest {PAGE} of {per_hook}, {what}");
        lab.report.at_most("k", &what, used, 2.0, "ms");
    }
    Ok(())
}
