//! Requests as bytes: each is answered once, in its turn, or the connection ends.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::Server;

mod framing;
mod heads;
mod meanwhile;
mod pipelines;
mod targets;

const PATIENCE: Duration = Duration::from_secs(20);

/// Follows whatever is sent, and is answered only where that left the connection in good order.
const LAST: &[u8] = b"GET /api/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// The headers that answers have; none of them repeats anything of the request.
const OURS: [&str; 8] = [
    "allow",
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "date",
    "retry-after",
    "x-content-type-options",
];

/// An answer as it came over the wire.
pub(super) struct Raw {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

pub(super) async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.url().strip_prefix("http://").unwrap()).await.unwrap()
}

/// Sends these bytes and then [`LAST`]; every answer until the server ends the connection.
pub(super) async fn answers(server: &Server, bytes: &[u8]) -> Vec<Raw> {
    let (mut reader, mut writer) = connect(server).await.into_split();
    let (sent, mut received) = ([bytes, LAST].concat(), vec![0; 0]);
    let write = async {
        // The server may answer and close before it has read everything.
        let _ = writer.write_all(&sent).await;
    };
    let read = async {
        let mut part = vec![0; 65_536];
        while let Ok(length @ 1..) = reader.read(&mut part).await {
            received.extend_from_slice(&part[..length]);
        }
    };
    let both = async { tokio::join!(write, read) };
    let told = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
    assert!(tokio::time::timeout(PATIENCE, both).await.is_ok(), "no end after {told:?}");
    let (mut rest, mut all) = (&received[..], Vec::new());
    while !rest.is_empty() {
        let (answer, after) = parse(rest).unwrap_or_else(|| panic!("{told:?}: {}", received.escape_ascii()));
        // A refusal without our envelope is HTTP's own, and the connection's end.
        assert!(answer.status < 400 || !answer.body.is_empty() || after.is_empty(), "{told:?}");
        all.push(answer);
        rest = after;
    }
    all
}

/// The statuses of the answers.
pub(super) async fn statuses(server: &Server, bytes: &[u8]) -> Vec<u16> {
    answers(server, bytes).await.iter().map(|answer| answer.status).collect()
}

/// One answer with nothing but headers of ours and, if it is an error with a body, the errors' envelope.
fn parse(bytes: &[u8]) -> Option<(Raw, &[u8])> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, rest) = (std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 4..]);
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    let mut length = 0;
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        let name = name.to_ascii_lowercase();
        assert!(OURS.contains(&&*name) && !value.contains(['\r', '\n', '\0']), "{line:?}");
        if name == "content-length" {
            length = value.parse().ok()?;
        }
    }
    let (body, rest) = rest.split_at_checked(length)?;
    if status >= 400 && length > 0 {
        let json: Value = serde_json::from_slice(body).ok()?;
        assert!(
            head.contains("content-type: application/json") && json["error"]["code"].is_string(),
            "{json}"
        );
    }
    Some((Raw { status, body: body.to_vec() }, rest))
}

/// A request with these header lines.
pub(super) fn request(line: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{line} HTTP/1.1\r\nHost: x\r\n").into_bytes();
    for header in headers {
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// The status line of the first answer to these bytes, with the connection kept open.
async fn first_line(server: &Server, bytes: &[u8]) -> String {
    let mut stream = connect(server).await;
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
