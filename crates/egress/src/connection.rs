//! One HTTP/1.1 connection, advanced only by whoever holds it.
//!
//! The usual arrangement gives each connection a task of its own. Without one, a request and its answer
//! cost no change of tasks, dropping the holder closes the connection at once, and nothing can leak.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::coop::unconstrained;

use crate::stream::{Heard, Stream};

/// Largest response head, in bytes: twice what common servers let a request have, and small enough to
/// hold thousands at once. Also the most that is buffered of a body before it is looked at.
const RESPONSE_HEAD_BYTES_MAX: usize = 16 * 1024;

/// Most header fields in a response head: what common servers and clients stop at.
const RESPONSE_HEADERS_MAX: usize = 100;

type Driver = http1::Connection<TokioIo<Stream>, Full<Bytes>>;

/// An open connection to a vetted address.
pub struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    /// None once the connection is over.
    driver: Option<Driver>,
    heard: Heard,
    peer: SocketAddr,
}

impl Connection {
    /// Speaks HTTP over a stream that is connected to `peer`. Boxed, because it is handed on a lot and large.
    pub async fn open(stream: Stream, peer: SocketAddr) -> hyper::Result<Box<Self>> {
        let heard = stream.heard();
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(RESPONSE_HEAD_BYTES_MAX)
            .max_headers(RESPONSE_HEADERS_MAX)
            // A folded value is to be read as one with spaces (RFC 9112 §5.2), not to fail a delivery.
            .allow_obsolete_multiline_headers_in_responses(true)
            // Some receivers read header names as they were written on the wire.
            .title_case_headers(true)
            .handshake(TokioIo::new(stream))
            .await?;
        Ok(Box::new(Self { sender, driver: Some(driver), heard, peer }))
    }

    /// The address at the other end.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Whether any byte of an answer to the last request has arrived.
    pub fn heard(&self) -> bool {
        self.heard.get()
    }

    /// Sends a request and waits for the head of the final answer.
    pub async fn ask(
        &mut self,
        request: hyper::Request<Full<Bytes>>,
    ) -> hyper::Result<hyper::Response<Incoming>> {
        self.heard.clear();
        let answer = self.sender.send_request(request);
        let answered = self.drive(answer).await;
        if answered.is_ok() {
            self.heard.lift();
        }
        answered
    }

    /// Waits for `future`, which waits for something that this connection brings.
    pub async fn drive<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
            self.advance(cx);
            future.as_mut().poll(cx)
        })
        .await
    }

    /// Whether the connection stands and awaits a request. Looks at what has arrived meanwhile, so a
    /// close or an answer that nobody asked for is noticed here.
    pub fn is_idle(&mut self) -> bool {
        // Unconstrained: a task that has used up its turn is told that nothing has arrived, whatever has.
        let look = pin!(unconstrained(poll_fn(|cx| {
            self.advance(cx);
            Poll::Ready(())
        })));
        let _ = look.poll(&mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.sender.is_ready()
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        if let Some(driver) = &mut self.driver
            && Pin::new(driver).poll(cx).is_ready()
        {
            // Dropping the driver closes the socket and ends whatever still waits for it.
            self.driver = None;
        }
    }
}
