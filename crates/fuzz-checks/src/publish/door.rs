//! The platform's two publishing routes, over a ledger that only remembers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use sellvik_actions::{ActionSettings, Actions, PlatformKeys};
use sellvik_api::ApiParts;
use sellvik_catalog::Catalog;
use sellvik_clock::{Chance, Clock, World};
use sellvik_domain::{CursorKey, Shop, ShopId, Subdomain, Timestamp};
use serde_json::Value;

use super::ledger::Ledger;
use crate::runtime::{egress, wait};

const PLATFORM_KEY: &str = "sk_platform_0123456789abcdef";

/// The shop that inputs may name: `sh_` and this UUID.
const SHOP: [u8; 16] = [0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 0];

/// Time and chance stand still, so that an input always does the same.
struct Still;

#[async_trait]
impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_779_889_500_000)
    }

    async fn sleep_until(&self, _: Timestamp) {
        std::future::pending::<()>().await;
    }
}

impl Chance for Still {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0x5a);
    }
}

pub(crate) struct Door {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) catalog: Arc<Catalog>,
    send: Box<dyn Fn(&'static str, Bytes) -> (u16, Value)>,
}

impl Door {
    pub(crate) fn open() -> Self {
        let subdomain = Subdomain::parse("acme").unwrap();
        let id = ShopId::from_bytes(SHOP);
        let shop = Shop { id, subdomain, name: None, dev: false, created_at: Timestamp::EPOCH };
        let (ledger, catalog) = (Arc::new(Ledger::of(shop)), Arc::new(Catalog::built_in().unwrap()));
        let actions = Actions::new(
            ledger.clone(),
            catalog.clone(),
            Arc::new(egress()),
            World::new(Arc::new(Still), Arc::new(Still)),
            CursorKey::derive(&[0; 32]),
            ActionSettings {
                platform_keys: PlatformKeys::new([PLATFORM_KEY]).unwrap(),
                webhooks_per_shop: 100,
                drain_after_delete: Duration::from_mins(5),
            },
        );
        let parts = ApiParts {
            actions: Arc::new(actions),
            dispatch_is_alive: Arc::new(|| true),
            public_url: "http://127.0.0.1".to_owned(),
        };
        let routes = TowerToHyperService::new(sellvik_api::router(parts));
        let send = move |path: &'static str, body: Bytes| {
            let request = Request::post(path)
                .header(header::AUTHORIZATION, format!("Bearer {PLATFORM_KEY}"))
                .body(Full::new(body))
                .unwrap();
            wait(async {
                let response = routes.call(request).await.unwrap();
                let status = response.status().as_u16();
                let body = response.into_body().collect().await.unwrap().to_bytes();
                (status, serde_json::from_slice(&body).unwrap())
            })
        };
        Self { ledger, catalog, send: Box::new(send) }
    }

    /// Posts a body; the answer's status and JSON.
    pub(crate) fn post(&self, path: &'static str, body: &[u8]) -> (u16, Value) {
        (self.send)(path, Bytes::copy_from_slice(body))
    }
}
