//! What a receiver gets beside the body (CONTRACT §5).

use std::borrow::Cow;

use crate::{DeliveryId, EventId, EventType, Signer, Subdomain, Timestamp};

/// One delivery's request, but for its signature.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryRequest<'a> {
    /// The delivery's id.
    pub delivery: DeliveryId,
    /// The event's id.
    pub event: &'a EventId,
    /// The event's type.
    pub kind: &'a EventType,
    /// The shop's subdomain at acceptance.
    pub subdomain: &'a Subdomain,
    /// The body.
    pub envelope: &'a [u8],
}

impl<'a> DeliveryRequest<'a> {
    /// The headers of an attempt that starts `now`, names in lower case: the contract's, and no others.
    /// Without a signer, those of the signature are left out.
    pub fn headers(&self, signer: Option<&Signer>, now: Timestamp) -> Vec<(&'static str, Cow<'a, str>)> {
        let mut headers = Vec::with_capacity(10);
        headers.push(("content-type", "application/json".into()));
        headers.push(("user-agent", "Sellvik-Webhooks/1.0".into()));
        headers.push(("x-sellvik-event", self.kind.as_str().into()));
        headers.push(("x-sellvik-event-id", self.event.as_str().into()));
        headers.push(("x-sellvik-shop", self.subdomain.as_str().into()));
        headers.push(("x-sellvik-delivery", self.delivery.to_string().into()));
        headers.push(("webhook-id", self.event.as_str().into()));
        if let Some(signer) = signer {
            let signature = signer.sign(now, self.event.as_str(), self.envelope);
            headers.push(("x-sellvik-signature", signature.sellvik.into()));
            headers.push(("webhook-timestamp", signature.timestamp.into()));
            headers.push(("webhook-signature", signature.standard.into()));
        }
        headers
    }
}
