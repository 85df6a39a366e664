//! A webhook receiver that does as it is told.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::connection::{Connection, Request, Transport};
use crate::{Received, Reply, TestTls};

const PATIENCE: Duration = Duration::from_secs(20);

/// A receiver on a port of its own, at 127.0.0.1 unless it is told otherwise, there until it is dropped.
///
/// It keeps connections open for more requests, as receivers do, unless a script says otherwise.
pub struct Receiver {
    addr: SocketAddr,
    scheme: &'static str,
    board: Board,
    listening: JoinHandle<()>,
}

/// What the test and the connections share.
type Board = Arc<watch::Sender<State>>;

#[derive(Default)]
struct State {
    scripts: HashMap<String, VecDeque<Reply>>,
    received: Vec<Received>,
    opened: usize,
    closed: usize,
}

#[derive(Clone)]
enum Manner {
    Plain,
    Tls(Arc<ServerConfig>),
    Silent,
}

impl Receiver {
    /// A receiver that speaks plain HTTP.
    pub async fn start() -> Self {
        Self::listen("http", Manner::Plain).await
    }

    /// As [`Receiver::start`], at this address; port 0 stands for any that is free.
    pub async fn start_at(addr: SocketAddr) -> io::Result<Self> {
        Ok(Self::listen_on(TcpListener::bind(addr).await?, "http", Manner::Plain))
    }

    /// A receiver that speaks HTTPS with this certificate.
    pub async fn start_tls(tls: &TestTls) -> Self {
        Self::listen("https", Manner::Tls(tls.server_config())).await
    }

    /// A receiver that accepts connections and never writes a byte, so that a TLS handshake with it
    /// stalls. Its [`Receiver::url`] is an `https` one, and nothing counts as received.
    pub async fn start_silent() -> Self {
        Self::listen("https", Manner::Silent).await
    }

    /// The URL of `path` at this receiver, by its address.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}/{}", self.scheme, self.addr, path.trim_start_matches('/'))
    }

    /// The address it listens at.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Sets the script for `path`, replacing an earlier one: the replies are given in order, and the
    /// last one for ever. Without a script the answer is 200 `ok`.
    ///
    /// A script whose path has a query is for exactly that query; one without is for all others.
    pub fn script(&self, path: &str, replies: impl IntoIterator<Item = Reply>) {
        let replies: VecDeque<Reply> = replies.into_iter().collect();
        self.board.send_modify(|state| {
            state.scripts.insert(path.to_owned(), replies);
        });
    }

    /// Every request so far, in order of arrival.
    pub fn received(&self) -> Vec<Received> {
        self.board.borrow().received.clone()
    }

    /// Every request so far to `path`, in order of arrival. A path without a query stands for all
    /// queries.
    pub fn received_at(&self, path: &str) -> Vec<Received> {
        self.board.borrow().at(path).cloned().collect()
    }

    /// Waits until at least `n` requests have arrived at `path` and returns them all.
    ///
    /// Panics after 20 seconds.
    pub async fn wait_for(&self, path: &str, n: usize) -> Vec<Received> {
        let what = format!("{n} requests at {path}");
        self.wait_until(&what, |state| state.at(path).count() >= n).await;
        self.received_at(path)
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.board.borrow().opened
    }

    /// Waits until at least `n` connections have been accepted.
    ///
    /// Panics after 20 seconds.
    pub async fn wait_for_connections(&self, n: usize) {
        self.wait_until(&format!("{n} connections"), |state| state.opened >= n).await;
    }

    /// Waits until at least `n` of the connections have ended.
    ///
    /// Panics after 20 seconds.
    pub async fn wait_for_closed(&self, n: usize) {
        self.wait_until(&format!("the end of {n} connections"), |state| state.closed >= n).await;
    }

    async fn listen(scheme: &'static str, manner: Manner) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        Self::listen_on(listener, scheme, manner)
    }

    fn listen_on(listener: TcpListener, scheme: &'static str, manner: Manner) -> Self {
        let addr = listener.local_addr().unwrap();
        let board = Board::default();
        let listening = tokio::spawn(accept(listener, board.clone(), manner));
        Self { addr, scheme, board, listening }
    }

    async fn wait_until(&self, what: &str, is_so: impl FnMut(&State) -> bool) {
        self.wait_within(PATIENCE, what, is_so).await;
    }

    async fn wait_within(&self, patience: Duration, what: &str, mut is_so: impl FnMut(&State) -> bool) {
        let mut changes = self.board.subscribe();
        if tokio::time::timeout(patience, changes.wait_for(|state| is_so(state))).await.is_ok() {
            return;
        }
        let so_far = self.board.borrow().summary();
        panic!("waited {patience:?} at {} for {what}; {so_far}", self.addr);
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // The listening task owns those of the connections, so that they end with it.
        self.listening.abort();
    }
}

impl State {
    fn at(&self, path: &str) -> impl Iterator<Item = &Received> {
        self.received.iter().filter(move |received| received.is_at(path))
    }

    /// The next reply of the script for this target.
    fn next_reply(&mut self, target: &str) -> Reply {
        let path = target.split('?').next().unwrap_or(target);
        let key = if self.scripts.contains_key(target) { target } else { path };
        let next = self.scripts.get_mut(key).and_then(|script| match script.len() {
            0 | 1 => script.front().cloned(),
            _ => script.pop_front(),
        });
        next.unwrap_or_else(|| Reply::status(200).with_body("ok"))
    }

    fn summary(&self) -> String {
        let requests: Vec<_> =
            self.received.iter().map(|one| format!("{} {}", one.method, one.path)).collect();
        format!("so far {} connections, {} ended, and the requests {requests:?}", self.opened, self.closed)
    }
}

/// A connection's place on the board, from its acceptance to its end.
struct Place {
    board: Board,
    number: usize,
}

impl Place {
    fn take(board: Board) -> Self {
        let mut number = 0;
        board.send_modify(|state| {
            number = state.opened;
            state.opened += 1;
        });
        Self { board, number }
    }

    /// Notes the request and returns what to do with it.
    fn note(&self, request: &Request) -> Reply {
        let received = Received {
            path: request.path.clone(),
            method: request.method.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
            at: Instant::now(),
            connection: self.number,
        };
        let mut reply = None;
        self.board.send_modify(|state| {
            reply = Some(state.next_reply(&received.path));
            state.received.push(received);
        });
        reply.unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.board.send_modify(|state| state.closed += 1);
    }
}

async fn accept(listener: TcpListener, board: Board, manner: Manner) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let place = Place::take(board.clone());
                    connections.spawn(serve(stream, place, manner.clone()));
                }
                Err(_) => tokio::task::yield_now().await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves one connection to its end. Errors are the client's or the script's and end it too.
async fn serve(stream: TcpStream, place: Place, manner: Manner) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match manner {
        Manner::Plain => converse(Connection::new(stream), &place).await,
        Manner::Tls(config) => {
            let stream = TlsAcceptor::from(config).accept(stream).await?;
            converse(Connection::new(stream), &place).await
        }
        Manner::Silent => Err(Connection::new(stream).gone().await),
    }
}

async fn converse<T: Transport>(mut connection: Connection<T>, place: &Place) -> io::Result<()> {
    loop {
        match connection.request().await {
            Ok(Some(request)) => {
                let reply = place.note(&request);
                if !connection.perform(&reply, &request).await? {
                    break;
                }
            }
            Ok(None) => break,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                connection.refuse().await?;
                break;
            }
            Err(error) => return Err(error),
        }
    }
    connection.close().await;
    Ok(())
}

#[cfg(test)]
mod tests;
