//! The ledger's port: what the rooms above may ask, whichever database answers.

use std::sync::Arc;

use async_trait::async_trait;
use sellvik_domain::{
    AdminKey, Delivery, DeliveryId, DeliveryStatus, DropReason, Endpoint, EventId, JobId, KeyId, Lane, Name,
    PanelSession, Patch, Shop, ShopId, Subdomain, Timestamp, Webhook, WebhookHour, WebhookId, WebhookPatch,
    WebhookSecret,
};

use crate::{
    ClaimLane, Claimed, DeliveryDetail, DeliverySearch, Found, Job, Lease, Leased, NewEvent, NewPanelSession,
    NewWebhook, Published, Settlement, Settling, StoreError, Waiting, Window,
};

/// The result of a ledger operation.
pub type Result<T> = std::result::Result<T, StoreError>;

/// What the ledger hands to dispatch after a commit, and asks it before one.
pub trait Intake: Send + Sync {
    /// Whether this lane of this shop takes one more delivery of so many bytes straight away. A yes holds
    /// the room until [`Intake::hand_over`] or [`Intake::cancel`].
    fn reserve(&self, shop: ShopId, lane: Lane, bytes: usize) -> bool;
    /// Gives back room that [`Intake::reserve`] held: the commit failed.
    fn cancel(&self, lane: Lane, bytes: usize);
    /// Deliveries that were just committed, leased to this node, in reserved room.
    fn hand_over(&self, leased: Vec<Leased>);
    /// Deliveries of these lanes were just committed and wait in the ledger, due at these moments.
    fn waiting(&self, lanes: &[(Lane, Timestamp)]);
    /// What an attempt needs to know of this lane's endpoint has changed.
    fn changed(&self, lane: Lane);
    /// So may that of every other lane: for a while nobody could tell.
    fn all_changed(&self);
    /// A redelivery job was just made.
    fn job_made(&self);
}

/// The ledger. Every operation is a sentence of the contract; no transaction leaves the room.
#[async_trait]
pub trait Store: Send + Sync {
    /// Who is told of commits. Until this is called, published deliveries wait in the ledger.
    fn attach(&self, intake: Arc<dyn Intake>);

    /// Ends the ledger: what is queued is written, everything asked later is refused, and the data is free
    /// for another process when this returns, whoever still holds a handle.
    async fn close(&self);

    /// Whether the ledger can be read, and the last write succeeded.
    async fn ping(&self) -> Result<()>;

    // Shops and keys.

    /// Creates a shop; [`StoreError::SubdomainTaken`].
    async fn shop_create(&self, shop: Shop) -> Result<()>;
    /// The shop, if there is one.
    async fn shop_get(&self, id: ShopId) -> Result<Option<Shop>>;
    /// Shops, newest first, behind `after`; each with its position.
    async fn shop_list(&self, after: Option<i64>, limit: u32) -> Result<Vec<(i64, Shop)>>;
    /// Changes a shop; [`StoreError::SubdomainTaken`].
    async fn shop_update(
        &self,
        id: ShopId,
        subdomain: Option<Subdomain>,
        name: Patch<Name>,
    ) -> Result<Option<Shop>>;
    /// Keeps a key by the SHA-256 of its plaintext.
    async fn key_create(&self, key: AdminKey, hash: [u8; 32]) -> Result<()>;
    /// The living key of this hash, with its shop.
    async fn key_find(&self, hash: [u8; 32]) -> Result<Option<(AdminKey, Shop)>>;
    /// A shop's living keys, newest first, behind `after`.
    async fn key_list(&self, shop: ShopId, after: Option<KeyId>, limit: u32) -> Result<Vec<AdminKey>>;
    /// Ends a key; false if the shop has no such living key.
    async fn key_revoke(&self, shop: ShopId, id: KeyId, at: Timestamp) -> Result<bool>;
    /// Takes a request of a key, unless it has had [`REQUESTS_MAX`](crate::REQUESTS_MAX) within the minute: then
    /// the moment from which one is taken again (CONTRACT §2).
    async fn key_take_request(&self, id: KeyId, now: Timestamp)
    -> Result<std::result::Result<(), Timestamp>>;
    /// Notes that a key was used.
    async fn key_touch(&self, id: KeyId, at: Timestamp) -> Result<()>;

