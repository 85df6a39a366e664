//! The platform's side: a shop, its webhooks, and events of about 1 KiB.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::Workload;
use crate::service::Service;

pub(crate) struct Publisher {
    http: Client<HttpConnector, Full<Bytes>>,
    base: String,
    platform_key: String,
    admin_key: String,
    shop: String,
    webhooks: Vec<String>,
    sent: Mutex<HashMap<String, Instant>>,
}

impl Publisher {
    pub(crate) async fn new(service: &Service, sink: SocketAddr, fan_out: usize) -> anyhow::Result<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let mut publisher = Self {
            http: Client::builder(TokioExecutor::new()).build(connector),
            base: format!("http://{}", service.address),
            platform_key: service.platform_key.clone(),
            admin_key: String::new(),
            shop: String::new(),
            webhooks: Vec::new(),
            sent: Mutex::default(),
        };
        let platform = publisher.platform_key.clone();
        let body = json!({"subdomain": "bench", "dev": true});
        let shop = publisher.post("/api/v1/platform/shops", &platform, &body).await?;
        shop["id"].as_str().context("shop")?.clone_into(&mut publisher.shop);
        let body = json!({"scopes": ["webhooks:read", "webhooks:write"]});
        let path = format!("/api/v1/platform/shops/{}/keys", publisher.shop);
        let key = publisher.post(&path, &platform, &body).await?;
        key["key"].as_str().context("key")?.clone_into(&mut publisher.admin_key);
        for n in 0..fan_out {
            let body = json!({"url": format!("http://{sink}/hook/{n}"), "events": ["order.cancelled"]});
            let webhook = publisher.post("/api/v1/admin/webhooks", &publisher.admin_key, &body).await?;
            publisher.webhooks.push(webhook["id"].as_str().context("webhook")?.to_owned());
        }
        Ok(publisher)
    }

    /// Publishes so many events as the workload says.
    pub(crate) async fn run(self: &Arc<Self>, workload: &Workload, events: usize) -> anyhow::Result<()> {
        let (next, started) = (Arc::new(AtomicUsize::new(0)), Instant::now());
        let mut connections = tokio::task::JoinSet::<anyhow::Result<()>>::new();
        let (batch, rate) = (workload.batch, workload.rate);
        for _ in 0..workload.connections {
            let (publisher, next) = (self.clone(), next.clone());
            connections.spawn(async move {
                loop {
                    let first = next.fetch_add(batch, Ordering::Relaxed);
                    if first >= events {
                        return Ok(());
                    }
                    if let Some(rate) = rate {
                        let due = started + Duration::from_secs(1) / rate * u32::try_from(first)?;
                        tokio::time::sleep_until(due.into()).await;
                    }
                    publisher.publish(first, batch).await?;
                }
            });
        }
        while let Some(ended) = connections.join_next().await {
            ended??;
        }
        Ok(())
    }

    async fn publish(&self, first: usize, batch: usize) -> anyhow::Result<()> {
        let filler = "x".repeat(900);
        let event = |n: usize| {
            json!({"shop": self.shop, "type": "order.cancelled", "id": format!("evt_{n}"),
                   "data": {"order": {"id": format!("ord_{n}"), "note": filler}}})
        };
        let sent = Instant::now();
        self.sent.lock().extend((first..first + batch).map(|n| (format!("evt_{n}"), sent)));
        if batch == 1 {
            let answer = self.post("/api/v1/platform/events", &self.platform_key, &event(first)).await?;
            ensure!(answer["deliveries"] == self.webhooks.len(), "unexpected answer: {answer}");
            return Ok(());
        }
        let body = json!({"events": (first..first + batch).map(event).collect::<Vec<_>>()});
        let answer = self.post("/api/v1/platform/events/batch", &self.platform_key, &body).await?;
        let results = answer["results"].as_array().context("results")?;
        ensure!(
            results.iter().all(|result| result["deliveries"] == self.webhooks.len()),
            "refused: {answer}"
        );
        Ok(())
    }

    /// When each event's publish was sent.
    pub(crate) fn sent(&self) -> HashMap<String, Instant> {
        self.sent.lock().clone()
    }

    /// Waits until no delivery is pending or failed any more.
    pub(crate) async fn wait_until_settled(&self, patience: Duration) -> anyhow::Result<()> {
        let started = Instant::now();
        for webhook in &self.webhooks {
            for status in ["pending", "failed"] {
                let path = format!("/api/v1/admin/webhooks/{webhook}/deliveries?limit=1&status={status}");
                while self.send("GET", &path, &self.admin_key, None).await?["items"] != json!([]) {
                    if started.elapsed() > patience {
                        bail!("deliveries are still {status}");
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
        Ok(())
    }

    async fn post(&self, path: &str, key: &str, body: &Value) -> anyhow::Result<Value> {
        self.send("POST", path, key, Some(body)).await
    }

    async fn send(&self, method: &str, path: &str, key: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let bytes = body.map(Value::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(bytes)))?;
        let answer = self.http.request(request).await?;
        let status = answer.status();
        let bytes = answer.into_body().collect().await?.to_bytes();
        ensure!(status.is_success(), "{status} {}", String::from_utf8_lossy(&bytes));
        Ok(serde_json::from_slice(&bytes)?)
    }
}
