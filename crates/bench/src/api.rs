//! A caller of the service's API for setting up and looking: one kept-alive connection.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::wire::Wire;

pub(crate) struct Api {
    wire: Wire<TcpStream>,
}

impl Api {
    pub(crate) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { wire: Wire::new(stream) })
    }

    pub(crate) async fn get(&mut self, path: &str, key: &str) -> anyhow::Result<Value> {
        self.send("GET", path, key, "").await
    }

    pub(crate) async fn post(&mut self, path: &str, key: &str, body: &Value) -> anyhow::Result<Value> {
        self.send("POST", path, key, &body.to_string()).await
    }

    async fn send(&mut self, method: &str, path: &str, key: &str, body: &str) -> anyhow::Result<Value> {
        let request = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nhost: service\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.wire.write(request.as_bytes()).await?;
        let answer = self.wire.read().await?.context("the service closed the connection")?;
        let text = String::from_utf8_lossy(answer.body());
        ensure!((200..300).contains(&answer.status()), "{method} {path}: {} {text}", answer.status());
        Ok(serde_json::from_str(&text)?)
    }

    /// Makes an admin key for a shop.
    pub(crate) async fn admin_key(&mut self, platform_key: &str, shop: &str) -> anyhow::Result<String> {
        let body = json!({ "scopes": ["webhooks:read", "webhooks:write"] });
        let key = self.post(&format!("/platform/shops/{shop}/keys"), platform_key, &body).await?;
        Ok(key["key"].as_str().context("key")?.to_owned())
    }

    /// Whether a webhook has no delivery left that is pending or failed.
    pub(crate) async fn is_settled(&mut self, admin_key: &str, webhook: &str) -> anyhow::Result<bool> {
        for status in ["pending", "failed"] {
            let path = format!("/admin/webhooks/{webhook}/deliveries?limit=1&status={status}");
            if self.get(&path, admin_key).await?["items"] != json!([]) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
