//! HTTP/1.1 messages that carry a Content-Length, read from a kept-alive connection: all that the sink and
//! the publisher need, at a fraction of what a whole HTTP library would take of the processors they share
//! with the service.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// What is read at once, at most.
const READ_BYTES: usize = 16 << 10;

/// A connection, and what of it was read ahead.
pub(crate) struct Wire<S> {
    stream: S,
    buffer: BytesMut,
}

/// A request or an answer.
pub(crate) struct Message {
    bytes: BytesMut,
    head: usize,
}

impl Message {
    /// From the first line to the empty line.
    pub(crate) fn head(&self) -> &[u8] {
        &self.bytes[..self.head]
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.bytes[self.head..]
    }

    /// Names, as they were spelt, and values.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        headers(self.head())
    }

    /// An answer's status; 0 if there is none to read.
    pub(crate) fn status(&self) -> u16 {
        let text = self.head().get(9..12).and_then(|text| std::str::from_utf8(text).ok());
        text.and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, buffer: BytesMut::new() }
    }

    /// The next message; none at the end of the connection.
    pub(crate) async fn read(&mut self) -> io::Result<Option<Message>> {
        let mut searched = 0;
        let head = loop {
            if let Some(at) = self.buffer[searched..].windows(4).position(|four| four == b"\r\n\r\n") {
                break searched + at + 4;
            }
            searched = self.buffer.len().saturating_sub(3);
            if !self.fill().await? {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        };
        let whole = head + content_length(&self.buffer[..head])?;
        while self.buffer.len() < whole {
            if !self.fill().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Some(Message { bytes: self.buffer.split_to(whole), head }))
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    pub(crate) async fn close(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    async fn fill(&mut self) -> io::Result<bool> {
        self.buffer.reserve(READ_BYTES);
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }
}

fn content_length(head: &[u8]) -> io::Result<usize> {
    let Some((_, value)) = headers(head).find(|(name, _)| name.eq_ignore_ascii_case(b"content-length"))
    else {
        return Ok(0);
    };
    let text = std::str::from_utf8(value).map_err(io::Error::other)?;
    text.parse().map_err(io::Error::other)
}

fn headers(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    head.split(|byte| *byte == b'\n').skip(1).filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    /// What `sent` is read as, if it comes `at_once` bytes at a time.
    async fn read_all(sent: &'static [u8], at_once: usize) -> io::Result<Vec<Message>> {
        let (here, mut there) = tokio::io::duplex(at_once);
        let sending = tokio::spawn(async move { there.write_all(sent).await });
        let mut wire = Wire::new(here);
        let mut all = Vec::new();
        while let Some(message) = wire.read().await? {
            all.push(message);
        }
        sending.await.unwrap()?;
        Ok(all)
    }

    #[tokio::test]
    async fn messages_are_told_apart_however_they_are_cut() {
        let sent = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12\r\n\rHTTP/1.1 404 No\r\nx-a:  b \r\n\r\n";
        for at_once in [1, 3, 20, 1000] {
            let all = read_all(sent, at_once).await.unwrap();
            let read: Vec<_> = all.iter().map(|message| (message.status(), message.body())).collect();
            assert_eq!(read, [(200, &b"12\r\n\r"[..]), (404, b"")], "{at_once} at once");
            assert_eq!(all[1].headers().next(), Some((&b"x-a"[..], &b"b"[..])));
        }
    }

    #[tokio::test]
    async fn a_message_cut_short_is_an_error() {
        for sent in [&b"HTTP/1.1 200"[..], b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n12"] {
            assert!(read_all(sent, 1000).await.is_err());
        }
    }
}
