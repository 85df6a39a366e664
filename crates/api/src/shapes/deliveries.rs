//! Deliveries, attempts and redelivery jobs on the wire.

use sellvik_actions::{DeliveryDetail, Job, TestEvent};
use sellvik_domain::{
    Attempt, Delivery, DeliveryId, DeliveryState, DeliveryStatus, DropReason, EventId, EventType, JobId,
    Timestamp,
};
use serde::Serialize;
use utoipa::ToSchema;

/// One event on its way to one webhook.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(title = "Delivery")]
pub(crate) struct DeliveryShape {
    /// Its id.
    #[schema(value_type = String, example = "del_019715a2f0e17a41b0c2d3e4f5061728")]
    id: DeliveryId,
    /// The event's type.
    #[schema(value_type = String, example = "order.created")]
    event: EventType,
    /// `pending`: no attempt has ended yet. `failed`: the last attempt failed and another is scheduled.
    /// `dropped`: given up.
    #[schema(value_type = String, pattern = "^(pending|succeeded|failed|dropped)$", example = "succeeded")]
    status: DeliveryStatus,
    /// Attempts that ended.
    #[schema(example = 1)]
    attempts: u32,
    /// When the last attempt ended.
    #[schema(value_type = Option<String>, format = DateTime, required = true,
        example = "2026-05-27T13:45:01.000Z")]
    last_attempt_at: Option<Timestamp>,
    /// The last answer's status, if there was an answer.
    #[schema(example = 200, required = true)]
    last_response_code: Option<u16>,
    /// The first 2 KiB of the last answer's body, as text.
    #[schema(example = "{\"received\":true}", required = true)]
    last_response_body: Option<String>,
    /// When it succeeded.
    #[schema(value_type = Option<String>, format = DateTime, required = true,
        example = "2026-05-27T13:45:01.000Z")]
    delivered_at: Option<Timestamp>,
    /// The event's id.
    #[schema(value_type = String, example = "evt_019715a2f0e07d55a1b2c3d4e5f60718")]
    event_id: EventId,
    /// When it was made; its schedule counts from here.
    #[schema(value_type = String, format = DateTime, example = "2026-05-27T13:45:00.900Z")]
    created_at: Timestamp,
    /// When the next attempt is due; stays set while it runs.
    #[schema(value_type = Option<String>, format = DateTime, example = json!(null), required = true)]
    next_attempt_at: Option<Timestamp>,
    /// What went wrong last, in words.
    #[schema(example = json!(null), required = true)]
    last_error: Option<String>,
    /// How long the last attempt took, in milliseconds.
    #[schema(example = 87, required = true)]
    duration_ms: Option<u32>,
    /// Why it was given up: `attempts_exhausted`, `client_error`, `retry_after_too_late`,
    /// `endpoint_unavailable`, `webhook_deleted`, `webhook_disabled` or `test_failed`.
    #[schema(value_type = Option<String>, example = json!(null), required = true)]
    drop_reason: Option<DropReason>,
    /// Whether it carries a test event.
    test: bool,
    /// The delivery that this one repeats.
    #[schema(value_type = Option<String>, example = json!(null), required = true)]
    redelivery_of: Option<DeliveryId>,
}

impl From<Delivery> for DeliveryShape {
    fn from(delivery: Delivery) -> Self {
        let last = delivery.last;
        let (delivered_at, drop_reason) = match delivery.state {
            DeliveryState::Succeeded { at } => (Some(at), None),
            DeliveryState::Dropped { reason } => (None, Some(reason)),
            DeliveryState::Pending { .. } | DeliveryState::Failed { .. } => (None, None),
        };
        Self {
            id: delivery.id,
            event: delivery.kind,
            status: delivery.state.status(),
            attempts: delivery.attempts,
            last_attempt_at: last.as_ref().map(|attempt| attempt.ended_at),
            last_response_code: last.as_ref().and_then(|attempt| attempt.status),
            delivered_at,
            event_id: delivery.event,
            created_at: delivery.created_at,
            next_attempt_at: delivery.state.due(),
            duration_ms: last.as_ref().map(|attempt| attempt.duration_ms),
            drop_reason,
            test: delivery.test,
            redelivery_of: delivery.redelivery_of,
            last_error: last.as_ref().and_then(|attempt| attempt.error.clone()),
            last_response_body: last.and_then(|attempt| attempt.body),
        }
    }
}