    // The panel: links and sessions, by the SHA-256 of their tokens.

    /// Keeps a one-time link to a shop's panel; [`StoreError::ShopUnknown`].
    async fn panel_link_create(&self, shop: ShopId, link: NewPanelSession, now: Timestamp) -> Result<()>;
    /// Uses up a shop's link and makes a session of it; none if there is no such link any more.
    async fn panel_link_redeem(
        &self,
        shop: ShopId,
        link: [u8; 32],
        session: [u8; 32],
        session_ends: Timestamp,
        now: Timestamp,
    ) -> Result<Option<PanelSession>>;
    /// The session, if it has not ended.
    async fn panel_session_find(&self, hash: [u8; 32], now: Timestamp) -> Result<Option<PanelSession>>;
    /// Ends a session.
    async fn panel_session_end(&self, hash: [u8; 32]) -> Result<()>;
    /// Ends all of a shop's sessions and links.
    async fn panel_sessions_end(&self, shop: ShopId) -> Result<()>;

    // Webhooks: always of one shop; deleted ones do not exist.

    /// Registers; [`StoreError::DuplicateEndpoint`], [`StoreError::WebhookLimit`].
    async fn webhook_create(&self, new: NewWebhook) -> Result<()>;
    /// The webhook, if the shop has it.
    async fn webhook_get(&self, shop: ShopId, id: WebhookId) -> Result<Option<Webhook>>;
    /// The webhook's lane, if the shop has it.
    async fn webhook_lane(&self, shop: ShopId, id: WebhookId) -> Result<Option<Lane>>;
    /// The shop's webhooks, newest first, behind `after`.
    async fn webhook_list(&self, shop: ShopId, after: Option<WebhookId>, limit: u32) -> Result<Vec<Webhook>>;
    /// Changes; [`StoreError::DuplicateEndpoint`]. Re-enabling clears `failureCount`.
    async fn webhook_update(
        &self,
        shop: ShopId,
        id: WebhookId,
        patch: WebhookPatch,
        now: Timestamp,
    ) -> Result<Option<Webhook>>;
    /// Deletes at `now`; what is queued goes on until `drain_ends`.
    async fn webhook_delete(
        &self,
        shop: ShopId,
        id: WebhookId,
        now: Timestamp,
        drain_ends: Timestamp,
    ) -> Result<bool>;
    /// Replaces the secret from `active_from` on; the one active at `now` becomes the replaced one.
    async fn webhook_rotate(
        &self,
        shop: ShopId,
        id: WebhookId,
        secret: WebhookSecret,
        now: Timestamp,
        active_from: Timestamp,
    ) -> Result<bool>;

    // Publishing.

    /// Publishes events in one transaction, each with one delivery per subscribed enabled webhook. The
    /// outer error means that nothing was taken; an inner one
    /// ([`StoreError::EventIdConflict`], [`StoreError::ShopUnknown`]) leaves its neighbours alone.
    async fn publish(&self, events: Vec<NewEvent>) -> Result<Vec<Result<Published>>>;
    /// Publishes a test event to one webhook, enabled or not.
    async fn publish_test(&self, webhook: WebhookId, event: NewEvent) -> Result<Option<Delivery>>;

    // Deliveries.

