//! `/dev/receiver`: an endpoint to try things with. It verifies what it gets and shows it.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use maud::{DOCTYPE, html};
use parking_lot::Mutex;
use sellvik_clock::World;
use sellvik_domain::{ShopId, Timestamp};
use sellvik_store::Store;
use serde::Serialize;

/// Deliveries shown: a screenful or two.
const SHOWN_MAX: usize = 50;

/// A body worth taking: an envelope with room to spare.
const BODY_BYTES_MAX: usize = 1 << 20;

/// How old a signature may be, as the documented recipe has it.
const TOLERANCE_SECS: u64 = 300;

#[derive(Clone)]
struct Receiver {
    store: Arc<dyn Store>,
    shop: ShopId,
    world: World,
    got: Arc<Mutex<VecDeque<Got>>>,
}

/// One request that came.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Got {
    verified: bool,
    event: String,
    event_id: String,
    delivery: String,
    signature: String,
    body: String,
}

/// The receiver's routes, for the webhooks of the dev shop.
pub(crate) fn routes(store: Arc<dyn Store>, shop: ShopId, world: World) -> Router {
    let receiver = Receiver { store, shop, world, got: Arc::default() };
    Router::new().route("/dev/receiver", get(show).post(take)).with_state(receiver)
}

async fn take(State(receiver): State<Receiver>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    let verified = receiver.verify(path, &parts.headers, &body).await;
    let text =
        |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let got = Got {
        verified,
        event: text("x-sellvik-event"),
        event_id: text("x-sellvik-event-id"),
        delivery: text("x-sellvik-delivery"),
        signature: text("x-sellvik-signature"),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let mut shown = receiver.got.lock();
    shown.push_front(got);
    shown.truncate(SHOWN_MAX);
    drop(shown);
    let status = if verified { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
    (status, Json(serde_json::json!({"received": true, "verified": verified}))).into_response()
}

impl Receiver {
    /// Signs what came as the webhook behind this path would have, and compares.
    async fn verify(&self, path: &str, headers: &HeaderMap, body: &[u8]) -> bool {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let (Some(signature), Some(id)) = (text("x-sellvik-signature"), text("x-sellvik-event-id")) else {
            return false;
        };
        let seconds =
            signature.strip_prefix("t=").and_then(|rest| rest.split(',').next()?.parse::<i64>().ok());
        let Some(at) = seconds.map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1000))) else {
            return false;
        };
        if self.world.now().as_secs().abs_diff(at.as_secs()) > TOLERANCE_SECS {
            return false;
        }
        self.signed(path, at, id, body).await.is_some_and(|signed| signed == signature)
    }

    async fn signed(&self, path: &str, at: Timestamp, id: &str, body: &[u8]) -> Option<String> {
        let webhooks = self.store.webhook_list(self.shop, None, u32::MAX).await.ok()?;
        let webhook = webhooks.into_iter().find(|webhook| webhook.url.path_and_query() == path)?;
        let lane = self.store.webhook_lane(self.shop, webhook.id).await.ok()??;
        let endpoint = self.store.endpoint(lane).await.ok()??;
        Some(endpoint.signer.as_ref()?.sign(at, id, body).sellvik)
    }
}

async fn show(State(receiver): State<Receiver>, headers: HeaderMap) -> Response {
    let got: Vec<Got> = receiver.got.lock().iter().cloned().collect();
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accept.contains("text/html") { page(&got) } else { Json(got).into_response() }
}

fn page(got: &[Got]) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "What the dev receiver got" }
            }
            body {
                h1 { "What the dev receiver got" }
                @if got.is_empty() { p { "Nothing yet: publish an event, then reload." } }
                @for one in got {
                    h2 { (one.event) " · " @if one.verified { "signature verified" } @else { "signature not verified" } }
                    p { code { (one.event_id) } " " code { (one.delivery) } }
                    pre { (one.body) }
                }
            }
        }
    };
    let policy = "default-src 'none'; frame-ancestors 'none'";
    let headers =
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, policy)];
    (headers, page.into_string()).into_response()
}
