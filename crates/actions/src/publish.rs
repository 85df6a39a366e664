//! Publishing events (CONTRACT §4).

use std::sync::Arc;

use sellvik_domain::{EventId, EventType, Issue, ShopId, Timestamp, WEBHOOK_FAILED, fingerprint};
use sellvik_store::{NewEvent, Published, StoreError};
use serde_json::value::RawValue;

use crate::Actions;
use crate::access::Platform;
use crate::body::{Body, quoted};
use crate::error::{ActionError, Result};

/// A single publish body, in bytes (CONTRACT §4).
pub const EVENT_BODY_BYTES_MAX: usize = 512 << 10;

/// `data` as sent, in bytes (CONTRACT §4).
const DATA_BYTES_MAX: usize = 262_144;

/// Events to a batch (CONTRACT §4).
pub const BATCH_EVENTS_MAX: usize = 1000;

/// An event accepted: durable, with its deliveries.
pub type Accepted = Published;

/// What became of one event of a batch.
pub type BatchAnswer = Result<Accepted>;

impl Actions {
    /// Publishes one event.
    pub async fn publish(&self, _: Platform, bytes: &[u8]) -> Result<Accepted> {
        let event = match self.event(bytes) {
            Ok(event) => event,
            Err(refused) => return Err(self.all_problems(bytes, refused).await),
        };
        let (line, id) = (Line::of(&event), event.id.clone());
        let answers = self.store.publish(vec![event]).await;
        let mut answers = answers.map_err(|error| not_known(error, id))?;
        let accepted = answers.pop().ok_or(ActionError::NotFound)??;
        line.log(&accepted);
        Ok(accepted)
    }

    /// Publishes up to 1000 events; answers in the order sent, each for itself.
    pub async fn publish_batch(&self, _: Platform, bytes: &[u8]) -> Result<Vec<BatchAnswer>> {
        let sent = raw_events(bytes)?;
        let (mut events, mut lines, mut read) = (Vec::new(), Vec::new(), Vec::new());
        for raw in sent {
            let bytes = raw.get().as_bytes();
            read.push(match self.event(bytes) {
                Ok(event) => {
                    lines.push(Line::of(&event));
                    events.push(event);
                    Ok(())
                }
                Err(refused) => Err(self.all_problems(bytes, refused).await),
            });
        }
        let mut stored = self.publish_all(events).await?.into_iter().zip(lines);
        Ok(read
            .into_iter()
            .map(|read| {
                read?;
                let (answer, line) = stored.next().ok_or(ActionError::NotFound)?;
                let accepted = answer?;
                line.log(&accepted);
                Ok(accepted)
            })
            .collect())
    }

