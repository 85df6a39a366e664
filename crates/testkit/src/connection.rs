//! HTTP/1.1 by hand, on the raw stream, because a script may break its rules.

use std::io;
use std::iter::repeat;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::reply::{Action, Reply};

const HEAD_LIMIT: usize = 64 * 1024;
const BODY_LIMIT: usize = 64 * 1024 * 1024;
const CHUNKED_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A stream that ends in a TCP socket.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send {
    /// The socket.
    fn tcp(&self) -> &TcpStream;
}

impl Transport for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Transport for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// A request as read from the wire.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    keep: bool,
}

/// The receiver's end of one connection.
pub(crate) struct Connection<T> {
    stream: T,
    /// What was read and not yet used.
    ahead: BytesMut,
}

impl<T: Transport> Connection<T> {
    pub(crate) fn new(stream: T) -> Self {
        Self { stream, ahead: BytesMut::new() }
    }

    /// The next request, or none if the client closed instead of beginning one.
    ///
    /// What is not a request is an error of the kind `InvalidData`.
    pub(crate) async fn request(&mut self) -> io::Result<Option<Request>> {
        let Some(head) = self.head().await? else { return Ok(None) };
        let (method, path, version, headers) = parse_head(&head).ok_or(io::ErrorKind::InvalidData)?;
        let body = if headers.get("transfer-encoding").is_some() {
            self.chunked().await?
        } else {
            let declared =
                headers.get("content-length").map_or(Some(0), |length| parse_length(length.as_bytes(), 10));
            let length = declared.ok_or(io::ErrorKind::InvalidData)?;
            self.exactly(length).await?
        };
        let keep = version == "HTTP/1.1"
            && headers.get("connection").is_none_or(|value| !value.as_bytes().eq_ignore_ascii_case(b"close"));
        Ok(Some(Request { method, path, headers, body, keep }))
    }

    /// Does what the script says; true if the connection can carry another request.
    ///
    /// An error means that the connection is of no further use, not that something went wrong.
    pub(crate) async fn perform(&mut self, reply: &Reply, request: &Request) -> io::Result<bool> {
        for gate in &reply.gates {
            tokio::select! {
                () = gate.passed() => {}
                gone = self.gone() => return Err(gone),
            }
        }
        match &reply.action {
            Action::Answer(answer) => {
                self.write(&answer.bytes(request.method == "HEAD")).await?;
                Ok(request.keep && !answer.closes())
            }
            Action::Hang => Err(self.gone().await),
            Action::Close => Ok(false),
            Action::Reset => {
                self.reset()?;
                Err(io::ErrorKind::ConnectionReset.into())
            }
            Action::Raw(bytes) => {
                self.write(bytes).await?;
                Ok(false)
            }
            Action::RawKeep(bytes) => {
                self.write(bytes).await?;
                Err(self.gone().await)
            }
            Action::EndlessBody => Err(self.endless_body().await),
            Action::DripHead(interval) => {
                let head = b"HTTP/1.1 200 OK\r\nX-Drip: ".chunks(1);
                Err(self.drip(head.chain(repeat(&b"a"[..])), *interval).await)
            }
            Action::DripBody(interval) => {
                self.write(CHUNKED_HEAD).await?;
                Err(self.drip(repeat(&b"1\r\na\r\n"[..]), *interval).await)
            }
        }
    }

    /// Refuses what was not a request.
    pub(crate) async fn refuse(&mut self) -> io::Result<()> {
        self.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").await
    }

    /// Makes the end of the connection a reset.
    pub(crate) fn reset(&self) -> io::Result<()> {
        self.stream.tcp().set_zero_linger()
    }

    /// Says that nothing follows, then waits for the client to close too, so that what it still sends
    /// is not met with a reset.
    pub(crate) async fn close(mut self) {
        if self.stream.shutdown().await.is_ok() {
            self.gone().await;
        }
    }

    /// Returns once the client has closed, with the reason; never writes.
    pub(crate) async fn gone(&mut self) -> io::Error {
        loop {
            if let Err(error) = self.more().await {
                return error;
            }
        }
    }

    async fn endless_body(&mut self) -> io::Error {
        let chunk = [&b"2000\r\n"[..], &[b'a'; 0x2000], b"\r\n"].concat();
        let mut outcome = self.write(CHUNKED_HEAD).await;
        loop {
            if let Err(error) = outcome {
                return error;
            }
            outcome = self.write(&chunk).await;
        }
    }

    /// Writes one piece at each interval, until the client leaves.
    pub(crate) async fn drip<'a>(
        &mut self,
        pieces: impl Iterator<Item = &'a [u8]>,
        interval: Duration,
    ) -> io::Error {
        for piece in pieces {
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                gone = self.gone() => return gone,
            }
            if let Err(error) = self.write(piece).await {
                return error;
            }
        }
        io::ErrorKind::WriteZero.into()
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Reads some more bytes; the end of the stream is an error.
    async fn more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.ahead).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// All up to and with the next empty line.
    async fn head(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if let Some(end) = find(&self.ahead, b"\r\n\r\n") {
                return Ok(Some(self.ahead.split_to(end + 4).freeze()));
            }
            if self.ahead.len() > HEAD_LIMIT {
                return Err(io::ErrorKind::InvalidData.into());
            }
            match self.more().await {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && self.ahead.is_empty() => {
                    return Ok(None);
                }
                outcome => outcome?,
            }
        }
    }

    /// Reads until this many bytes are there.
    pub(crate) async fn exactly(&mut self, length: usize) -> io::Result<Bytes> {
        if length > BODY_LIMIT {
            return Err(io::ErrorKind::InvalidData.into());
        }
        while self.ahead.len() < length {
            self.more().await?;
        }
        Ok(self.ahead.split_to(length).freeze())
    }

    async fn line(&mut self) -> io::Result<Bytes> {
        loop {
            if let Some(end) = find(&self.ahead, b"\r\n") {
                return Ok(self.ahead.split_to(end + 2).freeze().slice(..end));
            }
            if self.ahead.len() > HEAD_LIMIT {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.more().await?;
        }
    }

    async fn chunked(&mut self) -> io::Result<Bytes> {
        let mut body = BytesMut::new();
        loop {
            let line = self.line().await?;
            let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
            let length = parse_length(digits, 16).ok_or(io::ErrorKind::InvalidData)?;
            if length == 0 {
                break;
            }
            if body.len().saturating_add(length) > BODY_LIMIT {
                return Err(io::ErrorKind::InvalidData.into());
            }
            body.extend_from_slice(&self.exactly(length).await?);
            if !self.line().await?.is_empty() {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        while !self.line().await?.is_empty() {}
        Ok(body.freeze())
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn parse_length(digits: &[u8], radix: u32) -> Option<usize> {
    usize::from_str_radix(str::from_utf8(digits).ok()?.trim(), radix).ok()
}

/// The method, the target, the version and the headers.
fn parse_head(head: &[u8]) -> Option<(String, String, String, HeaderMap)> {
    let mut lines = str::from_utf8(head).ok()?.split("\r\n");
    let mut words = lines.next()?.split(' ').map(str::to_owned);
    let (method, path, version) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() || !version.starts_with("HTTP/1.") || !path.starts_with('/') {
        return None;
    }
    let mut headers = HeaderMap::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_str(value.trim()).ok()?);
    }
    Some((method, path, version, headers))
}
