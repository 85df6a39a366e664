//! Looking back at what a webhook did: what the panel shows beyond the Admin API's lists (CONTRACT §7).

use std::borrow::Cow;

use sellvik_domain::{
    Delivery, DeliveryId, DeliveryRequest, EndpointUrl, EventId, Issue, Scope, Timestamp, WebhookHour,
    WebhookId,
};
use sellvik_store::{DeliveryDetail, DeliverySearch};

use crate::access::Admin;
use crate::body::Body;
use crate::error::{ActionError, Result};
use crate::{Actions, Page};

/// A page of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Searched {
    /// What was found.
    pub page: Page<Delivery>,
    /// Looking stopped at what was made at this moment, short of a full page.
    pub back_to: Option<Timestamp>,
}

/// An event's deliveries to one webhook that are shown at most.
const OF_EVENT_MAX: u32 = 100;

/// Webhooks whose hours are asked for at once, at most: a page of them.
const HOURS_WEBHOOKS_MAX: usize = 100;

impl Actions {
    /// A webhook's deliveries that meet all of a search, newest first. A page may be short of its limit,
    /// or empty, and still have a cursor: there is more to look at.
    pub async fn delivery_search(
        &self,
        admin: &Admin,
        webhook: WebhookId,
        search: DeliverySearch,
        query: &str,
    ) -> Result<Searched> {
        admin.require(Scope::WebhooksRead)?;
        let list = format!("search/{}/{webhook}?{search:?}", admin.shop_id());
        let asked = self.asked(query, list, Vec::new())?;
        let after = asked.id().map(DeliveryId::from_bytes);
        let found =
            self.store.delivery_search(admin.shop_id(), webhook, search, after, asked.to_read()).await?;
        let mut page = self.page(&asked, found.items, |delivery| delivery.id.as_bytes().to_vec());
        let stopped = found.more_behind.filter(|_| page.next_cursor.is_none());
        if let Some(id) = stopped {
            page.next_cursor = Some(self.cursor(&asked, id.as_bytes()));
        }
        Ok(Searched { page, back_to: stopped.map(|id| id.made_at()) })
    }

    /// The deliveries of one event to a webhook, newest first; none if it had none, or is no event.
    pub async fn delivery_of_event(
        &self,
        admin: &Admin,
        webhook: WebhookId,
        event: &str,
    ) -> Result<Vec<Delivery>> {
        admin.require(Scope::WebhooksRead)?;
        let Ok(event) = EventId::parse(event) else { return Ok(Vec::new()) };
        Ok(self.store.delivery_of_event(admin.shop_id(), webhook, event, OF_EVENT_MAX).await?)
    }

    /// What ended within each hour since the one of `since`, of each of these webhooks.
    pub async fn webhook_hours(
        &self,
        admin: &Admin,
        webhooks: &[WebhookId],
        since: Timestamp,
    ) -> Result<Vec<(WebhookId, Vec<WebhookHour>)>> {
        admin.require(Scope::WebhooksRead)?;
        let webhooks = webhooks.iter().copied().take(HOURS_WEBHOOKS_MAX).collect();
        Ok(self.store.webhook_hours(admin.shop_id(), webhooks, since).await?)
    }

    /// The headers of a delivery's last attempt as they were sent, names in lower case. Without those of
    /// the signature if no attempt has ended, or the secret was replaced since.
    pub async fn delivery_headers<'a>(
        &self,
        admin: &Admin,
        webhook: WebhookId,
        detail: &'a DeliveryDetail,
    ) -> Result<Vec<(&'static str, Cow<'a, str>)>> {
        admin.require(Scope::WebhooksRead)?;
        let lane = self.store.webhook_lane(admin.shop_id(), webhook).await?.ok_or(ActionError::NotFound)?;
        let endpoint = self.store.endpoint(lane).await?;
        let started = detail.delivery.last.as_ref().map(|attempt| attempt.started_at);
        let signer = endpoint.as_ref().and_then(|endpoint| endpoint.signer.as_ref());
        let signer = signer.filter(|signer| started.is_some_and(|started| started >= signer.active_from()));
        let request = DeliveryRequest {
            delivery: detail.delivery.id,
            event: &detail.delivery.event,
            kind: &detail.delivery.kind,
            subdomain: &detail.subdomain,
            envelope: &detail.body,
        };
        Ok(request.headers(signer, started.unwrap_or_default()))
    }

    /// What is wrong with a URL, in the words that registering it would use; nothing if it may be
    /// registered.
    pub async fn url_problems(&self, admin: &Admin, url: &str) -> Result<Vec<Issue>> {
        admin.require(Scope::WebhooksWrite)?;
        let json = serde_json::json!({ "url": url }).to_string();
        let mut body = Body::parse(json.as_bytes())?;
        let url = body.required("url", EndpointUrl::parse);
        self.check_url(admin, &mut body, url.as_ref()).await;
        match body.finish(url) {
            Err(ActionError::InvalidBody(issues)) => Ok(issues),
            read => read.map(|_| Vec::new()),
        }
    }
}
