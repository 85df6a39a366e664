//! The ledger's terms in a merchant's words.

use sellvik_domain::{DeliveryStatus, DropReason};

/// A delivery's status.
pub(crate) fn status(status: DeliveryStatus) -> &'static str {
    match status {
        DeliveryStatus::Pending => "Waiting",
        DeliveryStatus::Succeeded => "Succeeded",
        DeliveryStatus::Failed => "Retrying",
        DeliveryStatus::Dropped => "Given up",
    }
}

/// Why a delivery was given up.
pub(crate) fn drop_reason(reason: DropReason) -> &'static str {
    match reason {
        DropReason::AttemptsExhausted => "Every attempt of the 24 hours failed.",
        DropReason::ClientError => {
            "The endpoint refused it twice with a 4xx answer, so it would refuse it again."
        }
        DropReason::RetryAfterTooLate => "The endpoint asked to be left alone past the last attempt.",
        DropReason::EndpointUnavailable => {
            "The endpoint did not answer anything for so long that its turn never came within 24 hours."
        }
        DropReason::WebhookDeleted => "The webhook was deleted.",
        DropReason::WebhookDisabled => "The webhook was disabled until the 24 hours were over.",
        DropReason::TestFailed => "A test is sent once and not repeated.",
    }
}

/// A number and its noun, which takes an `s` but for one.
pub(crate) fn count(many: u64, noun: &str) -> String {
    let s = if many == 1 { "" } else { "s" };
    format!("{many} {noun}{s}")
}
