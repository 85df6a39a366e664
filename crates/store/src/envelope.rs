//! The bytes a receiver gets, made when an event is accepted.

use bytes::Bytes;
use sellvik_domain::{Envelope, Shop};

use crate::{NewEvent, Result, StoreError};

/// What an envelope is longer than its data: mostly ids and names.
const ENVELOPE_BYTES: usize = 320;

/// The event's envelope, with the shop's subdomain as it is now.
pub(crate) fn envelope(shop: &Shop, event: &NewEvent, test: bool) -> Result<Bytes> {
    let envelope = Envelope {
        id: &event.id,
        kind: &event.kind,
        created_at: event.created_at,
        shop_subdomain: &shop.subdomain,
        shop_id: shop.id,
        test,
        data: &event.data,
    };
    let mut bytes = Vec::with_capacity(event.data.get().len() + ENVELOPE_BYTES);
    serde_json::to_writer(&mut bytes, &envelope).map_err(StoreError::unavailable)?;
    Ok(bytes.into())
}
