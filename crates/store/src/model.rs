//! What goes into the ledger and comes out of it, besides the domain's nouns.

use std::sync::Arc;

use bytes::Bytes;
use sellvik_domain::{
    Attempt, Capabilities, Chain, Delivery, DeliveryId, DeliveryStatus, DropReason, EventId, EventType,
    JobId, Lane, ShopId, Subdomain, Timestamp, Verdict, Webhook, WebhookSecret,
};
use serde_json::value::RawValue;

/// A webhook to register.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    /// What its shop will see of it.
    pub webhook: Webhook,
    /// Its secret.
    pub secret: WebhookSecret,
    /// How many webhooks its shop may have.
    pub limit: u32,
}

/// An event to publish. The store makes the envelope, so that the subdomain in it is that of acceptance.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The shop it happened in.
    pub shop: ShopId,
    /// Its id, the publisher's or ours.
    pub id: EventId,
    /// Its type.
    pub kind: EventType,
    /// When it happened, as the publisher says.
    pub created_at: Timestamp,
    /// Now.
    pub accepted_at: Timestamp,
    /// What happened, byte for byte as published.
    pub data: Arc<RawValue>,
    /// Of type and data, to know a repeated publish.
    pub fingerprint: [u8; 32],
    /// Chance for the ids of its deliveries.
    pub seed: [u8; 10],
}

/// The answer to a publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The event's id.
    pub id: EventId,
    /// How many deliveries it made.
    pub deliveries: u32,
    /// Whether the event had been accepted before; then nothing was sent again.
    pub duplicate: bool,
}

/// An event's bytes, shared by its deliveries.
#[derive(Debug)]
pub struct EventBody {
    /// Its id.
    pub id: EventId,
    /// Its type.
    pub kind: EventType,
    /// The shop's subdomain when it was accepted.
    pub subdomain: Subdomain,
    /// The bytes to send.
    pub envelope: Bytes,
}

/// The right to attempt and settle one delivery, until it expires or another epoch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// Where the store finds the delivery: a row's number, or a delivery's id.
    row: i128,
    /// Which claim this is; settling needs the latest.
    pub(crate) epoch: i64,
}

impl Lease {
    /// Of the delivery in this row.
    pub(crate) fn of_row(row: i64, epoch: i64) -> Self {
        Self { row: i128::from(row), epoch }
    }

    /// The row it is of.
    pub(crate) fn row(self) -> i64 {
        i64::try_from(self.row).unwrap_or_default()
    }

    /// Of this delivery.
    pub(crate) fn of(delivery: DeliveryId, epoch: i64) -> Self {
        Self { row: i128::from_be_bytes(*delivery.as_bytes()), epoch }
    }

    /// The delivery it is of.
    pub(crate) fn delivery(self) -> DeliveryId {
        DeliveryId::from_bytes(self.row.to_be_bytes())
    }

    /// Whether this is the claim right after `earlier`, made because that lease had run out unsettled.
    /// Settling begins an epoch of its own, so a claim after it does not count.
    pub fn renews(&self, earlier: Self) -> bool {
        self.row == earlier.row && self.epoch == earlier.epoch + 1
    }
}

/// A delivery leased to this node.
#[derive(Debug)]
pub struct Leased {
    /// The right to it.
    pub lease: Lease,
    /// Its webhook's lane.
    pub lane: Lane,
    /// Its id.
    pub delivery: DeliveryId,
    /// How far it has come.
    pub chain: Chain,
    /// Attempts that ended.
    pub attempts: u32,
    /// When this attempt fell due.
    pub due: Timestamp,
    /// What to send.
    pub event: Arc<EventBody>,
}

/// What a claim brought.
#[derive(Debug, Default)]
pub struct Claimed {
    /// The deliveries, now leased to this node.
    pub leased: Vec<Leased>,
    /// When each of the lanes asked for has something waiting next; absent if nothing is left.
    pub next: Vec<(Lane, Timestamp)>,
    /// Those of the lanes whose latest attempt, as far as the ledger knows, failed.
    pub failing: Vec<Lane>,
}

/// How many deliveries of a lane to claim.
#[derive(Clone, Copy, Debug)]
pub struct ClaimLane {
    /// The lane.
    pub lane: Lane,
    /// At most so many.
    pub count: u32,
    /// Only test events: the lane is held for all else.
    pub tests_only: bool,
}

/// What became of a leased delivery.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The right to say so.
    pub lease: Lease,
    /// Its webhook's lane.
    pub lane: Lane,
    /// Attempts that had ended before.
    pub attempts: u32,
    /// Whether it carries a test event: those leave `failureCount` alone.
    pub test: bool,
    /// What happened.
    pub settled: Settled,
    /// The `webhook.failed` event that this drop raises, if any.
    pub notice: Option<NewEvent>,
}

/// The ways a lease ends.
#[derive(Clone, Debug)]
pub enum Settled {
    /// An attempt ended and was judged.
    Attempted {
        /// The attempt.
        attempt: Attempt,
        /// The judgement.
        verdict: Verdict,
    },
    /// Given up without another attempt.
    Dropped {
        /// Why.
        reason: DropReason,
        /// When.
        at: Timestamp,
    },
    /// We could not make the attempt: nothing is recorded against the endpoint.
    Postponed {
        /// When to try again.
        until: Timestamp,
    },
    /// Given back untouched; due as before.
    Released,
}

/// Whether a settlement counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settling {
    /// It is on record.
    Recorded,
    /// The lease was lost to another claim or the delivery was decided otherwise; nothing was written.
    LeaseLost,
}

/// One delivery with all there is to know.
#[derive(Debug, Clone)]
pub struct DeliveryDetail {
    /// The delivery.
    pub delivery: Delivery,
    /// The shop's subdomain when the event was accepted.
    pub subdomain: Subdomain,
    /// The request body.
    pub body: Bytes,
    /// Every attempt, oldest first.
    pub attempts: Vec<Attempt>,
}

/// Which deliveries a redelivery job takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Made at or after this moment.
    pub since: Timestamp,
    /// Made before this moment.
    pub until: Timestamp,
    /// In this status.
    pub status: DeliveryStatus,
}

/// A durable redelivery job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What it takes; `until` is brought forward where the window held more than a job may take.
    pub window: Window,
    /// How many deliveries it found when it was made.
    pub matched: u32,
    /// How many it has redelivered.
    pub processed: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// A held lane's deliveries that are to be dropped.
#[derive(Debug, Clone, Copy)]
pub enum Waiting {
    /// All of them: the webhook's drain has ended.
    All,
    /// Those made at or before this moment: their schedule has ended.
    MadeBy(Timestamp),
}

/// A panel link or session to keep.
#[derive(Debug, Clone, Copy)]
pub struct NewPanelSession {
    /// SHA-256 of its token.
    pub hash: [u8; 32],
    /// What it may do.
    pub capabilities: Capabilities,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Which of a webhook's deliveries to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliverySearch {
    /// In this status.
    pub status: Option<DeliveryStatus>,
    /// Of events of this type.
    pub kind: Option<EventType>,
    /// Made at or after this moment.
    pub since: Option<Timestamp>,
    /// Made before this moment.
    pub until: Option<Timestamp>,
}

/// What a search found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The deliveries, newest first.
    pub items: Vec<Delivery>,
    /// Looking stopped here, short of a full page: go on behind it.
    pub more_behind: Option<DeliveryId>,
}
