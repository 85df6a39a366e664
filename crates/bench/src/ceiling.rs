//! What could be reached at most: a bare HTTP client on one thread that signs as the service does and posts
//! the same bytes to the same sink, with no API, no ledger, no lanes and no address rules around it.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::ensure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};

use crate::{child, clock, event};

/// How many to post.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Posts {
    pub(crate) sink: SocketAddr,
    pub(crate) many: u32,
    pub(crate) connections: u32,
}

/// What it reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ceiling {
    /// Posts a second.
    pub(crate) rate: f64,
    /// Seconds of processor time.
    pub(crate) cpu_per_1000: f64,
}

/// The process's whole life.
pub(crate) fn run() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    child::answer_all(|question| {
        let posts: Posts = serde_json::from_value(question)?;
        LocalSet::new().block_on(&runtime, post_all(posts))
    })
}

async fn post_all(posts: Posts) -> anyhow::Result<Value> {
    let began = clock::monotonic_ns();
    let taken = Rc::new(Cell::new(0));
    let mut connections = JoinSet::new();
    for _ in 0..posts.connections {
        connections.spawn_local(post(posts.sink, posts.many, taken.clone()));
    }
    while let Some(ended) = connections.join_next().await {
        ended??;
    }
    Ok(json!({ "began": began, "ended": clock::monotonic_ns() }))
}

async fn post(sink: SocketAddr, many: u32, taken: Rc<Cell<u32>>) -> anyhow::Result<()> {
    let stream = TcpStream::connect(sink).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::task::spawn_local(connection);
    let body = Bytes::from(event::envelope(0, event::KINDS[0], &"0".repeat(35), "bench", &event::filler()));
    let signer = Signer::new();
    while taken.get() < many {
        let number = taken.replace(taken.get() + 1);
        sender.ready().await?;
        let answer = sender.send_request(signer.request(number, sink, &body)?).await?;
        ensure!(answer.status().is_success(), "the sink answered {}", answer.status());
        answer.into_body().collect().await?;
    }
    Ok(())
}

/// Both schemes' keys.
struct Signer {
    sellvik: hmac::Key,
    standard: hmac::Key,
}

impl Signer {
    fn new() -> Self {
        let key = [7; 32];
        let text = format!("whsec_{}", STANDARD.encode(key));
        Self {
            sellvik: hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes()),
            standard: hmac::Key::new(hmac::HMAC_SHA256, &key),
        }
    }

    fn request(&self, number: u32, sink: SocketAddr, body: &Bytes) -> anyhow::Result<Request<Full<Bytes>>> {
        let event = format!("evt_{number:010}");
        let seconds = (clock::epoch_ms() / 1000).to_string();
        let sellvik = hex::encode(mac(&self.sellvik, &[seconds.as_bytes(), b".", body]));
        let standard = mac(&self.standard, &[event.as_bytes(), b".", seconds.as_bytes(), b".", body]);
        Ok(Request::post("/hook/0")
            .header("host", sink.to_string())
            .header("content-type", "application/json")
            .header("user-agent", "Sellvik-Webhooks/1.0")
            .header("x-sellvik-event", event::KINDS[0])
            .header("x-sellvik-event-id", &event)
            .header("x-sellvik-shop", "bench")
            .header("x-sellvik-delivery", format!("del_{number:032x}"))
            .header("webhook-id", &event)
            .header("x-sellvik-signature", format!("t={seconds},v1={sellvik}"))
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", format!("v1,{}", STANDARD.encode(standard)))
            .body(Full::new(body.clone()))?)
    }
}

fn mac(key: &hmac::Key, parts: &[&[u8]]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(part);
    }
    context.sign()
}
