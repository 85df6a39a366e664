//! The receiver: answers 200 over kept-alive connections and notes when each delivery came.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::Notify;

#[derive(Default)]
struct Arrivals {
    /// By delivery id: the event's id and when it came.
    came: Mutex<HashMap<String, (String, Instant)>>,
    more: Notify,
}

pub(crate) struct Sink {
    address: SocketAddr,
    arrivals: Arc<Arrivals>,
}

impl Sink {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let arrivals = Arc::new(Arrivals::default());
        let shared = arrivals.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let arrivals = shared.clone();
                let service = service_fn(move |request| take(arrivals.clone(), request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(Self { address, arrivals })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) async fn wait_for(&self, deliveries: usize, patience: Duration) -> anyhow::Result<()> {
        let all = async {
            loop {
                let more = self.arrivals.more.notified();
                if self.arrivals.came.lock().len() >= deliveries {
                    return;
                }
                more.await;
            }
        };
        if tokio::time::timeout(patience, all).await.is_err() {
            bail!("{} of {deliveries} deliveries arrived", self.arrivals.came.lock().len());
        }
        Ok(())
    }

    /// From the publish that was sent to the request that came, sorted.
    pub(crate) fn latencies(&self, sent: &HashMap<String, Instant>) -> Vec<Duration> {
        let came = self.arrivals.came.lock();
        let mut all: Vec<_> =
            came.values().filter_map(|(event, at)| Some(at.duration_since(*sent.get(event)?))).collect();
        all.sort_unstable();
        all
    }
}

async fn take(arrivals: Arc<Arrivals>, request: Request<Incoming>) -> hyper::Result<Response<Full<Bytes>>> {
    let came = Instant::now();
    let text = |name: &str| {
        request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    let (delivery, event) = (text("x-sellvik-delivery"), text("x-sellvik-event-id"));
    request.into_body().collect().await?;
    if arrivals.came.lock().insert(delivery.clone(), (event, came)).is_some() {
        eprintln!("{delivery} came twice");
    }
    arrivals.more.notify_one();
    Ok(Response::new(Full::new(Bytes::from_static(b"ok"))))
}