    /// What became of each; where nobody can say, each of them says so for itself.
    async fn publish_all(&self, events: Vec<NewEvent>) -> Result<Vec<Result<Accepted>>> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<EventId> = events.iter().map(|event| event.id.clone()).collect();
        match self.store.publish(events).await {
            Ok(answers) => Ok(answers.into_iter().map(|answer| answer.map_err(ActionError::from)).collect()),
            Err(StoreError::OutcomeUnknown) => {
                Ok(ids.into_iter().map(|id| Err(not_known(StoreError::OutcomeUnknown, id))).collect())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads and checks one event.
    fn event(&self, bytes: &[u8]) -> Result<NewEvent> {
        if bytes.len() > EVENT_BODY_BYTES_MAX {
            return Err(ActionError::PayloadTooLarge);
        }
        let mut body = Body::parse(bytes)?;
        let data = body.raw("data");
        if data.is_some_and(|data| data.get().len() > DATA_BYTES_MAX) {
            return Err(ActionError::PayloadTooLarge);
        }
        let now = self.world.now();
        let shop =
            body.required("shop", |text| text.parse::<ShopId>().map_err(|_| "must be a shop id, sh_…"));
        let kind = self.kind(&mut body);
        let id = body.parsed("id", |text| {
            EventId::parse(text)
                .map_err(|_| "must be evt_ and 1 to 64 letters, digits, underscores or hyphens")
        });
        let created_at = body.moment("createdAt").unwrap_or(now);
        let fingerprint = self.check_data(&mut body, kind.as_ref());
        let read = shop.zip(kind).zip(fingerprint).zip(data);
        let (((shop, kind), fingerprint), data) = body.finish(read)?;
        Ok(NewEvent {
            shop,
            id: id.unwrap_or_else(|| EventId::new(now, self.world.random())),
            kind,
            created_at,
            accepted_at: now,
            data: Arc::from(data.to_owned()),
            fingerprint,
            seed: self.world.random(),
        })
    }

    /// Adds what only the ledger knows to an event's problems: that there is no such shop.
    async fn all_problems(&self, bytes: &[u8], refused: ActionError) -> ActionError {
        let ActionError::InvalidBody(mut issues) = refused else { return refused };
        let shop = Body::parse(bytes).ok().and_then(|mut body| body.string("shop")?.parse::<ShopId>().ok());
        if let Some(shop) = shop {
            match self.store.shop_get(shop).await.map_err(ActionError::from) {
                Ok(Some(_)) => {}
                Ok(None) => {
                    if let ActionError::InvalidBody(unknown) = StoreError::ShopUnknown.into() {
                        issues.extend(unknown);
                    }
                }
                Err(unavailable) => return unavailable,
            }
        }
        ActionError::InvalidBody(issues)
    }

    fn kind(&self, body: &mut Body<'_>) -> Option<EventType> {
        let name = body.required("type", |text| Ok(text.to_owned()))?;
        if name == WEBHOOK_FAILED {
            body.reject(Issue::field("type", "webhook.failed is the service's own and cannot be published"));
            return None;
        }
        let known = self.catalog.get(&name).and_then(|entry| EventType::parse(entry.name()));
        if known.is_none() {
            let message = format!("{} is not an event type; see the event catalogue", quoted(&name));
            body.reject(Issue::field("type", message));
        }
        known
    }

    /// Checks `data` against its type's schema; its fingerprint, if type and data are good.
    fn check_data(&self, body: &mut Body<'_>, kind: Option<&EventType>) -> Option<[u8; 32]> {
        if !body.has("data") {
            body.missing("data");
        }
        let value = body.value("data")?;
        if !value.is_object() {
            body.reject(Issue::field("data", "must be an object"));
            return None;
        }
        let kind = kind?;
        let entry = self.catalog.get(kind.as_str())?;
        if !entry.accepts(&value) {
            for issue in entry.problems(&value) {
                body.reject(issue.under("data"));
            }
        }
        Some(fingerprint(kind, &value))
    }
}

/// Why an event was not taken, with its id where that is needed to try again.
fn not_known(error: StoreError, id: EventId) -> ActionError {
    match error {
        StoreError::OutcomeUnknown => ActionError::OutcomeUnknown { id: Some(id) },
        error => error.into(),
    }
}

fn raw_events(bytes: &[u8]) -> Result<Vec<&RawValue>> {
    let mut body = Body::parse(bytes)?;
    let events = match body.raw("events").map(|raw| serde_json::from_str::<Vec<&RawValue>>(raw.get())) {
        None => {
            body.missing("events");
            None
        }
        Some(Err(_)) => {
            body.reject(Issue::field("events", "must be an array of events"));
            None
        }
        Some(Ok(events)) if events.len() > BATCH_EVENTS_MAX => {
            body.reject(Issue::field("events", "must hold at most 1000 events"));
            None
        }
        Some(Ok(events)) => Some(events),
    };
    body.finish(events)
}

/// The one line per event accepted; field names are the same everywhere.
struct Line {
    shop: ShopId,
    kind: EventType,
    created_at: Timestamp,
}

impl Line {
    fn of(event: &NewEvent) -> Self {
        Self { shop: event.shop, kind: event.kind.clone(), created_at: event.created_at }
    }

    fn log(&self, accepted: &Accepted) {
        tracing::info!(
            event_id = %accepted.id,
            event_type = self.kind.as_str(),
            shop_id = %self.shop,
            created_at = %self.created_at,
            deliveries = accepted.deliveries,
            duplicate = accepted.duplicate,
            "event"
        );
    }
}
