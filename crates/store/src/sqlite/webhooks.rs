//! Webhooks.

use rusqlite::{Connection, OptionalExtension as _, params};
use sellvik_domain::{
    EndpointUrl, EventType, Name, ShopId, Timestamp, Webhook, WebhookId, WebhookPatch, WebhookSecret,
};

use super::batch::Batch;
use super::{lanes, rows};
use crate::{NewWebhook, Result, StoreError};

pub(super) fn create(batch: &mut Batch<'_>, new: &NewWebhook) -> Result<()> {
    let webhook = &new.webhook;
    let shop: i64 = rows::value(batch.db, "SELECT seq FROM shops WHERE id = ?", [webhook.shop.as_bytes()])?
        .ok_or(StoreError::ShopUnknown)?;
    if is_taken(batch.db, webhook.shop, &webhook.url, webhook.id)? {
        return Err(StoreError::DuplicateEndpoint);
    }
    let many = "SELECT count(*) FROM webhooks WHERE shop = ? AND deleted_at IS NULL";
    if rows::value::<u32>(batch.db, many, [shop])?.unwrap_or(0) >= new.limit {
        return Err(StoreError::WebhookLimit { limit: new.limit });
    }
    let sealed = batch.sealer().seal(webhook.id, &new.secret).map_err(StoreError::unavailable)?;
    batch
        .db
        .prepare_cached(
            "INSERT INTO webhooks (id, shop, name, url, url_normalised, events, enabled, enabled_at, secret,
                                   active_from, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?8, ?8)",
        )?
        .execute(params![
            webhook.id.as_bytes(),
            shop,
            webhook.name.as_ref().map(Name::as_str),
            webhook.url.as_sent(),
            webhook.url.normalised(),
            json(&webhook.events),
            webhook.enabled,
            webhook.created_at.as_millis(),
            sealed
        ])?;
    batch.forget_routes(webhook.shop);
    Ok(())
}

pub(super) fn get(db: &Connection, shop: ShopId, id: WebhookId) -> Result<Option<Webhook>> {
    let sql = select("AND w.id = ?");
    rows::one(db, &sql, params![shop.as_bytes(), id.as_bytes()], rows::webhook)
}

pub(super) fn list(
    db: &Connection,
    shop: ShopId,
    after: Option<WebhookId>,
    limit: u32,
) -> Result<Vec<Webhook>> {
    let sql = select("AND w.id < ? ORDER BY w.id DESC LIMIT ?");
    let after = after.map_or([0xff; 16], |id| *id.as_bytes());
    rows::all(db, &sql, params![shop.as_bytes(), after, limit], rows::webhook)
}

pub(super) fn update(
    batch: &mut Batch<'_>,
    shop: ShopId,
    id: WebhookId,
    patch: &WebhookPatch,
    now: Timestamp,
) -> Result<Option<Webhook>> {
    let Some(lane) = lanes::lane(batch.db, shop, id)? else { return Ok(None) };
    batch.flush_counters()?;
    let Some(mut webhook) = get(batch.db, shop, id)? else { return Ok(None) };
    if let Some(url) = &patch.url {
        if is_taken(batch.db, shop, url, id)? {
            return Err(StoreError::DuplicateEndpoint);
        }
        webhook.url = url.clone();
    }
    let re_enabled = !webhook.enabled && patch.enabled == Some(true);
    webhook.enabled = patch.enabled.unwrap_or(webhook.enabled);
    webhook.name = patch.name.clone().apply(webhook.name);
    webhook.events = patch.events.clone().unwrap_or(webhook.events);
    batch
        .db
        .prepare_cached(
            "UPDATE webhooks SET name = ?, url = ?, url_normalised = ?, events = ?, enabled = ?,
                enabled_at = CASE WHEN ? THEN ? ELSE enabled_at END
             WHERE seq = ?",
        )?
        .execute(params![
            webhook.name.as_ref().map(Name::as_str),
            webhook.url.as_sent(),
            webhook.url.normalised(),
            json(&webhook.events),
            webhook.enabled,
            re_enabled,
            now.as_millis(),
            lane.0
        ])?;
    if re_enabled {
        webhook.failure_count = 0;
        batch
            .db
            .prepare_cached("UPDATE webhook_counters SET failure_count = 0 WHERE webhook = ?")?
            .execute([lane.0])?;
    }
    batch.tell_changed(shop, lane);
    Ok(Some(webhook))
}

pub(super) fn delete(
    batch: &mut Batch<'_>,
    shop: ShopId,
    id: WebhookId,
    now: Timestamp,
    drain_ends: Timestamp,
) -> Result<bool> {
    let Some(lane) = lanes::lane(batch.db, shop, id)? else { return Ok(false) };
    batch
        .db
        .prepare_cached("UPDATE webhooks SET deleted_at = ?, drain_ends_at = ? WHERE seq = ?")?
        .execute(params![now.as_millis(), drain_ends.as_millis(), lane.0])?;
    batch
        .db
        .prepare_cached(
            "UPDATE redelivery_jobs SET finished_at = ? WHERE webhook = ? AND finished_at IS NULL",
        )?
        .execute(params![now.as_millis(), lane.0])?;
    batch.tell_changed(shop, lane);
    Ok(true)
}

pub(super) fn rotate(
    batch: &mut Batch<'_>,
    shop: ShopId,
    id: WebhookId,
    secret: &WebhookSecret,
    now: Timestamp,
    active_from: Timestamp,
) -> Result<bool> {
    let Some(lane) = lanes::lane(batch.db, shop, id)? else { return Ok(false) };
    let sealed = batch.sealer().seal(id, secret).map_err(StoreError::unavailable)?;
    // A secret that was announced but is not active yet has signed no `v1`: it gives way.
    batch
        .db
        .prepare_cached(
            "UPDATE webhooks SET
                replaced = CASE WHEN active_from > ?1 AND replaced IS NOT NULL THEN replaced ELSE secret END,
                secret = ?2, active_from = ?3
             WHERE seq = ?4",
        )?
        .execute(params![now.as_millis(), sealed, active_from.as_millis(), lane.0])?;
    batch.tell_changed(shop, lane);
    Ok(true)
}

fn is_taken(db: &Connection, shop: ShopId, url: &EndpointUrl, by_other_than: WebhookId) -> Result<bool> {
    let found = db
        .prepare_cached(
            "SELECT 1 FROM webhooks WHERE shop = (SELECT seq FROM shops WHERE id = ?)
             AND url_normalised = ? AND deleted_at IS NULL AND id <> ?",
        )?
        .query_row(params![shop.as_bytes(), url.normalised(), by_other_than.as_bytes()], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

fn json(events: &[EventType]) -> String {
    let names: Vec<_> = events.iter().map(EventType::as_str).collect();
    serde_json::Value::from(names).to_string()
}

fn select(and: &str) -> String {
    format!(
        "SELECT {} FROM webhooks w JOIN shops s ON s.seq = w.shop
         LEFT JOIN webhook_counters c ON c.webhook = w.seq
         WHERE w.shop = (SELECT seq FROM shops WHERE id = ?) AND w.deleted_at IS NULL {and}",
        rows::WEBHOOK
    )
}
