//! Receivers that do harm, each in its own way, on a thread of their own: the test itself must not wait
//! for them either.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;

/// What a receiver does once it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Never answers.
    Mute,
    /// A head, a byte at a time.
    Drip,
    /// Interim heads, one after the other, for ever.
    Interim,
    /// A head of megabytes.
    Megabytes,
    /// An error with a body that never ends.
    Endless,
}

pub(super) const MANNERS: [Manner; 5] =
    [Manner::Mute, Manner::Drip, Manner::Interim, Manner::Megabytes, Manner::Endless];

/// How long a dripping receiver rests between two bytes.
const DRIP: Duration = Duration::from_millis(100);

impl Manner {
    /// The path that asks for it.
    pub(super) fn path(self) -> String {
        format!("/{self:?}").to_lowercase()
    }

    /// The manner of the receiver that this webhook is at.
    pub(super) fn of(webhook: &str) -> Self {
        *MANNERS.iter().find(|manner| webhook.contains(&manner.path())).unwrap()
    }

    async fn meet(self, stream: &mut TcpStream) -> io::Result<()> {
        let (start, forever) = match self {
            Self::Mute => return Err(hear_out(stream).await),
            Self::Drip => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nX: ").await?;
                loop {
                    stream.write_all(b"a").await?;
                    tokio::time::sleep(DRIP).await;
                }
            }
            Self::Interim => ("", "HTTP/1.1 100 Continue\r\n\r\n".repeat(100)),
            Self::Megabytes => ("HTTP/1.1 200 OK\r\nX: ", "a".repeat(1 << 16)),
            Self::Endless => ("HTTP/1.1 500 Oops\r\n\r\n", "a".repeat(1 << 16)),
        };
        stream.write_all(start.as_bytes()).await?;
        loop {
            stream.write_all(forever.as_bytes()).await?;
        }
    }
}

/// Reads until the other side is gone.
async fn hear_out(stream: &mut TcpStream) -> io::Error {
    let mut ignored = [0; 4096];
    loop {
        match stream.read(&mut ignored).await {
            Ok(0) => return io::ErrorKind::UnexpectedEof.into(),
            Ok(_) => {}
            Err(error) => return error,
        }
    }
}

/// The receivers, there until they are dropped.
pub(super) struct Mob {
    origins: Vec<SocketAddr>,
    asked: Arc<AtomicUsize>,
    /// Ends the thread when it is dropped.
    _stop: oneshot::Sender<()>,
}

impl Mob {
    /// Receivers at so many origins, each an address of its own on this machine.
    pub(super) fn at(origins: u8) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (said, origins_made) = std::sync::mpsc::channel();
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = asked.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut addresses = Vec::new();
                for origin in 1..=origins {
                    let listener = listen(Ipv4Addr::new(127, 0, 10, origin));
                    addresses.push(listener.local_addr().unwrap());
                    tokio::spawn(accept(listener, counter.clone()));
                }
                said.send(addresses).unwrap();
                // An error is the same wish.
                let _ = stopped.await;
            });
        });
        Self { origins: origins_made.recv().unwrap(), asked, _stop: stop }
    }

    /// The URL of a receiver of this manner, one of many at this origin.
    pub(super) fn url(&self, origin: usize, manner: Manner, number: usize) -> String {
        format!("http://{}{}/{number}", self.origins[origin % self.origins.len()], manner.path())
    }

    /// How many requests have come.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

/// A listener whose connections hold little that nobody reads.
fn listen(address: Ipv4Addr) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(16 << 10).unwrap();
    socket.bind((address, 0).into()).unwrap();
    socket.listen(1024).unwrap()
}

async fn accept(listener: TcpListener, asked: Arc<AtomicUsize>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let asked = asked.clone();
        tokio::spawn(async move {
            let mut head = [0; 2048];
            let Ok(length @ 1..) = stream.read(&mut head).await else { return };
            asked.fetch_add(1, Ordering::Relaxed);
            let head = String::from_utf8_lossy(&head[..length]);
            let manner = Manner::of(head.split(' ').nth(1).unwrap());
            // It goes on until the other side has had enough.
            let _ = manner.meet(&mut stream).await;
        });
    }
}
