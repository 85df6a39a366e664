//! Callers by the thousand, from many addresses of this machine so that none runs out of ports.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::house::House;
use super::side_by_side;

/// A key that nobody has.
pub(super) const STRANGER: &str = "sk_platform_of_nobody";

/// How long a caller waits for an end before the test fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// How many call at once: fewer than the kernel keeps in its queue.
const AT_ONCE: usize = 100;

/// A connection to the service.
pub(super) struct Caller {
    pub(super) stream: TcpStream,
    /// When it last was heard or answered.
    since: Instant,
}

impl Caller {
    /// Connects, and says nothing.
    pub(super) async fn call(address: SocketAddr, number: usize) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // What is never read is to fill no large buffers of ours.
        socket.set_recv_buffer_size(8 << 10).unwrap();
        let from = Ipv4Addr::new(127, 0, 20, u8::try_from(number % 40).unwrap() + 1);
        socket.bind((from, 0).into()).unwrap();
        Self { stream: socket.connect(address).await.unwrap(), since: Instant::now() }
    }

    /// Sends these bytes; whether the service still takes any.
    pub(super) async fn say(&mut self, bytes: &[u8]) -> bool {
        self.since = Instant::now();
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Reads one answer's head and a body in the same packet.
    pub(super) async fn hear(&mut self) -> String {
        let mut answer = vec![0; 4096];
        let length = self.stream.read(&mut answer).await.unwrap();
        self.since = Instant::now();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }

    /// Waits for the end of the connection; what was said before it, and how long that took since this
    /// caller was last heard or answered.
    pub(super) async fn end(mut self) -> (String, Duration) {
        let mut said = Vec::new();
        let end = timeout(PATIENCE, self.stream.read_to_end(&mut said)).await;
        // A reset is an end too.
        assert!(end.is_ok(), "the connection never ends; so far: {}", String::from_utf8_lossy(&said));
        (String::from_utf8_lossy(&said).into_owned(), self.since.elapsed())
    }
}

/// The head of a request with this key, for a body of this length.
pub(super) fn head(line: &str, key: &str, length: usize) -> String {
    format!("{line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: {length}\r\n\r\n")
}

impl House {
    /// Connects so many callers, and waits until the service has taken them all.
    pub(super) async fn callers(&self, many: usize) -> Vec<Caller> {
        let address = self.address;
        let mut callers = Vec::with_capacity(many);
        while callers.len() < many {
            let made = callers.len();
            let more = AT_ONCE.min(many - made);
            let call = move |number| Caller::call(address, made + number);
            callers.extend(side_by_side(more, AT_ONCE, call).await);
            let there = callers.len();
            self.has_files(|files| files >= there).await;
        }
        callers
    }
}
