//! The ledger: the [`Store`] port and the databases behind it.
//!
//! Everything the product promises to keep is here, and only here is SQL. A commit is durable before
//! anyone hears of it; writes that arrive together share one. Deliveries are handed out as [`Lease`]s:
//! correctness never depends on a holder, because a lease that is not settled runs out.

#[cfg(test)]
mod conformance;
mod endpoints;
mod envelope;
mod error;
mod model;
mod port;
pub mod postgres;
mod routes;
mod seal;
mod share;
pub mod sqlite;
mod tally;
mod throttle;

pub use error::{OpenError, StoreError};
pub use model::{
    ClaimLane, Claimed, DeliveryDetail, DeliverySearch, EventBody, Found, Job, Lease, Leased, NewEvent,
    NewPanelSession, NewWebhook, Published, Settled, Settlement, Settling, Waiting, Window,
};
pub use port::{Intake, Result, Store};
pub use seal::EncryptionKey;
pub use throttle::REQUESTS_MAX;
