//! Where a webhook's pages are.

use sellvik_domain::Webhook;

use super::webhook_list::title;
use crate::layout::Crumb;
use crate::visit::Visit;

/// A webhook's page, or one below it.
pub(crate) fn path(visit: &Visit, webhook: &Webhook, rest: &str) -> String {
    visit.path(&format!("/webhooks/{}{rest}", webhook.id))
}

/// The way down to a page below a webhook's.
pub(crate) fn crumbs(visit: &Visit, webhook: &Webhook) -> [Crumb; 2] {
    [Crumb::new("Webhooks", visit.path("")), Crumb::new(title(webhook), path(visit, webhook, ""))]
}
