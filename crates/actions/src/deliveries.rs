//! Looking at deliveries, and sending test events (CONTRACT §3).

use std::sync::Arc;

use sellvik_domain::{
    Delivery, DeliveryId, DeliveryStatus, EventId, EventType, Issue, WebhookId, fingerprint,
};
use sellvik_store::{DeliveryDetail, NewEvent};

use crate::access::Admin;
use crate::body::{Body, quoted};
use crate::error::{ActionError, Result};
use crate::pages::parameter;
use crate::{Actions, Page};

/// A test event on its way.
#[derive(Debug)]
pub struct TestEvent {
    /// Its id, which starts with `evt_test_`.
    pub id: EventId,
    /// Its one delivery.
    pub delivery: Delivery,
}

impl Actions {
    /// A webhook's deliveries, newest first.
    pub async fn delivery_list(&self, admin: &Admin, id: &str, query: &str) -> Result<Page<Delivery>> {
        let webhook = self.webhook_get(admin, id).await?.id;
        let text = parameter(query, "status");
        let status = text.as_deref().and_then(DeliveryStatus::parse);
        let mut issues = Vec::new();
        if text.is_some() && status.is_none() {
            issues.push(Issue::field("status", "must be one of pending, succeeded, failed, dropped"));
        }
        let filter = status.map_or("", DeliveryStatus::as_str);
        let list = format!("deliveries/{}/{webhook}?status={filter}", admin.shop_id());
        let asked = self.asked(query, list, issues)?;
        let after = asked.id().map(DeliveryId::from_bytes);
        let items =
            self.store.delivery_list(admin.shop_id(), webhook, status, after, asked.to_read()).await?;
        Ok(self.page(&asked, items, |delivery| delivery.id.as_bytes().to_vec()))
    }

    /// One delivery with its body and attempts.
    pub async fn delivery_get(&self, admin: &Admin, webhook: &str, id: &str) -> Result<DeliveryDetail> {
        let webhook = self.webhook_get(admin, webhook).await?.id;
        let id = id.parse().map_err(|_| ActionError::NotFound)?;
        self.store.delivery_get(admin.shop_id(), webhook, id).await?.ok_or(ActionError::NotFound)
    }

    /// Sends the catalogue's example of an event type, marked as a test: one attempt.
    pub async fn webhook_test(&self, admin: &Admin, webhook: WebhookId, bytes: &[u8]) -> Result<TestEvent> {
        let mut body = Body::parse(bytes)?;
        if !body.has("event") {
            body.missing("event");
        }
        let entry = body.string("event").and_then(|name| {
            let known = self.catalog.get(&name);
            if known.is_none() {
                let message = format!("{} is not an event type; see the event catalogue", quoted(&name));
                body.reject(Issue::field("event", message));
            }
            known
        });
        let entry = body.finish(entry)?;
        let kind = EventType::parse(entry.name()).ok_or(ActionError::NotFound)?;
        let now = self.world.now();
        let id = EventId::new_test(now, self.world.random());
        let data = serde_json::value::to_raw_value(entry.example())
            .map_err(|_| ActionError::InvalidBody(vec![Issue::field("event", "has no example")]))?;
        let event = NewEvent {
            shop: admin.shop_id(),
            id: id.clone(),
            fingerprint: fingerprint(&kind, entry.example()),
            kind,
            created_at: now,
            accepted_at: now,
            data: Arc::from(data),
            seed: self.world.random(),
        };
        let delivery = self.store.publish_test(webhook, event).await?.ok_or(ActionError::NotFound)?;
        Ok(TestEvent { id, delivery })
    }
}
