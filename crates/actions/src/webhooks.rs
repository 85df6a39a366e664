//! A shop's webhooks (CONTRACT §3).

use std::time::Duration;

use sellvik_domain::{
    EndpointUrl, EventType, Issue, Patch, Scope, Timestamp, Webhook, WebhookId, WebhookPatch, WebhookSecret,
};
use sellvik_egress::Vetting;
use sellvik_store::NewWebhook;

use crate::access::Admin;
use crate::body::{Body, quoted};
use crate::error::{ActionError, Result};
use crate::{Actions, CatalogEntry, Page};

const HTTP_REJECTED: &str = "must use https; http:// is only for dev shops";
const ADDRESS_REFUSED: &str = "must point to a public address";

/// A webhook just made, with its secret: shown this once.
#[derive(Debug)]
pub struct Created {
    /// The webhook.
    pub webhook: Webhook,
    /// Its secret.
    pub secret: WebhookSecret,
}

/// A secret just made: shown this once.
#[derive(Debug)]
pub struct Rotated {
    /// The secret.
    pub secret: WebhookSecret,
    /// From when on it signs.
    pub active_from: Timestamp,
}

impl Actions {
    /// Registers a webhook.
    pub async fn webhook_create(&self, admin: &Admin, bytes: &[u8]) -> Result<Created> {
        admin.require(Scope::WebhooksWrite)?;
        let now = self.world.now();
        let mut body = Body::parse(bytes)?;
        let name = body.name().apply(None);
        let url = body.required("url", EndpointUrl::parse);
        let events = self.events(&mut body, true);
        let http_only = self.check_url(admin, &mut body, url.as_ref()).await;
        let read = url.zip(events);
        let (url, events) = finish_url(body, http_only, read)?;
        let webhook = Webhook {
            id: WebhookId::new(now, self.world.random()),
            shop: admin.shop_id(),
            name,
            url,
            events,
            enabled: true,
            failure_count: 0,
            last_delivery_at: None,
            created_at: now,
        };
        let secret = WebhookSecret::new(&self.world.random());
        let new = NewWebhook {
            webhook: webhook.clone(),
            secret: secret.clone(),
            limit: self.settings.webhooks_per_shop,
        };
        self.store.webhook_create(new).await?;
        Ok(Created { webhook, secret })
    }

    /// One webhook.
    pub async fn webhook_get(&self, admin: &Admin, id: &str) -> Result<Webhook> {
        admin.require(Scope::WebhooksRead)?;
        self.webhook_of(admin, id).await
    }

    /// The shop's webhooks, newest first.
    pub async fn webhook_list(&self, admin: &Admin, query: &str) -> Result<Page<Webhook>> {
        admin.require(Scope::WebhooksRead)?;
        let asked = self.asked(query, format!("webhooks/{}", admin.shop_id()), Vec::new())?;
        let after = asked.id().map(WebhookId::from_bytes);
        let items = self.store.webhook_list(admin.shop_id(), after, asked.to_read()).await?;
        Ok(self.page(&asked, items, |webhook| webhook.id.as_bytes().to_vec()))
    }

    /// Refuses unless the key may write and the webhook is the shop's: what stands before reading a body.
    pub async fn webhook_writable(&self, admin: &Admin, id: &str) -> Result<WebhookId> {
        admin.require(Scope::WebhooksWrite)?;
        Ok(self.webhook_of(admin, id).await?.id)
    }

    /// Changes any subset of a webhook's fields; the secret stays.
    pub async fn webhook_update(&self, admin: &Admin, id: WebhookId, bytes: &[u8]) -> Result<Webhook> {
        let mut body = Body::parse(bytes)?;
        let name: Patch<_> = body.name();
        let url = body.parsed("url", EndpointUrl::parse);
        let events = self.events(&mut body, false);
        let enabled = body.boolean("enabled");
        let http_only = self.check_url(admin, &mut body, url.as_ref()).await;
        let patch = finish_url(body, http_only, Some(WebhookPatch { name, url, events, enabled }))?;
        let updated = self.store.webhook_update(admin.shop_id(), id, patch, self.world.now()).await?;
        updated.ok_or(ActionError::NotFound)
    }

