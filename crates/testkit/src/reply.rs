//! What a receiver is told to do with a request.

use std::iter::repeat_n;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::sync::watch;

/// One step of a script: what the receiver does once it has read a whole request.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) action: Action,
    pub(crate) gates: Vec<Arc<Gate>>,
}

/// The kinds of reply.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// An HTTP answer, after which the connection is kept.
    Answer(Scripted),
    /// Silence.
    Hang,
    /// The end of the connection, in good order and without a byte.
    Close,
    /// The end of the connection, by RST.
    Reset,
    /// These bytes, then the end of the connection.
    Raw(Bytes),
    /// These bytes, then silence.
    RawKeep(Bytes),
    /// A 200 whose body never ends.
    EndlessBody,
    /// A 200 whose head never ends, a byte at a time.
    DripHead(Duration),
    /// A 200 whose body never ends, a byte at a time.
    DripBody(Duration),
}

/// The parts of an HTTP answer.
#[derive(Clone, Debug)]
pub(crate) struct Scripted {
    continues: usize,
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Reply {
    /// An answer with this status, no headers of its own and an empty body.
    ///
    /// A `Content-Length` is added unless a header of the script already frames the body, and the
    /// connection is kept unless the script or the client says `Connection: close`.
    pub fn status(code: u16) -> Self {
        Self::continue_then(0, code)
    }

    /// An answer with this status that points to `location`.
    pub fn redirect(code: u16, location: &str) -> Self {
        Self::status(code).with_header("Location", location)
    }

    /// `n` heads of `100 Continue`, then an answer with this status.
    pub fn continue_then(n: usize, status: u16) -> Self {
        Self::of(Action::Answer(Scripted { continues: n, status, headers: Vec::new(), body: Bytes::new() }))
    }

    /// Never answers: silence until the client closes or the receiver is dropped.
    pub fn hang() -> Self {
        Self::of(Action::Hang)
    }

    /// Closes the connection without a byte.
    pub fn close() -> Self {
        Self::of(Action::Close)
    }

    /// Resets the connection (RST) without a byte.
    pub fn reset() -> Self {
        Self::of(Action::Reset)
    }

    /// Writes exactly these bytes, then closes the connection.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self::of(Action::Raw(bytes.into()))
    }

    /// Writes exactly these bytes, then keeps the connection open in silence.
    pub fn raw_keep(bytes: impl Into<Bytes>) -> Self {
        Self::of(Action::RawKeep(bytes.into()))
    }

    /// A 200 with a chunked body that never ends, as fast as the client reads.
    pub fn endless_body() -> Self {
        Self::of(Action::EndlessBody)
    }

    /// A 200 whose head comes one byte each `interval` and never ends.
    pub fn drip_head(interval: Duration) -> Self {
        Self::of(Action::DripHead(interval))
    }

    /// A 200 whose head comes at once and whose body comes one byte each `interval` and never ends.
    pub fn drip_body(interval: Duration) -> Self {
        Self::of(Action::DripBody(interval))
    }

    /// An answer with this status, held back until `gate` is open.
    pub fn gate(gate: Arc<Gate>, status: u16) -> Self {
        Self::status(status).after(gate)
    }

    /// Holds this reply, of whatever kind, back until `gate` is open.
    #[must_use]
    pub fn after(mut self, gate: Arc<Gate>) -> Self {
        self.gates.push(gate);
        self
    }

    /// Gives the answer this body.
    ///
    /// Panics if the reply is not an answer with a status.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.answer().body = body.into();
        self
    }

    /// Adds this header line as it is; the same name may be added again.
    ///
    /// Panics if the reply is not an answer with a status.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.answer().headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn of(action: Action) -> Self {
        Self { action, gates: Vec::new() }
    }

    fn answer(&mut self) -> &mut Scripted {
        match &mut self.action {
            Action::Answer(answer) => answer,
            other => panic!("{other:?} has neither headers nor a body to set"),
        }
    }
}

impl Scripted {
    /// The answer as it goes over the wire.
    pub(crate) fn bytes(&self, to_head: bool) -> Vec<u8> {
        let mut wire: Vec<u8> =
            repeat_n(b"HTTP/1.1 100 Continue\r\n\r\n", self.continues).flatten().copied().collect();
        let status = StatusCode::from_u16(self.status).ok();
        let reason = status.and_then(|status| status.canonical_reason()).unwrap_or("Scripted");
        wire.extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", self.status).as_bytes());
        for (name, value) in &self.headers {
            wire.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        let bodiless = self.status < 200 || self.status == 204 || self.status == 304;
        if !bodiless && !self.has("content-length") && !self.has("transfer-encoding") {
            wire.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        wire.extend_from_slice(b"\r\n");
        if !to_head {
            wire.extend_from_slice(&self.body);
        }
        wire
    }

    /// Whether the script itself ends the connection.
    pub(crate) fn closes(&self) -> bool {
        let ends = |(name, value): &(String, String)| {
            name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close")
        };
        self.headers.iter().any(ends)
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name))
    }
}

/// A door in front of a reply. It starts closed; once opened it stays open.
#[derive(Debug)]
pub struct Gate(watch::Sender<bool>);

impl Gate {
    /// A closed gate, to be shared by the test and its script.
    pub fn new() -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(false)))
    }

    /// Lets through everything that waits or will come.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Returns once the gate is open.
    pub(crate) async fn passed(&self) {
        self.0.subscribe().wait_for(|open| *open).await.unwrap();
    }
}
