//! Requests as bytes: whatever follows a request in its connection does not hold up its answer.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::Server;

const PATIENCE: Duration = Duration::from_secs(20);

/// The status line of the first answer to these bytes, with the connection kept open.
async fn first_line(server: &Server, bytes: &[u8]) -> String {
    let url = server.url();
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut answer = vec![0; 4096];
    let told = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut answer)).await;
    let length = read.unwrap_or_else(|_| panic!("no answer to {told:?}")).unwrap();
    let text = String::from_utf8_lossy(&answer[..length]).into_owned();
    text.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_request_is_answered_whatever_follows_it() {
    let server = Server::start().await;
    let get = "GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n";
    let post = "POST /api/v1/platform/shops HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";
    for (bytes, line) in [
        (format!("{get}\r\n"), "HTTP/1.1 200 OK"),
        (format!("{get}GET /api/hea"), "HTTP/1.1 200 OK"),
        (format!("{get}{post}"), "HTTP/1.1 200 OK"),
        (format!("{post}\r\n"), "HTTP/1.1 401 Unauthorized"),
        (format!("{post}{{"), "HTTP/1.1 401 Unauthorized"),
        // The rest of the body never comes.
        (post.replace("Length: 2", "Length: 70000"), "HTTP/1.1 401 Unauthorized"),
    ] {
        assert_eq!(first_line(&server, bytes.as_bytes()).await, line, "{bytes:?}");
    }
}

#[tokio::test]
async fn what_is_no_request_is_told_so() {
    let server = Server::start().await;
    let endless = format!("GET /api/health HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(100_000));
    for (bytes, status) in [
        (&b"garbage\r\n\r\n"[..], "400"),
        (b"GET /api/health?a=\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        (b"GET /api/health HTTP/1.1\r\nHost x\r\n\r\n", "400"),
        (endless.as_bytes(), "431"),
    ] {
        let line = first_line(&server, bytes).await;
        assert!(line.starts_with(&format!("HTTP/1.1 {status} ")), "{line:?}");
    }
    // What is read but means nothing is an answer like any other.
    for target in ["*", "/%ff", "//", "http://elsewhere.example/nothing"] {
        let line =
            first_line(&server, format!("OPTIONS {target} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;
        assert_eq!(line, "HTTP/1.1 404 Not Found", "{target}");
    }
}
