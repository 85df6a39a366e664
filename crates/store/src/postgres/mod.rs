//! The ledger in PostgreSQL: any number of nodes share one database, and nothing but it.

mod address;
mod bulk;
mod claim;
mod deliveries;
mod endpoints;
mod entry;
mod jobs;
mod keys;
mod lanes;
mod ledger;
mod listen;
mod open;
mod panel;
mod partitions;
mod publish;
mod publisher;
mod purge;
mod routes;
mod rows;
mod search;
mod session;
mod settle;
mod shops;
mod stretches;
mod sweep;
mod tables;
#[cfg(test)]
mod tests;
mod throttle;
mod webhooks;

use std::sync::Arc;

use async_trait::async_trait;
use deadpool_postgres::Transaction;
use parking_lot::Mutex;
use sellvik_domain::{
    AdminKey, Delivery, DeliveryId, DeliveryStatus, DropReason, Endpoint, EventId, JobId, KeyId, Lane, Name,
    PanelSession, Patch, Shop, ShopId, Subdomain, Timestamp, Webhook, WebhookHour, WebhookId, WebhookPatch,
    WebhookSecret,
};
use tokio::task::JoinSet;

use crate::{
    ClaimLane, Claimed, DeliveryDetail, DeliverySearch, Found, Intake, Job, Lease, NewEvent, NewPanelSession,
    NewWebhook, Published, Result, Settlement, Settling, Store, StoreError, Waiting, Window,
};
use ledger::Ledger;
use listen::Note;
use publisher::Publisher;
use session::{reading, within};

pub use address::PostgresAddress;
pub use open::PostgresSettings;

/// Settlements to a write: each has a transaction's cost to share, and nobody waits for it but the next one.
const SETTLEMENTS_MAX: usize = 512;

/// The ledger in a PostgreSQL database, as one node sees it.
pub struct PostgresStore {
    ledger: Arc<Ledger>,
    publisher: Publisher,
    /// Listening to the other nodes, and talking to them.
    talk: Mutex<JoinSet<()>>,
}

impl PostgresStore {
    /// Tells the other nodes that a webhook changes with this transaction.
    async fn tell_changed(
        &self,
        tx: &Transaction<'_>,
        shop: ShopId,
        lane: Option<Lane>,
    ) -> Result<Option<Lane>> {
        if let Some(lane) = lane {
            listen::tell(&self.ledger, tx, &Note::Webhook(shop, lane)).await?;
        }
        Ok(lane)
    }
}

/// Runs `work` in a transaction that is on disk before its outcome is told.
macro_rules! in_transaction {
    ($self:ident, $tx:ident => $work:expr) => {{
        within(async {
            let mut db = $self.ledger.sessions.get().await?;
            let tx = db.transaction().await?;
            let $tx = &tx;
            let outcome = $work.await?;
            $self.ledger.sessions.commit(tx).await?;
            Ok(outcome)
        })
        .await?
    }};
}

#[async_trait]
impl Store for PostgresStore {
    fn attach(&self, intake: Arc<dyn Intake>) {
        // Attached once, when the service is put together; a second one would not be heard.
        let _ = self.ledger.intake.set(intake);
    }

    fn settlements_max(&self) -> usize {
        SETTLEMENTS_MAX
    }

    async fn close(&self) {
        self.publisher.close().await;
        self.talk.lock().abort_all();
        self.ledger.sessions.close();
    }

    async fn ping(&self) -> Result<()> {
        // A standby answers too, but takes nothing.
        let row = self.ledger.sessions.one("SELECT pg_is_in_recovery()", &[]).await?;
        match row.map(|row| row.try_get(0)).transpose()? {
            Some(false) => Ok(()),
            _ => Err(StoreError::unavailable("the server is a standby")),
        }
    }

    async fn shop_create(&self, shop: Shop) -> Result<()> {
        in_transaction!(self, tx => shops::create(tx, &shop));
        Ok(())
    }

    async fn shop_get(&self, id: ShopId) -> Result<Option<Shop>> {
        shops::get(&self.ledger.sessions, id).await
    }

    async fn shop_list(&self, after: Option<i64>, limit: u32) -> Result<Vec<(i64, Shop)>> {
        shops::list(&self.ledger.sessions, after, limit).await
    }

    async fn shop_update(
        &self,
        id: ShopId,
        subdomain: Option<Subdomain>,
        name: Patch<Name>,
    ) -> Result<Option<Shop>> {
        let updated = in_transaction!(self, tx => async {
            listen::tell(&self.ledger, tx, &Note::Shop(id)).await?;
            shops::update(tx, id, subdomain.as_ref(), &name).await
        });
        self.ledger.routes.forget(id);
        Ok(updated)
    }

    async fn key_create(&self, key: AdminKey, hash: [u8; 32]) -> Result<()> {
        in_transaction!(self, tx => keys::create(tx, &key, &hash));
        Ok(())
    }

