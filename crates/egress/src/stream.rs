//! The bytes of one connection, plain or inside TLS.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Most that is read of an answer up to its final head, in bytes: a few thousand interim heads. They cost
/// next to nothing to send and time to read; whoever sends more is not listened to until time runs out.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A connected stream that remembers whether the peer has said anything.
pub struct Stream {
    transport: Transport,
    heard: Heard,
}

enum Transport {
    Plain(TcpStream),
    // Boxed: the state of a TLS session is a kilobyte that plain connections need not carry around.
    Tls(Box<TlsStream<TcpStream>>),
}

/// How much more the peer may say before its final head. A request whose connection breaks before a byte
/// of an answer has arrived may be repeated on another one: it was not answered, not even in part.
#[derive(Clone)]
pub struct Heard(Arc<AtomicUsize>);

impl Heard {
    /// From here on an answer is awaited.
    pub fn clear(&self) {
        self.0.store(ANSWER_BYTES_MAX, Ordering::Relaxed);
    }

    /// Whether a byte of it has arrived.
    pub fn get(&self) -> bool {
        self.left() != ANSWER_BYTES_MAX
    }

    /// The final head is there; the body has bounds of its own.
    pub fn lift(&self) {
        self.0.store(usize::MAX, Ordering::Relaxed);
    }

    fn left(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn note(&self, bytes: usize) {
        self.0.store(self.left().saturating_sub(bytes), Ordering::Relaxed);
    }
}

impl Default for Heard {
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(ANSWER_BYTES_MAX)))
    }
}

impl Stream {
    pub fn plain(stream: TcpStream) -> Self {
        Self { transport: Transport::Plain(stream), heard: Heard::default() }
    }

    pub fn tls(stream: TlsStream<TcpStream>) -> Self {
        Self { transport: Transport::Tls(Box::new(stream)), heard: Heard::default() }
    }

    pub fn heard(&self) -> Heard {
        self.heard.clone()
    }
}

impl Stream {
    fn writer(&mut self) -> Pin<&mut (dyn AsyncWrite + Send + Unpin)> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream),
            Transport::Tls(stream) => Pin::new(stream.as_mut()),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.heard.left() == 0 {
            // Nobody is woken: the attempt's clock ends this.
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let read = match &mut this.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Transport::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
        };
        ready!(read)?;
        this.heard.note(buf.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().writer().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().writer().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(stream) => stream.is_write_vectored(),
            Transport::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().writer().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().writer().poll_shutdown(cx)
    }
}
