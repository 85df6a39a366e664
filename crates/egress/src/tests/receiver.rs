//! A receiver whose every byte the test decides.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Listens on a port of its own until it is dropped.
pub struct Receiver {
    pub address: SocketAddr,
    pub seen: Arc<Seen>,
    _task: JoinSet<()>,
}

/// What has come in.
#[derive(Default)]
pub struct Seen {
    pub connections: AtomicUsize,
    pub requests: Mutex<Vec<String>>,
}

impl Receiver {
    /// Hands each connection, with its number from zero on, to `serve`.
    pub async fn start<F, S>(serve: F) -> Self
    where
        F: Fn(usize, TcpStream, Arc<Seen>) -> S + Send + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Seen>::default();
        let mut task = JoinSet::new();
        let shared = Arc::clone(&seen);
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let number = shared.connections.fetch_add(1, Ordering::SeqCst);
                connections.spawn(serve(number, stream, Arc::clone(&shared)));
            }
        });
        Self { address, seen, _task: task }
    }

    /// Answers the nth request, over whatever connection it comes, with the nth answer; the last one
    /// over and over. Connections stay open.
    pub async fn answering(answers: Vec<String>) -> Self {
        let answers = Arc::new(answers);
        Self::start(move |_, mut stream, seen| {
            let answers = Arc::clone(&answers);
            async move {
                while let Some(number) = next_request(&mut stream, &seen).await {
                    let answer = &answers[number.min(answers.len() - 1)];
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            }
        })
        .await
    }

    /// Reads one request, writes the same bytes to each and closes when they are out.
    pub async fn saying(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = Arc::new(bytes.into());
        Self::start(move |_, mut stream, seen| {
            let bytes = Arc::clone(&bytes);
            async move {
                next_request(&mut stream, &seen).await;
                // Whoever refuses the bytes may close before they are all out.
                let _ = stream.write_all(&bytes).await;
            }
        })
        .await
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    pub fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().clone()
    }
}

/// Reads one request to its end and notes it; its number from zero on, or none if there is no more.
pub async fn next_request(stream: &mut (impl AsyncRead + Unpin), seen: &Seen) -> Option<usize> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = find_end(&bytes) {
            assert_eq!(bytes.len(), end, "one request at a time");
            let mut requests = seen.requests.lock();
            requests.push(String::from_utf8(bytes).unwrap());
            return Some(requests.len() - 1);
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

/// Where the request ends, once all of it is there.
fn find_end(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = str::from_utf8(&bytes[..head]).unwrap().to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let end = head + length.parse::<usize>().unwrap();
    (bytes.len() >= end).then_some(end)
}

/// An answer with a body of known length.
pub fn answer(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} Words\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// An answer that leads elsewhere.
pub fn redirect(status: u16, location: &str) -> String {
    answer(status, &format!("Location: {location}\r\n"), "moved")
}
