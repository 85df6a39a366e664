//! A ledger that knows one shop and keeps published events until they are looked at.

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use sellvik_domain::{
    AdminKey, Delivery, DeliveryId, DeliveryStatus, DropReason, Endpoint, EventId, JobId, KeyId, Lane, Name,
    PanelSession, Patch, Shop, ShopId, Subdomain, Timestamp, Webhook, WebhookHour, WebhookId, WebhookPatch,
    WebhookSecret,
};
use sellvik_store::{
    ClaimLane, Claimed, DeliveryDetail, DeliverySearch, Found, Intake, Job, Lease, NewEvent, NewPanelSession,
    NewWebhook, Published, Result, Settlement, Settling, Store, StoreError, Waiting, Window,
};

pub(crate) struct Ledger {
    pub(crate) shop: Shop,
    published: Mutex<Vec<NewEvent>>,
}

impl Ledger {
    pub(crate) fn of(shop: Shop) -> Self {
        Self { shop, published: Mutex::default() }
    }

    /// What was published since the last time.
    pub(crate) fn take(&self) -> Vec<NewEvent> {
        std::mem::take(&mut self.published.lock())
    }
}

/// The port with what publishing asks of it, and a refusal of everything else.
macro_rules! store {
    ({$($kept:tt)*} refuses {$($name:ident($($of:ty),*) -> $out:ty;)*}) => {
        #[async_trait]
        impl Store for Ledger {
            $($kept)*
            $(async fn $name(&self, $(_: $of),*) -> Result<$out> {
                Err(StoreError::Unavailable(concat!(stringify!($name), " is not for publishing").into()))
            })*
        }
    };
}

store! {
{
    fn attach(&self, _: Arc<dyn Intake>) {}

    fn settlements_max(&self) -> usize {
        1
    }

    async fn close(&self) {}

    async fn ping(&self) -> Result<()> {
        Ok(())
    }

    async fn shop_get(&self, id: ShopId) -> Result<Option<Shop>> {
        Ok((id == self.shop.id).then(|| self.shop.clone()))
    }

    async fn publish(&self, events: Vec<NewEvent>) -> Result<Vec<Result<Published>>> {
        Ok(events.into_iter().map(|event| {
            if event.shop != self.shop.id {
                return Err(StoreError::ShopUnknown);
            }
            let published = Published { id: event.id.clone(), deliveries: 0, duplicate: false };
            self.published.lock().push(event);
            Ok(published)
        }).collect())
    }
}
refuses {
    shop_create(Shop) -> ();
    shop_list(Option<i64>, u32) -> Vec<(i64, Shop)>;
    shop_update(ShopId, Option<Subdomain>, Patch<Name>) -> Option<Shop>;
    key_create(AdminKey, [u8; 32]) -> ();
    key_find([u8; 32]) -> Option<(AdminKey, Shop)>;
    key_list(ShopId, Option<KeyId>, u32) -> Vec<AdminKey>;
    key_revoke(ShopId, KeyId, Timestamp) -> bool;
    key_take_request(KeyId, Timestamp) -> std::result::Result<(), Timestamp>;
    key_touch(KeyId, Timestamp) -> ();
    panel_link_create(ShopId, NewPanelSession, Timestamp) -> ();
    panel_link_redeem(ShopId, [u8; 32], [u8; 32], Timestamp, Timestamp) -> Option<PanelSession>;
    panel_session_find([u8; 32], Timestamp) -> Option<PanelSession>;
    panel_session_end([u8; 32]) -> ();
    panel_sessions_end(ShopId) -> ();
    webhook_create(NewWebhook) -> ();
    webhook_get(ShopId, WebhookId) -> Option<Webhook>;
    webhook_lane(ShopId, WebhookId) -> Option<Lane>;
    webhook_list(ShopId, Option<WebhookId>, u32) -> Vec<Webhook>;
    webhook_update(ShopId, WebhookId, WebhookPatch, Timestamp) -> Option<Webhook>;
    webhook_delete(ShopId, WebhookId, Timestamp, Timestamp) -> bool;
    webhook_rotate(ShopId, WebhookId, WebhookSecret, Timestamp, Timestamp) -> bool;
    publish_test(WebhookId, NewEvent) -> Option<Delivery>;
    delivery_list(ShopId, WebhookId, Option<DeliveryStatus>, Option<DeliveryId>, u32) -> Vec<Delivery>;
    delivery_search(ShopId, WebhookId, DeliverySearch, Option<DeliveryId>, u32) -> Found;
    delivery_of_event(ShopId, WebhookId, EventId, u32) -> Vec<Delivery>;
    webhook_hours(ShopId, Vec<WebhookId>, Timestamp) -> Vec<(WebhookId, Vec<WebhookHour>)>;
    delivery_get(ShopId, WebhookId, DeliveryId) -> Option<DeliveryDetail>;
    delivery_redeliver(ShopId, WebhookId, DeliveryId, Timestamp, [u8; 10]) -> Option<Delivery>;
    job_count(ShopId, WebhookId, Window, u32) -> Option<u32>;
    job_create(ShopId, WebhookId, JobId, Window, u32, Timestamp) -> Option<Job>;
    job_get(ShopId, WebhookId, JobId) -> Option<Job>;
    jobs_running(u32) -> Vec<JobId>;
    job_step(JobId, u32, Timestamp, [u8; 10]) -> bool;
    endpoint(Lane) -> Option<Arc<Endpoint>>;
    lanes_waiting(Option<Lane>, u32) -> Vec<(Lane, Timestamp)>;
    claim(Vec<ClaimLane>, Timestamp) -> Claimed;
    renew(Vec<Lease>) -> ();
    expire_leases() -> Vec<(Lane, Timestamp)>;
    settle(Arc<[Settlement]>) -> Vec<Settling>;
    drop_waiting(Lane, Waiting, DropReason, Timestamp, u32) -> u32;
    drains_ended(Timestamp, u32) -> Vec<Lane>;
    drain_done(Lane) -> ();
    purge(Timestamp, u32) -> bool;
}
}