    async fn key_find(&self, hash: [u8; 32]) -> Result<Option<(AdminKey, Shop)>> {
        keys::find(&self.ledger.sessions, &hash).await
    }

    async fn key_list(&self, shop: ShopId, after: Option<KeyId>, limit: u32) -> Result<Vec<AdminKey>> {
        keys::list(&self.ledger.sessions, shop, after, limit).await
    }

    async fn key_revoke(&self, shop: ShopId, id: KeyId, at: Timestamp) -> Result<bool> {
        Ok(in_transaction!(self, tx => keys::revoke(tx, shop, id, at)))
    }

    async fn key_take_request(
        &self,
        id: KeyId,
        now: Timestamp,
    ) -> Result<std::result::Result<(), Timestamp>> {
        throttle::take(&self.ledger, id, now).await
    }

    async fn key_touch(&self, id: KeyId, at: Timestamp) -> Result<()> {
        keys::touch(&self.ledger.sessions, id, at).await
    }

    async fn panel_link_create(&self, shop: ShopId, link: NewPanelSession, now: Timestamp) -> Result<()> {
        in_transaction!(self, tx => panel::link_create(tx, shop, &link, now));
        Ok(())
    }

    async fn panel_link_redeem(
        &self,
        shop: ShopId,
        link: [u8; 32],
        session: [u8; 32],
        session_ends: Timestamp,
        now: Timestamp,
    ) -> Result<Option<PanelSession>> {
        Ok(in_transaction!(self, tx => panel::link_redeem(tx, shop, &link, &session, session_ends, now)))
    }

    async fn panel_session_find(&self, hash: [u8; 32], now: Timestamp) -> Result<Option<PanelSession>> {
        panel::session_find(&self.ledger.sessions, &hash, now).await
    }

    async fn panel_session_end(&self, hash: [u8; 32]) -> Result<()> {
        in_transaction!(self, tx => panel::session_end(tx, &hash));
        Ok(())
    }

    async fn panel_sessions_end(&self, shop: ShopId) -> Result<()> {
        in_transaction!(self, tx => panel::sessions_end(tx, shop));
        Ok(())
    }

    async fn webhook_create(&self, new: NewWebhook) -> Result<()> {
        in_transaction!(self, tx => async {
            listen::tell(&self.ledger, tx, &Note::Shop(new.webhook.shop)).await?;
            webhooks::create(tx, &self.ledger.sealer, &new).await
        });
        self.ledger.routes.forget(new.webhook.shop);
        Ok(())
    }

    async fn webhook_get(&self, shop: ShopId, id: WebhookId) -> Result<Option<Webhook>> {
        webhooks::get(&self.ledger.sessions, shop, id).await
    }

    async fn webhook_lane(&self, shop: ShopId, id: WebhookId) -> Result<Option<Lane>> {
        Ok(lanes::lane(&self.ledger.sessions, shop, id).await?.map(|found| found.lane))
    }

    async fn webhook_list(&self, shop: ShopId, after: Option<WebhookId>, limit: u32) -> Result<Vec<Webhook>> {
        webhooks::list(&self.ledger.sessions, shop, after, limit).await
    }

    async fn webhook_update(
        &self,
        shop: ShopId,
        id: WebhookId,
        patch: WebhookPatch,
        now: Timestamp,
    ) -> Result<Option<Webhook>> {
        let updated = in_transaction!(self, tx => async {
            let updated = webhooks::update(tx, shop, id, &patch, now).await?;
            self.tell_changed(tx, shop, updated.as_ref().map(|(lane, _)| *lane)).await?;
            Ok::<_, StoreError>(updated)
        });
        Ok(updated.map(|(lane, webhook)| {
            self.ledger.changed(shop, lane);
            webhook
        }))
    }

    async fn webhook_delete(
        &self,
        shop: ShopId,
        id: WebhookId,
        now: Timestamp,
        drain_ends: Timestamp,
    ) -> Result<bool> {
        let deleted = in_transaction!(self, tx => async {
            let lane = webhooks::delete(tx, shop, id, now, drain_ends).await?;
            self.tell_changed(tx, shop, lane).await
        });
        if let Some(lane) = deleted {
            self.ledger.changed(shop, lane);
        }
        Ok(deleted.is_some())
    }

    async fn webhook_rotate(
        &self,
        shop: ShopId,
        id: WebhookId,
        secret: WebhookSecret,
        now: Timestamp,
        active_from: Timestamp,
    ) -> Result<bool> {
        let sealer = &self.ledger.sealer;
        let rotated = in_transaction!(self, tx => async {
            let lane = webhooks::rotate(tx, sealer, (shop, id), &secret, now, active_from).await?;
            self.tell_changed(tx, shop, lane).await
        });
        if let Some(lane) = rotated {
            self.ledger.changed(shop, lane);
        }
        Ok(rotated.is_some())
    }

