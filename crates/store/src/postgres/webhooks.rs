//! Webhooks.

use deadpool_postgres::Transaction;
use sellvik_domain::{
    EventType, Lane, Name, ShopId, Timestamp, Webhook, WebhookId, WebhookPatch, WebhookSecret,
};
use tokio_postgres::error::SqlState;

use super::session::Sessions;
use super::{lanes, rows};
use crate::seal::Sealer;
use crate::{NewWebhook, Result, StoreError};

pub(super) async fn create(tx: &Transaction<'_>, sealer: &Sealer, new: &NewWebhook) -> Result<()> {
    let webhook = &new.webhook;
    // Whoever registers in a shop does so alone, so that the limit holds.
    let sql = "SELECT seq FROM shops WHERE id = $1 FOR UPDATE";
    let shop = tx.query_opt(&tx.prepare_cached(sql).await?, &[&rows::id(webhook.shop.as_bytes())]).await?;
    let shop: i64 = shop.ok_or(StoreError::ShopUnknown)?.try_get(0)?;
    let sql = "SELECT count(*), coalesce(bool_or(url_normalised = $2), false) FROM webhooks
               WHERE shop = $1 AND deleted_at IS NULL";
    let found = tx.query_one(&tx.prepare_cached(sql).await?, &[&shop, &webhook.url.normalised()]).await?;
    if found.try_get(1)? {
        return Err(StoreError::DuplicateEndpoint);
    }
    if found.try_get::<_, i64>(0)? >= i64::from(new.limit) {
        return Err(StoreError::WebhookLimit { limit: new.limit });
    }
    let secret_sealed = sealer.seal(webhook.id, &new.secret).map_err(StoreError::unavailable)?;
    let sql =
        "INSERT INTO webhooks (id, shop, name, url, url_normalised, events, enabled, enabled_at, secret,
                                     active_from, created_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8, $8)";
    tx.execute(
        &tx.prepare_cached(sql).await?,
        &[
            &rows::id(webhook.id.as_bytes()),
            &shop,
            &webhook.name.as_ref().map(Name::as_str),
            &webhook.url.as_sent(),
            &webhook.url.normalised(),
            &names(&webhook.events),
            &webhook.enabled,
            &webhook.created_at.as_millis(),
            &secret_sealed,
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn get(sessions: &Sessions, shop: ShopId, id: WebhookId) -> Result<Option<Webhook>> {
    let sql = select("AND w.id = $2");
    let row = sessions.one(&sql, &[&rows::id(shop.as_bytes()), &rows::id(id.as_bytes())]).await?;
    row.as_ref().map(rows::webhook).transpose()
}

pub(super) async fn list(
    sessions: &Sessions,
    shop: ShopId,
    after: Option<WebhookId>,
    limit: u32,
) -> Result<Vec<Webhook>> {
    let sql = select("AND w.id < $2 ORDER BY w.id DESC LIMIT $3");
    let after = after.map_or(rows::LAST_ID, |id| rows::id(id.as_bytes()));
    let found = sessions.all(&sql, &[&rows::id(shop.as_bytes()), &after, &i64::from(limit)]).await?;
    rows::each(&found, rows::webhook)
}

pub(super) async fn update(
    tx: &Transaction<'_>,
    shop: ShopId,
    id: WebhookId,
    patch: &WebhookPatch,
    now: Timestamp,
) -> Result<Option<(Lane, Webhook)>> {
    let Some(found) = lanes::hold(tx, shop, id).await? else { return Ok(None) };
    let statement = tx.prepare_cached(&select("AND w.id = $2")).await?;
    let row = tx.query_one(&statement, &[&rows::id(shop.as_bytes()), &rows::id(id.as_bytes())]).await?;
    let mut webhook = rows::webhook(&row)?;
    webhook.url = patch.url.clone().unwrap_or(webhook.url);
    let re_enabled = !webhook.enabled && patch.enabled == Some(true);
    webhook.enabled = patch.enabled.unwrap_or(webhook.enabled);
    webhook.name = patch.name.clone().apply(webhook.name);
    webhook.events = patch.events.clone().unwrap_or(webhook.events);
    let sql = "UPDATE webhooks SET name = $1, url = $2, url_normalised = $3, events = $4, enabled = $5,
                   enabled_at = CASE WHEN $6 THEN $7 ELSE enabled_at END
               WHERE seq = $8";
    let statement = tx.prepare_cached(sql).await?;
    let written = tx
        .execute(
            &statement,
            &[
                &webhook.name.as_ref().map(Name::as_str),
                &webhook.url.as_sent(),
                &webhook.url.normalised(),
                &names(&webhook.events),
                &webhook.enabled,
                &re_enabled,
                &now.as_millis(),
                &found.lane.0,
            ],
        )
        .await;
    match written {
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
            return Err(StoreError::DuplicateEndpoint);
        }
        written => written?,
    };
    if re_enabled {
        webhook.failure_count = 0;
        let sql = "UPDATE webhook_counters SET failure_count = 0 WHERE webhook = $1";
        tx.execute(&tx.prepare_cached(sql).await?, &[&found.lane.0]).await?;
    }
    Ok(Some((found.lane, webhook)))
}

pub(super) async fn delete(
    tx: &Transaction<'_>,
    shop: ShopId,
    id: WebhookId,
    now: Timestamp,
    drain_ends: Timestamp,
) -> Result<Option<Lane>> {
    let Some(found) = lanes::hold(tx, shop, id).await? else { return Ok(None) };
    let sql = "UPDATE webhooks SET deleted_at = $1, drain_ends_at = $2 WHERE seq = $3";
    let statement = tx.prepare_cached(sql).await?;
    tx.execute(&statement, &[&now.as_millis(), &drain_ends.as_millis(), &found.lane.0]).await?;
    let sql = "UPDATE redelivery_jobs SET finished_at = $1 WHERE webhook = $2 AND finished_at IS NULL";
    tx.execute(&tx.prepare_cached(sql).await?, &[&now.as_millis(), &found.lane.0]).await?;
    Ok(Some(found.lane))
}

pub(super) async fn rotate(
    tx: &Transaction<'_>,
    sealer: &Sealer,
    (shop, id): (ShopId, WebhookId),
    secret: &WebhookSecret,
    now: Timestamp,
    active_from: Timestamp,
) -> Result<Option<Lane>> {
    let Some(found) = lanes::hold(tx, shop, id).await? else { return Ok(None) };
    let secret_sealed = sealer.seal(id, secret).map_err(StoreError::unavailable)?;
    // A secret that was announced but is not active yet has signed no `v1`: it gives way.
    let sql = "UPDATE webhooks SET
                   replaced = CASE WHEN active_from > $1 AND replaced IS NOT NULL THEN replaced ELSE secret END,
                   secret = $2, active_from = $3
               WHERE seq = $4";
    let statement = tx.prepare_cached(sql).await?;
    tx.execute(&statement, &[&now.as_millis(), &secret_sealed, &active_from.as_millis(), &found.lane.0])
        .await?;
    Ok(Some(found.lane))
}

fn names(events: &[EventType]) -> Vec<&str> {
    events.iter().map(EventType::as_str).collect()
}

fn select(and: &str) -> String {
    format!(
        "SELECT {} FROM webhooks w JOIN shops s ON s.seq = w.shop
         LEFT JOIN webhook_counters c ON c.webhook = w.seq
         WHERE w.shop = (SELECT seq FROM shops WHERE id = $1) AND w.deleted_at IS NULL {and}",
        rows::WEBHOOK
    )
}