/// One attempt that ended.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(title = "Attempt")]
pub(crate) struct AttemptShape {
    /// Counted from one.
    #[schema(example = 1)]
    number: usize,
    /// When it started.
    #[schema(value_type = String, format = DateTime, example = "2026-05-27T13:45:00.913Z")]
    started_at: Timestamp,
    /// When it ended.
    #[schema(value_type = String, format = DateTime, example = "2026-05-27T13:45:01.000Z")]
    ended_at: Timestamp,
    /// How long it took, in milliseconds.
    #[schema(example = 87)]
    duration_ms: u32,
    /// Whether it counts as delivered.
    succeeded: bool,
    /// The answer's status, if there was an answer.
    #[schema(example = 200, required = true)]
    response_code: Option<u16>,
    /// The first 2 KiB of the answer's body, as text.
    #[schema(example = "{\"received\":true}", required = true)]
    response_body: Option<String>,
    /// What went wrong, in words.
    #[schema(example = json!(null), required = true)]
    error: Option<String>,
    /// The host that was asked last, redirects followed.
    #[schema(example = "erp.example.com")]
    final_host: String,
}

/// A delivery with the body sent and every attempt.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(title = "DeliveryDetail")]
pub(crate) struct DeliveryDetailShape {
    #[serde(flatten)]
    delivery: DeliveryShape,
    /// The request body: the same bytes on every attempt.
    #[schema(example = "{\"id\":\"evt_…\",\"type\":\"order.created\",…}")]
    request_body: String,
    /// Every attempt, oldest first.
    attempt_log: Vec<AttemptShape>,
}

impl From<DeliveryDetail> for DeliveryDetailShape {
    fn from(detail: DeliveryDetail) -> Self {
        let shape = |(index, attempt): (usize, Attempt)| AttemptShape {
            number: index + 1,
            started_at: attempt.started_at,
            ended_at: attempt.ended_at,
            duration_ms: attempt.duration_ms,
            succeeded: attempt.succeeded,
            response_code: attempt.status,
            response_body: attempt.body,
            error: attempt.error,
            final_host: attempt.final_host,
        };
        Self {
            delivery: detail.delivery.into(),
            request_body: String::from_utf8_lossy(&detail.body).into_owned(),
            attempt_log: detail.attempts.into_iter().enumerate().map(shape).collect(),
        }
    }
}

/// A test event on its way.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(title = "TestEvent")]
pub(crate) struct TestShape {
    /// The test event's id.
    #[schema(value_type = String, example = "evt_test_019715a2f0e07d55a1b2c3d4e5f60718")]
    id: EventId,
    /// Its one delivery.
    delivery: DeliveryShape,
}

impl From<TestEvent> for TestShape {
    fn from(test: TestEvent) -> Self {
        Self { id: test.id, delivery: test.delivery.into() }
    }
}

/// What a dry run found.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(title = "RedeliveryCount")]
pub(crate) struct CountShape {
    /// How many deliveries would be sent again, at most 100,000.
    #[schema(example = 42)]
    pub(crate) matched: u32,
    /// Always true: nothing was done.
    pub(crate) dry_run: bool,
}

/// A redelivery job just made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(title = "RedeliveryStarted")]
pub(crate) struct JobStartedShape {
    /// The job's id.
    #[schema(value_type = String, example = "job_019715a2f0e07e66b1c2d3e4f5060718")]
    pub(crate) id: JobId,
    /// How many deliveries it found.
    #[schema(example = 42)]
    pub(crate) matched: u32,
}

/// How far a redelivery job has come.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(title = "Redelivery")]
pub(crate) struct JobShape {
    /// Its id.
    #[schema(value_type = String, example = "job_019715a2f0e07e66b1c2d3e4f5060718")]
    id: JobId,
    /// `running` or `finished`.
    #[schema(value_type = String, pattern = "^(running|finished)$", example = "running")]
    state: &'static str,
    /// How many deliveries it found.
    #[schema(example = 42)]
    matched: u32,
    /// How many of them it has taken.
    #[schema(example = 17)]
    processed: u32,
    /// Deliveries made from this moment on.
    #[schema(value_type = String, format = DateTime, example = "2026-05-27T00:00:00.000Z")]
    since: Timestamp,
    /// Deliveries made before this moment. Earlier than asked where the window held more than 100,000:
    /// go on from here with another call.
    #[schema(value_type = String, format = DateTime, example = "2026-05-27T13:00:00.000Z")]
    until: Timestamp,
    /// Deliveries in this status.
    #[schema(value_type = String, pattern = "^(pending|succeeded|failed|dropped)$", example = "dropped")]
    status: DeliveryStatus,
    /// When it was made.
    #[schema(value_type = String, format = DateTime, example = "2026-05-27T14:00:00.000Z")]
    created_at: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime, example = json!(null), required = true)]
    finished_at: Option<Timestamp>,
}

impl From<Job> for JobShape {
    fn from(job: Job) -> Self {
        Self {
            id: job.id,
            state: if job.finished_at.is_some() { "finished" } else { "running" },
            matched: job.matched,
            processed: job.processed,
            since: job.window.since,
            until: job.window.until,
            status: job.window.status,
            created_at: job.created_at,
            finished_at: job.finished_at,
        }
    }
}