    async fn publish(&self, events: Vec<NewEvent>) -> Result<Vec<Result<Published>>> {
        self.publisher.publish(events).await
    }

    async fn publish_test(&self, webhook: WebhookId, event: NewEvent) -> Result<Option<Delivery>> {
        within(publish::test(&self.ledger, webhook, &event)).await
    }

    async fn delivery_list(
        &self,
        shop: ShopId,
        webhook: WebhookId,
        status: Option<DeliveryStatus>,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> Result<Vec<Delivery>> {
        deliveries::list(&self.ledger, shop, webhook, status, after, limit).await
    }

    async fn delivery_search(
        &self,
        shop: ShopId,
        webhook: WebhookId,
        search: DeliverySearch,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> Result<Found> {
        reading(search::search(&self.ledger, shop, webhook, &search, after, limit)).await
    }

    async fn delivery_of_event(
        &self,
        shop: ShopId,
        webhook: WebhookId,
        event: EventId,
        limit: u32,
    ) -> Result<Vec<Delivery>> {
        search::of_event(&self.ledger, shop, webhook, event.as_str(), limit).await
    }

    async fn webhook_hours(
        &self,
        shop: ShopId,
        webhooks: Vec<WebhookId>,
        since: Timestamp,
    ) -> Result<Vec<(WebhookId, Vec<WebhookHour>)>> {
        search::hours(&self.ledger, shop, &webhooks, since).await
    }

    async fn delivery_get(
        &self,
        shop: ShopId,
        webhook: WebhookId,
        id: DeliveryId,
    ) -> Result<Option<DeliveryDetail>> {
        reading(deliveries::get(&self.ledger, shop, webhook, id)).await
    }

    async fn delivery_redeliver(
        &self,
        shop: ShopId,
        webhook: WebhookId,
        id: DeliveryId,
        now: Timestamp,
        seed: [u8; 10],
    ) -> Result<Option<Delivery>> {
        within(deliveries::redeliver(&self.ledger, shop, webhook, id, now, seed)).await
    }

    async fn job_count(
        &self,
        shop: ShopId,
        webhook: WebhookId,
        window: Window,
        cap: u32,
    ) -> Result<Option<u32>> {
        jobs::count(&self.ledger, shop, webhook, window, cap).await
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
        let made = in_transaction!(self, tx => jobs::create(tx, (shop, webhook), id, window, cap, now));
        if let Some(intake) = self.ledger.intake.get() {
            intake.job_made();
        }
        Ok(made)
    }

    async fn job_get(&self, shop: ShopId, webhook: WebhookId, id: JobId) -> Result<Option<Job>> {
        jobs::get(&self.ledger, shop, webhook, id).await
    }

    async fn jobs_running(&self, limit: u32) -> Result<Vec<JobId>> {
        jobs::running(&self.ledger, limit).await
    }

    async fn job_step(&self, id: JobId, limit: u32, now: Timestamp, seed: [u8; 10]) -> Result<bool> {
        jobs::step(&self.ledger, id, limit, now, seed).await
    }

    async fn endpoint(&self, lane: Lane) -> Result<Option<Arc<Endpoint>>> {
        endpoints::get(&self.ledger, lane).await
    }

    async fn lanes_waiting(&self, after: Option<Lane>, limit: u32) -> Result<Vec<(Lane, Timestamp)>> {
        claim::lanes_waiting(&self.ledger, after, limit).await
    }

    async fn claim(&self, lanes: Vec<ClaimLane>, now: Timestamp) -> Result<Claimed> {
        claim::claim(&self.ledger, &lanes, now).await
    }

    async fn renew(&self, leases: Vec<Lease>) -> Result<()> {
        claim::renew(&self.ledger, &leases).await
    }

    async fn expire_leases(&self) -> Result<Vec<(Lane, Timestamp)>> {
        claim::expire(&self.ledger).await
    }

    async fn settle(&self, settlements: Arc<[Settlement]>) -> Result<Vec<Settling>> {
        settle::settle(&self.ledger, &settlements).await
    }

    async fn drop_waiting(
        &self,
        lane: Lane,
        which: Waiting,
        reason: DropReason,
        now: Timestamp,
        limit: u32,
    ) -> Result<u32> {
        sweep::drop_waiting(&self.ledger, lane, which, reason, now, limit).await
    }

    async fn drains_ended(&self, now: Timestamp, limit: u32) -> Result<Vec<Lane>> {
        sweep::end_drains(&self.ledger, now, limit).await
    }

    async fn drain_done(&self, lane: Lane) -> Result<()> {
        sweep::drain_done(&self.ledger, lane).await
    }

    async fn purge(&self, cutoff: Timestamp, limit: u32) -> Result<bool> {
        purge::purge(&self.ledger, cutoff, limit).await
    }
}
