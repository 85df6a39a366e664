//! The embedded ledger: one SQLite file, one writer thread that commits for many, a few readers.

mod batch;
mod checkpoint;
mod claim;
mod deliveries;
mod endpoints;
mod inspect;
mod jobs;
mod keys;
mod lanes;
mod leases;
mod open;
mod panel;
mod publish;
mod purge;
mod queue;
mod readers;
mod routes;
mod rows;
mod schema;
mod search;
mod settle;
mod shops;
mod sweep;
#[cfg(test)]
mod tests;
mod waiting;
mod wal;
mod webhooks;
mod writer;

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::Mutex;
use sellvik_domain::{
    AdminKey, Delivery, DeliveryId, DeliveryStatus, DropReason, Endpoint, EventId, JobId, KeyId, Lane, Name,
    PanelSession, Patch, Shop, ShopId, Subdomain, Timestamp, Webhook, WebhookHour, WebhookId, WebhookPatch,
    WebhookSecret,
};

use crate::endpoints::EndpointCache;
use crate::seal::Sealer;
use crate::throttle::Throttle;
use crate::{
    ClaimLane, Claimed, DeliveryDetail, DeliverySearch, Found, Intake, Job, Lease, NewEvent, NewPanelSession,
    NewWebhook, Published, Result, Settlement, Settling, Store, Waiting, Window,
};
use batch::Batch;
use endpoints::Wanted;
use leases::Leases;
use queue::Haste;
use readers::Readers;
use writer::Writer;

pub use open::{SqliteSettings, holds_secrets};

/// The ledger in a SQLite file. Dropping it ends the writer thread and frees the data folder.
pub struct SqliteStore {
    shared: Arc<Shared>,
    writer: Writer,
    readers: Readers,
    throttle: Throttle,
}

/// Settlements to a write. All writes are one thread's: a publish waits for the one before it.
const SETTLEMENTS_MAX: usize = 64;

/// What the writer thread and the async side both need.
struct Shared {
    sealer: Sealer,
    endpoints: EndpointCache,
    wanted: Wanted,
    lease: Duration,
    leases: Mutex<Leases>,
    /// Leases are about this process's life, so they go by its own steady clock, not by the world's.
    started: Instant,
    /// How far the retention walk over events has come.
    purge_position: AtomicI64,
    /// Held for as long as the ledger is open: two processes must not share a data folder.
    lock: Mutex<Option<std::fs::File>>,
}

impl Shared {
    /// Milliseconds since the ledger was opened.
    fn steady_ms(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// When a lease taken now runs out.
    fn lease_until(&self) -> i64 {
        self.steady_ms().saturating_add(i64::try_from(self.lease.as_millis()).unwrap_or(i64::MAX))
    }
}

impl SqliteStore {
    /// A write that somebody waits for.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Batch<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.write(Haste::Urgent(1), work).await
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn attach(&self, intake: Arc<dyn Intake>) {
        self.writer.attach(intake);
    }

    fn settlements_max(&self) -> usize {
        SETTLEMENTS_MAX
    }

    async fn close(&self) {
        self.writer.close().await;
        self.shared.lock.lock().take();
    }

    async fn ping(&self) -> Result<()> {
        self.writer.healthy()?;
        self.readers.read(|db| Ok(db.query_row("SELECT 1", [], |_| Ok(()))?)).await
    }

    async fn shop_create(&self, shop: Shop) -> Result<()> {
        self.write(move |batch| shops::create(batch, &shop)).await
    }

    async fn shop_get(&self, id: ShopId) -> Result<Option<Shop>> {
        self.readers.read(move |db| shops::get(db, id)).await
    }

    async fn shop_list(&self, after: Option<i64>, limit: u32) -> Result<Vec<(i64, Shop)>> {
        self.readers.read(move |db| shops::list(db, after, limit)).await
    }

    async fn shop_update(
        &self,
        id: ShopId,
        subdomain: Option<Subdomain>,
        name: Patch<Name>,
    ) -> Result<Option<Shop>> {
        self.write(move |batch| shops::update(batch, id, subdomain.as_ref(), &name)).await
    }

    async fn key_create(&self, key: AdminKey, hash: [u8; 32]) -> Result<()> {
        self.write(move |batch| keys::create(batch, &key, &hash)).await
    }

    async fn key_find(&self, hash: [u8; 32]) -> Result<Option<(AdminKey, Shop)>> {
        self.readers.read(move |db| keys::find(db, &hash)).await
    }

    async fn key_list(&self, shop: ShopId, after: Option<KeyId>, limit: u32) -> Result<Vec<AdminKey>> {
        self.readers.read(move |db| keys::list(db, shop, after, limit)).await
    }

