//! Sending again: one delivery, or a window of them as a durable job (CONTRACT §3).

use sellvik_domain::{Delivery, DeliveryStatus, Issue, JobId, WebhookId};
use sellvik_store::{Job, Window};

use crate::Actions;
use crate::access::Admin;
use crate::body::Body;
use crate::error::{ActionError, Result};
use crate::pages::parameter;

/// Deliveries to a job at most (CONTRACT §3).
const JOB_DELIVERIES_MAX: u32 = 100_000;

/// The answer to a redelivery over a window.
#[derive(Debug)]
pub enum Redelivery {
    /// Only counted.
    Counted(u32),
    /// A job was made.
    Started(Job),
}

impl Actions {
    /// Makes an undecided delivery due now, or sends a decided one's event anew.
    pub async fn delivery_redeliver(&self, admin: &Admin, webhook: &str, id: &str) -> Result<Delivery> {
        let webhook = self.webhook_writable(admin, webhook).await?;
        let id = id.parse().map_err(|_| ActionError::NotFound)?;
        let (now, seed) = (self.world.now(), self.world.random());
        let delivery = self.store.delivery_redeliver(admin.shop_id(), webhook, id, now, seed).await?;
        delivery.ok_or(ActionError::NotFound)
    }

    /// Redelivers a window of a webhook's deliveries, or with `dryRun=true` only counts them.
    pub async fn webhook_redeliver(
        &self,
        admin: &Admin,
        webhook: WebhookId,
        query: &str,
        bytes: &[u8],
    ) -> Result<Redelivery> {
        let dry_run = match parameter(query, "dryRun").as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                return Err(ActionError::InvalidQuery(vec![Issue::field("dryRun", "must be true or false")]));
            }
        };
        let window = self.window(bytes)?;
        let shop = admin.shop_id();
        if dry_run {
            let matched = self.store.job_count(shop, webhook, window, JOB_DELIVERIES_MAX).await?;
            return matched.map(Redelivery::Counted).ok_or(ActionError::NotFound);
        }
        let now = self.world.now();
        let id = JobId::new(now, self.world.random());
        let job = self.store.job_create(shop, webhook, id, window, JOB_DELIVERIES_MAX, now).await?;
        job.map(Redelivery::Started).ok_or(ActionError::NotFound)
    }

    /// How far a redelivery job has come.
    pub async fn job_get(&self, admin: &Admin, webhook: &str, id: &str) -> Result<Job> {
        let webhook = self.webhook_get(admin, webhook).await?.id;
        let id = id.parse().map_err(|_| ActionError::NotFound)?;
        self.store.job_get(admin.shop_id(), webhook, id).await?.ok_or(ActionError::NotFound)
    }

    fn window(&self, bytes: &[u8]) -> Result<Window> {
        let mut body = Body::parse(bytes)?;
        if !body.has("since") {
            body.missing("since");
        }
        let since = body.moment("since");
        let until = body.moment("until").unwrap_or_else(|| self.world.now());
        let status = body.parsed("status", |text| {
            DeliveryStatus::parse(text).ok_or("must be one of pending, succeeded, failed, dropped")
        });
        if since.is_some_and(|since| since > until) {
            body.reject(Issue::field("since", "must not be later than until"));
        }
        let status = status.unwrap_or(DeliveryStatus::Dropped);
        body.finish(since.map(|since| Window { since, until, status }))
    }
}
