//! Whether a lane's deliveries may go, read from its webhook when it matters.

use sellvik_domain::{Lane, Passage, Timestamp};
use sellvik_store::StoreError;

use crate::courier::Courier;

/// Marks a lane as held, unless its webhook was enabled meanwhile; whether it is.
///
/// The mark is made first and the look taken second: a change after the look clears the mark itself.
pub(crate) async fn hold(courier: &Courier, lane: Lane, now: Timestamp) -> Result<bool, StoreError> {
    courier.inbox.lanes.lock().hold(lane, true);
    let held = passage(courier, lane, now).await? == Passage::Held;
    if !held {
        courier.inbox.unhold(lane);
    }
    Ok(held)
}

/// What a lane may do at `now`, as its webhook stands.
pub(crate) async fn passage(courier: &Courier, lane: Lane, now: Timestamp) -> Result<Passage, StoreError> {
    let endpoint = courier.store.endpoint(lane).await?;
    Ok(endpoint.map_or(Passage::Ended, |endpoint| endpoint.standing.passage(now)))
}
