//! `webhook.failed`: telling the shop's other webhooks of a delivery given up (CONTRACT §5).

use std::sync::Arc;

use sellvik_domain::{
    Attempt, DropReason, Endpoint, EventId, EventType, Name, Timestamp, WEBHOOK_FAILED, WebhookFailed,
    fingerprint,
};
use sellvik_store::{Leased, NewEvent};

use crate::courier::Courier;

/// The event that a drop raises: none for tests, for webhooks that the shop itself ended, and for
/// deliveries that carried a `webhook.failed` themselves.
pub(crate) fn of_drop(
    courier: &Courier,
    leased: &Leased,
    endpoint: &Endpoint,
    attempt: Option<&Attempt>,
    reason: DropReason,
    now: Timestamp,
) -> Option<NewEvent> {
    if !reason.is_announced() || leased.chain.test || leased.event.kind.as_str() == WEBHOOK_FAILED {
        return None;
    }
    let data = WebhookFailed {
        webhook_id: endpoint.webhook,
        webhook_name: endpoint.name.as_ref().map(Name::as_str),
        host: endpoint.url.host_text(),
        delivery_id: leased.delivery,
        event_id: &leased.event.id,
        event_type: &leased.event.kind,
        attempts: leased.attempts + u32::from(attempt.is_some()),
        reason,
        last_response_code: attempt.and_then(|attempt| attempt.status),
        last_error: attempt.and_then(|attempt| attempt.error.as_deref()),
        dropped_at: now,
    };
    let value = serde_json::to_value(&data).ok()?;
    let kind = EventType::parse(WEBHOOK_FAILED)?;
    Some(NewEvent {
        shop: endpoint.shop,
        id: EventId::new(now, courier.world.random()),
        fingerprint: fingerprint(&kind, &value),
        kind,
        created_at: now,
        accepted_at: now,
        data: Arc::from(serde_json::value::to_raw_value(&data).ok()?),
        seed: courier.world.random(),
    })
}
