//! Why an action was refused, in the contract's own words (CONTRACT §2).

use sellvik_domain::{EventId, Issue, Scope};
use sellvik_store::StoreError;

/// Any refusal or failure of an action.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// The body breaks rules; one row a problem, all problems at once.
    #[error("the body is not valid")]
    InvalidBody(Vec<Issue>),
    /// The query breaks rules.
    #[error("the query is not valid")]
    InvalidQuery(Vec<Issue>),
    /// An `http://` URL on a shop that is not a dev shop, and nothing else wrong.
    #[error("http:// is only for dev shops")]
    HttpUrlRejected,
    /// The key is unknown, revoked or of the wrong kind.
    #[error("the key is not valid here")]
    InvalidKey,
    /// The key lacks a scope.
    #[error("the key lacks {}", .0.as_str())]
    InsufficientScope(Scope),
    /// There is no such object, or it is another shop's.
    #[error("there is no such object")]
    NotFound,
    /// The URL is already subscribed in this shop.
    #[error("the URL is already subscribed")]
    DuplicateEndpoint,
    /// The shop has as many webhooks as it may.
    #[error("the shop has its {limit} webhooks")]
    WebhookLimit {
        /// How many it may have.
        limit: u32,
    },
    /// The key has made as many requests as it may within a minute.
    #[error("more than {limit} requests in a minute")]
    RateLimited {
        /// How many it may make.
        limit: u32,
        /// After so many seconds one is taken again.
        retry_after_secs: u64,
    },
    /// The webhook is disabled.
    #[error("the webhook is disabled")]
    WebhookDisabled,
    /// A redelivery job of this webhook is still running.
    #[error("a redelivery job is running")]
    RedeliveryRunning,
    /// The subdomain is taken.
    #[error("the subdomain is taken")]
    DuplicateSubdomain,
    /// The event id was used for another event.
    #[error("the event id belongs to another event")]
    EventIdConflict,
    /// The event is larger than it may be.
    #[error("the event is too large")]
    PayloadTooLarge,
    /// The answer of the ledger was lost; whether this was taken is not known.
    #[error("whether it was taken is not known")]
    OutcomeUnknown {
        /// Of an event: to publish again with this id sends nothing twice.
        id: Option<EventId>,
    },
    /// The ledger takes no writes; nothing was taken.
    #[error("the ledger is unavailable")]
    Unavailable(#[source] StoreError),
}

impl From<StoreError> for ActionError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::SubdomainTaken => Self::DuplicateSubdomain,
            StoreError::DuplicateEndpoint => Self::DuplicateEndpoint,
            StoreError::WebhookLimit { limit } => Self::WebhookLimit { limit },
            StoreError::EventIdConflict => Self::EventIdConflict,
            StoreError::ShopUnknown => Self::InvalidBody(vec![Issue::field("shop", "there is no such shop")]),
            StoreError::WebhookDisabled => Self::WebhookDisabled,
            StoreError::JobRunning => Self::RedeliveryRunning,
            StoreError::OutcomeUnknown => Self::OutcomeUnknown { id: None },
            StoreError::Unavailable(_) => Self::Unavailable(error),
        }
    }
}

/// The result of an action.
pub type Result<T> = std::result::Result<T, ActionError>;
