//! The receivers, all in one process: they note what comes and answer 200 over kept-alive connections, but
//! for the one that accepts, reads and never answers. One thread serves; another talks to the measuring
//! process and sleeps meanwhile.

pub(crate) mod arrivals;
mod serve;
mod tls;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use parking_lot::Mutex;
use rustls::HandshakeKind;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::child;
use arrivals::Arrivals;

/// Callers whom the kernel keeps waiting at most.
const BACKLOG: u32 = 4096;

/// How the receivers are set up.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct SinkConfig {
    /// Ports that answer.
    pub(crate) ports: u16,
    /// Where to leave the certificate authority; plain HTTP without.
    pub(crate) authority: Option<PathBuf>,
    /// How long endpoints from `delayed_from` on take to answer.
    pub(crate) delay_ms: u64,
    pub(crate) delayed_from: u32,
}

struct Shared {
    arrivals: Mutex<Arrivals>,
    delay: Duration,
    delayed_from: u32,
    /// Requests after which a connection is closed; 0 for never.
    requests_max: AtomicU32,
    connections: AtomicU32,
    handshakes: AtomicU32,
    resumed: AtomicU32,
}

/// The process's whole life.
pub(crate) fn run(config: &str) -> anyhow::Result<()> {
    let config: SinkConfig = serde_json::from_str(config)?;
    let shared = Arc::new(Shared {
        arrivals: Mutex::default(),
        delay: Duration::from_millis(config.delay_ms),
        delayed_from: config.delayed_from,
        requests_max: AtomicU32::new(0),
        connections: AtomicU32::new(0),
        handshakes: AtomicU32::new(0),
        resumed: AtomicU32::new(0),
    });
    let tls = config.authority.as_deref().map(tls::server).transpose()?.map(TlsAcceptor::from);
    let (listening, addresses) = std::sync::mpsc::channel();
    let served = shared.clone();
    std::thread::spawn(move || serve(&config, tls.as_ref(), &served, &listening));
    child::say(&addresses.recv().context("the sink could not listen")??)?;
    child::answer_all(|question| answer(&shared, &question))
}

/// The serving thread.
fn serve(
    config: &SinkConfig,
    tls: Option<&TlsAcceptor>,
    shared: &Arc<Shared>,
    listening: &std::sync::mpsc::Sender<anyhow::Result<Value>>,
) {
    let open = async || -> anyhow::Result<Value> {
        let mut ports = Vec::new();
        for _ in 0..config.ports {
            let listener = listen()?;
            ports.push(listener.local_addr()?.port());
            tokio::spawn(accept(listener, tls.cloned(), shared.clone()));
        }
        let hole = listen()?;
        let port = hole.local_addr()?.port();
        tokio::spawn(async move {
            loop {
                if let Ok((stream, _)) = hole.accept().await {
                    tokio::spawn(serve::swallow(stream));
                }
            }
        });
        Ok(json!({ "ports": ports, "hole": port }))
    };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let _ = listening.send(open().await);
        std::future::pending::<()>().await;
    });
}

fn listen() -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    socket.listen(BACKLOG)
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        shared.connections.fetch_add(1, Ordering::Relaxed);
        match tls.clone() {
            None => drop(tokio::spawn(serve::answer(stream, shared.clone()))),
            Some(tls) => drop(tokio::spawn(greet(tls, stream, shared.clone()))),
        }
    }
}

async fn greet(tls: TlsAcceptor, stream: TcpStream, shared: Arc<Shared>) -> std::io::Result<()> {
    let stream = tls.accept(stream).await?;
    shared.handshakes.fetch_add(1, Ordering::Relaxed);
    if stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed) {
        shared.resumed.fetch_add(1, Ordering::Relaxed);
    }
    serve::answer(stream, shared).await
}

fn answer(shared: &Shared, question: &Value) -> anyhow::Result<Value> {
    let mut arrivals = shared.arrivals.lock();
    if let Some(path) = question["dump"].as_str() {
        arrivals.dump(path.as_ref())?;
    }
    if let Some(most) = question["requests_max"].as_u64() {
        shared.requests_max.store(u32::try_from(most)?, Ordering::Relaxed);
    }
    let (published, seeded) = arrivals.counts();
    let (at_a_time, at_first) = arrivals.crowding(shared.delayed_from as usize);
    Ok(json!({
        "published": published,
        "seeded": seeded,
        "at_a_time": at_a_time,
        "at_first": at_first,
        "connections": shared.connections.load(Ordering::Relaxed),
        "handshakes": shared.handshakes.load(Ordering::Relaxed),
        "resumed": shared.resumed.load(Ordering::Relaxed),
    }))
}