    /// Deletes a webhook; what is queued goes on draining.
    pub async fn webhook_delete(&self, admin: &Admin, id: &str) -> Result<()> {
        let id = self.webhook_writable(admin, id).await?;
        let now = self.world.now();
        let drain_ends = now.after(self.settings.drain_after_delete);
        let deleted = self.store.webhook_delete(admin.shop_id(), id, now, drain_ends).await?;
        if deleted { Ok(()) } else { Err(ActionError::NotFound) }
    }

    /// Replaces a webhook's secret, at once or in up to a day.
    pub async fn webhook_rotate(&self, admin: &Admin, id: WebhookId, bytes: &[u8]) -> Result<Rotated> {
        // Every field is optional, so there may be no body at all.
        let mut body = Body::parse(if bytes.is_empty() { b"{}" } else { bytes })?;
        let seconds = body.integer("activateIn", 0, 86_400).unwrap_or(0);
        body.finish(Some(()))?;
        let now = self.world.now();
        let active_from = now.after(Duration::from_secs(seconds));
        let secret = WebhookSecret::new(&self.world.random());
        let rotated =
            self.store.webhook_rotate(admin.shop_id(), id, secret.clone(), now, active_from).await?;
        if rotated { Ok(Rotated { secret, active_from }) } else { Err(ActionError::NotFound) }
    }

    /// The catalogue, by name.
    pub fn event_types(&self, admin: &Admin, query: &str) -> Result<Page<&CatalogEntry>> {
        admin.require(Scope::WebhooksRead)?;
        let asked = self.asked(query, format!("event-types/{}", admin.shop_id()), Vec::new())?;
        let behind = asked.position.as_deref().unwrap_or_default();
        let items = self.catalog.iter().filter(|entry| entry.name().as_bytes() > behind);
        let items = items.take(asked.to_read() as usize).collect();
        Ok(self.page(&asked, items, |entry| entry.name().as_bytes().to_vec()))
    }

    /// The whole catalogue, by name: it is the same for every shop, and no secret.
    pub fn catalogue(&self) -> impl Iterator<Item = &CatalogEntry> {
        self.catalog.iter()
    }

    pub(crate) async fn webhook_of(&self, admin: &Admin, id: &str) -> Result<Webhook> {
        let id = id.parse().map_err(|_| ActionError::NotFound)?;
        self.store.webhook_get(admin.shop_id(), id).await?.ok_or(ActionError::NotFound)
    }

    fn events(&self, body: &mut Body<'_>, required: bool) -> Option<Vec<EventType>> {
        if required && !body.has("events") {
            body.missing("events");
        }
        body.set("events", |name| {
            let known = self.catalog.get(name).and_then(|entry| EventType::parse(entry.name()));
            known.ok_or_else(|| format!("{} is not an event type; see the event catalogue", quoted(name)))
        })
    }

    /// The rules for a URL that need the shop and DNS. True if it is plain http where it must not be
    /// and nothing else was wrong so far: that has a code of its own.
    pub(crate) async fn check_url(
        &self,
        admin: &Admin,
        body: &mut Body<'_>,
        url: Option<&EndpointUrl>,
    ) -> bool {
        let Some(url) = url else { return false };
        if self.egress.vet(url).await == Vetting::Refused {
            body.reject(Issue::field("url", ADDRESS_REFUSED));
        }
        let http = !url.is_https() && !admin.shop.dev;
        let only = http && body.is_clean();
        if http {
            body.reject(Issue::field("url", HTTP_REJECTED));
        }
        only
    }
}

fn finish_url<T>(body: Body<'_>, http_only: bool, read: Option<T>) -> Result<T> {
    if http_only { Err(ActionError::HttpUrlRejected) } else { body.finish(read) }
}