    async fn key_revoke(&self, shop: ShopId, id: KeyId, at: Timestamp) -> Result<bool> {
        self.write(move |batch| keys::revoke(batch, shop, id, at)).await
    }

    async fn key_take_request(
        &self,
        id: KeyId,
        now: Timestamp,
    ) -> Result<std::result::Result<(), Timestamp>> {
        Ok(self.throttle.take(id, now))
    }

    async fn key_touch(&self, id: KeyId, at: Timestamp) -> Result<()> {
        self.writer.write(Haste::Patient(1), move |batch| keys::touch(batch, id, at)).await
    }

    async fn panel_link_create(&self, shop: ShopId, link: NewPanelSession, now: Timestamp) -> Result<()> {
        self.write(move |batch| panel::link_create(batch, shop, &link, now)).await
    }

    async fn panel_link_redeem(
        &self,
        shop: ShopId,
        link: [u8; 32],
        session: [u8; 32],
        session_ends: Timestamp,
        now: Timestamp,
    ) -> Result<Option<PanelSession>> {
        let redeem =
            move |batch: &mut Batch<'_>| panel::link_redeem(batch, shop, &link, &session, session_ends, now);
        self.write(redeem).await
    }

    async fn panel_session_find(&self, hash: [u8; 32], now: Timestamp) -> Result<Option<PanelSession>> {
        self.readers.read(move |db| panel::session_find(db, &hash, now)).await
    }

    async fn panel_session_end(&self, hash: [u8; 32]) -> Result<()> {
        self.write(move |batch| panel::session_end(batch, &hash)).await
    }

    async fn panel_sessions_end(&self, shop: ShopId) -> Result<()> {
        self.write(move |batch| panel::sessions_end(batch, shop)).await
    }

    async fn webhook_create(&self, new: NewWebhook) -> Result<()> {
        self.write(move |batch| webhooks::create(batch, &new)).await
    }

    async fn webhook_get(&self, shop: ShopId, id: WebhookId) -> Result<Option<Webhook>> {
        self.readers.read(move |db| webhooks::get(db, shop, id)).await
    }

    async fn webhook_lane(&self, shop: ShopId, id: WebhookId) -> Result<Option<Lane>> {
        self.readers.read(move |db| lanes::lane(db, shop, id)).await
    }

    async fn webhook_list(&self, shop: ShopId, after: Option<WebhookId>, limit: u32) -> Result<Vec<Webhook>> {
        self.readers.read(move |db| webhooks::list(db, shop, after, limit)).await
    }

    async fn webhook_update(
        &self,
        shop: ShopId,
        id: WebhookId,
        patch: WebhookPatch,
        now: Timestamp,
    ) -> Result<Option<Webhook>> {
        self.write(move |batch| webhooks::update(batch, shop, id, &patch, now)).await
    }

    async fn webhook_delete(
        &self,
        shop: ShopId,
        id: WebhookId,
        now: Timestamp,
        drain_ends: Timestamp,
    ) -> Result<bool> {
        self.write(move |batch| webhooks::delete(batch, shop, id, now, drain_ends)).await
    }

    async fn webhook_rotate(
        &self,
        shop: ShopId,
        id: WebhookId,
        secret: WebhookSecret,
        now: Timestamp,
        active_from: Timestamp,
    ) -> Result<bool> {
        self.write(move |batch| webhooks::rotate(batch, shop, id, &secret, now, active_from)).await
    }

    async fn publish(&self, events: Vec<NewEvent>) -> Result<Vec<Result<Published>>> {
        self.writer.write(Haste::Urgent(events.len()), move |batch| publish::all(batch, &events)).await
    }

    async fn publish_test(&self, webhook: WebhookId, event: NewEvent) -> Result<Option<Delivery>> {
        self.write(move |batch| publish::test(batch, webhook, &event)).await
    }

