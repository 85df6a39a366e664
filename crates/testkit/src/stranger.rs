//! A peer that keeps to no protocol: it does what its script says, byte by byte.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::connection::{Connection, Transport};
use crate::{Gate, TestTls};

const PATIENCE: Duration = Duration::from_secs(20);

/// One thing that a stranger does with a connection. After the last one it says that nothing follows
/// (FIN) and reads until the client leaves.
#[derive(Clone, Debug)]
pub enum Move {
    /// Reads one whole request.
    Hear,
    /// Reads this many bytes of a request, and whatever came with them.
    HearBytes(usize),
    /// Writes these bytes.
    Say(Bytes),
    /// Writes these bytes one by one, each for itself.
    Spell(Bytes),
    /// Writes these bytes over and over until the client leaves.
    SayForever(Bytes),
    /// Writes these bytes over and over until the client leaves, one at each interval.
    Drip(Bytes, Duration),
    /// Waits until the gate is open.
    Await(Arc<Gate>),
    /// Says nothing and reads until the client leaves.
    Silence,
    /// Says nothing and reads nothing for so long.
    Ignore(Duration),
    /// Closes the socket without another word: also without TLS's own, and what was not read makes a
    /// reset of it.
    Cut,
    /// Resets the connection (RST).
    Reset,
}

impl Move {
    /// Writes these bytes.
    pub fn say(bytes: impl Into<Bytes>) -> Self {
        Self::Say(bytes.into())
    }
}

/// What came of the connections so far.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    opened: usize,
    closed: usize,
    requests: usize,
}

type Board = Arc<watch::Sender<Tally>>;

/// A stranger on a port of its own at 127.0.0.1, there until it is dropped.
pub struct Stranger {
    addr: SocketAddr,
    scheme: &'static str,
    board: Board,
    listening: JoinHandle<()>,
}

impl Stranger {
    /// The nth connection is met with the nth script, all further ones with the last.
    pub async fn start(scripts: impl IntoIterator<Item = Vec<Move>>) -> Self {
        Self::listen("http", None, scripts).await
    }

    /// As [`Stranger::start`], inside TLS.
    pub async fn start_tls(tls: &TestTls, scripts: impl IntoIterator<Item = Vec<Move>>) -> Self {
        Self::listen("https", Some(tls.server_config()), scripts).await
    }

    /// The URL of `path` there. What is said over TLS or not is another matter.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.addr)
    }

    /// The address it listens at.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.board.borrow().opened
    }

    /// How many requests were heard to their end so far.
    pub fn requests(&self) -> usize {
        self.board.borrow().requests
    }

    /// Waits until at least `n` of the connections have ended.
    ///
    /// Panics after 20 seconds.
    pub async fn wait_for_closed(&self, n: usize) {
        let mut changes = self.board.subscribe();
        let over = changes.wait_for(|tally| tally.closed >= n);
        let came = tokio::time::timeout(PATIENCE, over).await.is_ok();
        assert!(came, "waited at {} for the end of {n} connections: {:?}", self.addr, self.board.borrow());
    }

    async fn listen(
        scheme: &'static str,
        tls: Option<Arc<ServerConfig>>,
        scripts: impl IntoIterator<Item = Vec<Move>>,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let board = Board::default();
        let scripts: Vec<Vec<Move>> = scripts.into_iter().collect();
        assert!(!scripts.is_empty(), "a stranger needs a script");
        let listening = tokio::spawn(accept(listener, board.clone(), tls, scripts));
        Self { addr, scheme, board, listening }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        // The listening task owns those of the connections, so that they end with it.
        self.listening.abort();
    }
}

async fn accept(
    listener: TcpListener,
    board: Board,
    tls: Option<Arc<ServerConfig>>,
    scripts: Vec<Vec<Move>>,
) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let mut number = 0;
        board.send_modify(|tally| {
            number = tally.opened;
            tally.opened += 1;
        });
        let script = scripts[number.min(scripts.len() - 1)].clone();
        let (board, tls) = (board.clone(), tls.clone());
        connections.spawn(async move {
            // Errors are the client's or the script's, and end the connection too.
            let _ = meet(stream, tls, &script, &board).await;
            board.send_modify(|tally| tally.closed += 1);
        });
    }
}

async fn meet(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    script: &[Move],
    board: &Board,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match tls {
        None => play(Connection::new(stream), script, board).await,
        Some(config) => {
            let stream = TlsAcceptor::from(config).accept(stream).await?;
            play(Connection::new(stream), script, board).await
        }
    }
}

async fn play<T: Transport>(mut connection: Connection<T>, script: &[Move], board: &Board) -> io::Result<()> {
    for step in script {
        match step {
            Move::Hear => {
                connection.request().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
                board.send_modify(|tally| tally.requests += 1);
            }
            Move::HearBytes(many) => drop(connection.exactly(*many).await?),
            Move::Say(bytes) => connection.write(bytes).await?,
            Move::Spell(bytes) => {
                for byte in bytes.chunks(1) {
                    connection.write(byte).await?;
                    tokio::task::yield_now().await;
                }
            }
            Move::SayForever(bytes) => loop {
                connection.write(bytes).await?;
            },
            Move::Drip(bytes, interval) => {
                return Err(connection.drip(bytes.chunks(1).cycle(), *interval).await);
            }
            Move::Await(gate) => gate.passed().await,
            Move::Silence => return Err(connection.gone().await),
            Move::Ignore(time) => tokio::time::sleep(*time).await,
            Move::Cut => return Ok(()),
            Move::Reset => return connection.reset(),
        }
    }
    connection.close().await;
    Ok(())
}

#[cfg(test)]
mod tests;
