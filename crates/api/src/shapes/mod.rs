//! Wire shapes: what goes out, field by field as the contract writes it. v1 is frozen: fields are only
//! ever added.

mod deliveries;
mod requests;
mod shops;
mod webhooks;

pub(crate) use deliveries::{
    CountShape, DeliveryDetailShape, DeliveryShape, JobShape, JobStartedShape, TestShape,
};
pub(crate) use requests::{
    BatchRequest, EventRequest, KeyRequest, PanelLinkRequest, RedeliverRequest, RotateRequest,
    ShopPatchRequest, ShopRequest, TestRequest, WebhookPatchRequest, WebhookRequest,
};
pub(crate) use shops::{
    AcceptedShape, BatchResult, BatchShape, KeyShape, NewKeyShape, PanelLinkShape, ShopShape,
};
pub(crate) use webhooks::{CreatedShape, EventTypeShape, RotatedShape, WebhookShape};

use sellvik_actions::Page;
use serde::Serialize;
use utoipa::ToSchema;

/// One page of a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageShape<T> {
    /// The items, newest first.
    items: Vec<T>,
    /// The cursor of the next page; null on the last.
    #[schema(example = json!(null), required = true)]
    next_cursor: Option<String>,
}

impl<T> PageShape<T> {
    pub(crate) fn of<U>(page: Page<U>, shape: impl Fn(U) -> T) -> Self {
        Self { items: page.items.into_iter().map(shape).collect(), next_cursor: page.next_cursor }
    }
}