    /// A webhook's deliveries, newest first, behind `after`.
    async fn delivery_list(
        &self,
        shop: ShopId,
        webhook: WebhookId,
        status: Option<DeliveryStatus>,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> Result<Vec<Delivery>>;
    /// A webhook's deliveries that a search asks for, newest first, behind `after`; it looks at a bounded
    /// stretch of them, so that a rare type is searched for in steps.
    async fn delivery_search(
        &self,
        shop: ShopId,
        webhook: WebhookId,
        search: DeliverySearch,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> Result<Found>;
    /// An event's deliveries to a webhook, newest first: the first one, and those made anew.
    async fn delivery_of_event(
        &self,
        shop: ShopId,
        webhook: WebhookId,
        event: EventId,
        limit: u32,
    ) -> Result<Vec<Delivery>>;
    /// What ended within each hour since the one of `since`, oldest first, of each of these webhooks that
    /// the shop has.
    async fn webhook_hours(
        &self,
        shop: ShopId,
        webhooks: Vec<WebhookId>,
        since: Timestamp,
    ) -> Result<Vec<(WebhookId, Vec<WebhookHour>)>>;
    /// One delivery with its body and attempts.
    async fn delivery_get(
        &self,
        shop: ShopId,
        webhook: WebhookId,
        id: DeliveryId,
    ) -> Result<Option<DeliveryDetail>>;
    /// Makes an undecided delivery due now, or a decided one's event a new delivery;
    /// [`StoreError::WebhookDisabled`].
    async fn delivery_redeliver(
        &self,
        shop: ShopId,
        webhook: WebhookId,
        id: DeliveryId,
        now: Timestamp,
        seed: [u8; 10],
    ) -> Result<Option<Delivery>>;

    // Redelivery jobs.

    /// How many deliveries a job over this window would take, at most `cap`.
    async fn job_count(
        &self,
        shop: ShopId,
        webhook: WebhookId,
        window: Window,
        cap: u32,
    ) -> Result<Option<u32>>;
    /// Makes a job over the oldest `cap` of the window; [`StoreError::JobRunning`],
    /// [`StoreError::WebhookDisabled`].
    async fn job_create(
        &self,
        shop: ShopId,
        webhook: WebhookId,
        id: JobId,
        window: Window,
        cap: u32,
        now: Timestamp,
    ) -> Result<Option<Job>>;
    /// The job, if the webhook has it.
    async fn job_get(&self, shop: ShopId, webhook: WebhookId, id: JobId) -> Result<Option<Job>>;
    /// Jobs that have not ended, oldest first, at most `limit`.
    async fn jobs_running(&self, limit: u32) -> Result<Vec<JobId>>;
    /// Takes the next `limit` deliveries of a job; true when it has ended.
    async fn job_step(&self, id: JobId, limit: u32, now: Timestamp, seed: [u8; 10]) -> Result<bool>;

    // Dispatch.

    /// What an attempt needs to know of a lane's webhook, as of now.
    async fn endpoint(&self, lane: Lane) -> Result<Option<Arc<Endpoint>>>;
    /// Lanes behind `after` that have deliveries waiting, in order, each with its earliest due time.
    async fn lanes_waiting(&self, after: Option<Lane>, limit: u32) -> Result<Vec<(Lane, Timestamp)>>;
    /// Leases what is due at `now`, so many per lane: earliest first, but half of them first attempts if
    /// so many wait, however many retries are due before them.
    async fn claim(&self, lanes: Vec<ClaimLane>, now: Timestamp) -> Result<Claimed>;
    /// Prolongs leases; those that are lost are silently left out.
    async fn renew(&self, leases: Vec<Lease>) -> Result<()>;
    /// Frees the deliveries of leases that ran out; says which lanes have something waiting again.
    async fn expire_leases(&self) -> Result<Vec<(Lane, Timestamp)>>;
    /// How many settlements to a write do best: as many as spare a database work, as few as let a publish wait
    /// briefly behind them.
    fn settlements_max(&self) -> usize;
    /// Writes what became of leased deliveries, all in one transaction and each on its own: a lease that was
    /// lost leaves its neighbours alone. The answers are in the order of the settlements.
    async fn settle(&self, settlements: Arc<[Settlement]>) -> Result<Vec<Settling>>;
    /// Drops waiting deliveries of a held lane, at most `limit`; how many there were.
    async fn drop_waiting(
        &self,
        lane: Lane,
        which: Waiting,
        reason: DropReason,
        now: Timestamp,
        limit: u32,
    ) -> Result<u32>;
    /// Erases the secrets of webhooks whose drain has ended, and names their lanes until
    /// [`Store::drain_done`] is said of them.
    async fn drains_ended(&self, now: Timestamp, limit: u32) -> Result<Vec<Lane>>;
    /// Nothing of this lane is left to drop.
    async fn drain_done(&self, lane: Lane) -> Result<()>;

    // Retention.

    /// Removes deliveries made before `cutoff`, and events that nothing needs any more, at most `limit`
    /// of each; true when there may be more.
    async fn purge(&self, cutoff: Timestamp, limit: u32) -> Result<bool>;
}