    async fn delivery_list(
        &self,
        shop: ShopId,
        webhook: WebhookId,
        status: Option<DeliveryStatus>,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> Result<Vec<Delivery>> {
        self.readers.read(move |db| deliveries::list(db, shop, webhook, status, after, limit)).await
    }

    async fn delivery_search(
        &self,
        shop: ShopId,
        webhook: WebhookId,
        search: DeliverySearch,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> Result<Found> {
        self.readers.read(move |db| search::search(db, shop, webhook, &search, after, limit)).await
    }

    async fn delivery_of_event(
        &self,
        shop: ShopId,
        webhook: WebhookId,
        event: EventId,
        limit: u32,
    ) -> Result<Vec<Delivery>> {
        self.readers.read(move |db| search::of_event(db, shop, webhook, event.as_str(), limit)).await
    }

    async fn webhook_hours(
        &self,
        shop: ShopId,
        webhooks: Vec<WebhookId>,
        since: Timestamp,
    ) -> Result<Vec<(WebhookId, Vec<WebhookHour>)>> {
        self.readers.read(move |db| search::hours(db, shop, &webhooks, since)).await
    }

    async fn delivery_get(
        &self,
        shop: ShopId,
        webhook: WebhookId,
        id: DeliveryId,
    ) -> Result<Option<DeliveryDetail>> {
        self.readers.read(move |db| deliveries::get(db, shop, webhook, id)).await
    }

    async fn delivery_redeliver(
        &self,
        shop: ShopId,
        webhook: WebhookId,
        id: DeliveryId,
        now: Timestamp,
        seed: [u8; 10],
    ) -> Result<Option<Delivery>> {
        self.write(move |batch| deliveries::redeliver(batch, shop, webhook, id, now, seed)).await
    }

    async fn job_count(
        &self,
        shop: ShopId,
        webhook: WebhookId,
        window: Window,
        cap: u32,
    ) -> Result<Option<u32>> {
        self.readers.read(move |db| jobs::count(db, shop, webhook, window, cap)).await
    }

    async fn job_create(
        &self,
        shop: ShopId,
        webhook: WebhookId,
        id: JobId,
        window: Window,
        cap: u32,
        now: Timestamp,
    ) -> Result<Option<Job>> {
        self.write(move |batch| jobs::create(batch, shop, webhook, id, window, cap, now)).await
    }

    async fn job_get(&self, shop: ShopId, webhook: WebhookId, id: JobId) -> Result<Option<Job>> {
        self.readers.read(move |db| jobs::get(db, shop, webhook, id)).await
    }

    async fn jobs_running(&self, limit: u32) -> Result<Vec<JobId>> {
        self.readers.read(move |db| jobs::running(db, limit)).await
    }

    async fn job_step(&self, id: JobId, limit: u32, now: Timestamp, seed: [u8; 10]) -> Result<bool> {
        let step = move |batch: &mut Batch<'_>| jobs::step(batch, id, limit, now, seed);
        self.writer.write(Haste::Patient(limit as usize), step).await
    }

    async fn endpoint(&self, lane: Lane) -> Result<Option<Arc<Endpoint>>> {
        endpoints::get(&self.shared, &self.readers, lane).await
    }

    async fn lanes_waiting(&self, after: Option<Lane>, limit: u32) -> Result<Vec<(Lane, Timestamp)>> {
        let shared = self.shared.clone();
        self.readers.read(move |db| waiting::lanes(db, &shared.leases, after, limit)).await
    }

    async fn claim(&self, lanes: Vec<ClaimLane>, now: Timestamp) -> Result<Claimed> {
        let many = lanes.iter().map(|lane| lane.count as usize).sum();
        self.writer.write(Haste::Patient(many), move |batch| claim::claim(batch, &lanes, now)).await
    }

    async fn renew(&self, leases: Vec<Lease>) -> Result<()> {
        let renew = move |batch: &mut Batch<'_>| {
            claim::renew(batch, &leases);
            Ok(())
        };
        self.writer.write(Haste::Patient(1), renew).await
    }

    async fn expire_leases(&self) -> Result<Vec<(Lane, Timestamp)>> {
        self.writer.write(Haste::Patient(1), |batch| claim::expire(batch)).await
    }

    async fn settle(&self, settlements: Arc<[Settlement]>) -> Result<Vec<Settling>> {
        let many = Haste::Patient(settlements.len());
        self.writer.write(many, move |batch| settle::settle_all(batch, &settlements)).await
    }

    async fn drop_waiting(
        &self,
        lane: Lane,
        which: Waiting,
        reason: DropReason,
        now: Timestamp,
        limit: u32,
    ) -> Result<u32> {
        let sweep = move |batch: &mut Batch<'_>| sweep::drop_waiting(batch, lane, which, reason, now, limit);
        self.writer.write(Haste::Patient(limit as usize), sweep).await
    }

    async fn drains_ended(&self, now: Timestamp, limit: u32) -> Result<Vec<Lane>> {
        // Asked often and hardly ever so: a look costs no commit.
        if self.readers.read(move |db| sweep::drains_ended(db, now, 1)).await?.is_empty() {
            return Ok(Vec::new());
        }
        self.writer
            .write(Haste::Patient(limit as usize), move |batch| sweep::end_drains(batch, now, limit))
            .await
    }

    async fn drain_done(&self, lane: Lane) -> Result<()> {
        self.writer.write(Haste::Patient(1), move |batch| sweep::drain_done(batch, lane)).await
    }

    async fn purge(&self, cutoff: Timestamp, limit: u32) -> Result<bool> {
        self.writer
            .write(Haste::Patient(limit as usize), move |batch| purge::purge(batch, cutoff, limit))
            .await
    }
}
