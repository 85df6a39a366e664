//! Deliveries and their attempts.

use serde::Serialize;

use crate::{DeliveryId, EventId, EventType, Timestamp};

/// Where a delivery stands (CONTRACT §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// No attempt has ended yet.
    Pending {
        /// When the first attempt is due.
        due: Timestamp,
    },
    /// An attempt got its 2xx.
    Succeeded {
        /// When.
        at: Timestamp,
    },
    /// The last attempt failed and another is scheduled.
    Failed {
        /// When the next attempt is due.
        due: Timestamp,
    },
    /// Given up.
    Dropped {
        /// Why.
        reason: DropReason,
    },
}

/// The word for a state on the wire and in filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words of CONTRACT §3, described at DeliveryState")]
pub enum DeliveryStatus {
    Pending,
    Succeeded,
    Failed,
    Dropped,
}

impl DeliveryStatus {
    /// Every status, in the order of the numbers the ledger keeps.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Succeeded, Self::Failed, Self::Dropped];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }

    /// The status of this word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

impl DeliveryState {
    /// The word for it.
    pub fn status(&self) -> DeliveryStatus {
        match self {
            Self::Pending { .. } => DeliveryStatus::Pending,
            Self::Succeeded { .. } => DeliveryStatus::Succeeded,
            Self::Failed { .. } => DeliveryStatus::Failed,
            Self::Dropped { .. } => DeliveryStatus::Dropped,
        }
    }

    /// When the next attempt is due, if there will be one.
    pub fn due(&self) -> Option<Timestamp> {
        match *self {
            Self::Pending { due } | Self::Failed { due } => Some(due),
            Self::Succeeded { .. } | Self::Dropped { .. } => None,
        }
    }
}

/// Why a delivery was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// The schedule has no entry left.
    AttemptsExhausted,
    /// A second 4xx.
    ClientError,
    /// The receiver asked to be called again after the schedule's end.
    RetryAfterTooLate,
    /// The endpoint was held back as dead until the schedule's end.
    EndpointUnavailable,
    /// The webhook was deleted and its drain ended.
    WebhookDeleted,
    /// The webhook stayed disabled until the schedule's end.
    WebhookDisabled,
    /// A test event has one attempt.
    TestFailed,
}

impl DropReason {
    /// Every reason, in the order of the numbers the ledger keeps: only ever added to.
    pub const ALL: [Self; 7] = [
        Self::AttemptsExhausted,
        Self::ClientError,
        Self::RetryAfterTooLate,
        Self::EndpointUnavailable,
        Self::WebhookDeleted,
        Self::WebhookDisabled,
        Self::TestFailed,
    ];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AttemptsExhausted => "attempts_exhausted",
            Self::ClientError => "client_error",
            Self::RetryAfterTooLate => "retry_after_too_late",
            Self::EndpointUnavailable => "endpoint_unavailable",
            Self::WebhookDeleted => "webhook_deleted",
            Self::WebhookDisabled => "webhook_disabled",
            Self::TestFailed => "test_failed",
        }
    }

    /// Whether the shop's other webhooks hear of it by `webhook.failed` (CONTRACT §5): not when the
    /// shop itself ended the webhook, and not for tests.
    pub fn is_announced(self) -> bool {
        !matches!(self, Self::WebhookDeleted | Self::WebhookDisabled | Self::TestFailed)
    }
}

/// One attempt that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u32,
    /// The answer's status, if there was an answer.
    pub status: Option<u16>,
    /// What went wrong, in words.
    pub error: Option<String>,
    /// The host that was asked last.
    pub final_host: String,
    /// The start of the response body, as text.
    pub body: Option<String>,
    /// Whether it counts as delivered.
    pub succeeded: bool,
}

/// A delivery as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// The event it carries.
    pub event: EventId,
    /// That event's type.
    pub kind: EventType,
    /// When it was made; its schedule counts from here.
    pub created_at: Timestamp,
    /// Where it stands.
    pub state: DeliveryState,
    /// Attempts that ended.
    pub attempts: u32,
    /// The last of them.
    pub last: Option<Attempt>,
    /// Whether it carries a test event.
    pub test: bool,
    /// The delivery this one repeats.
    pub redelivery_of: Option<DeliveryId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_enums_agree() {
        for status in DeliveryStatus::ALL {
            assert_eq!(DeliveryStatus::parse(status.as_str()), Some(status));
            assert_eq!(serde_json::to_value(status).ok(), Some(status.as_str().into()));
        }
        for reason in DropReason::ALL {
            assert_eq!(serde_json::to_value(reason).ok(), Some(reason.as_str().into()));
        }
        assert_eq!(DeliveryStatus::parse("Pending"), None);
    }
}
