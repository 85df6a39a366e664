//! Receivers of several tempers at one address, and an exact record of what came.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use sellvik_testkit::Client;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long `/slow` takes.
const SLOW: Duration = Duration::from_millis(40);

/// How often `/failing` fails before it takes a delivery.
const FAILURES: usize = 2;

/// One request that arrived whole.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) path: String,
    /// When it was signed, in seconds.
    pub(crate) signed: i64,
}

/// `/slow` takes its time, `/failing` fails twice, `/drained…` fails always, all else takes what comes.
pub(crate) struct Sink {
    address: String,
    board: Board,
    listening: JoinHandle<()>,
}

type Board = Arc<watch::Sender<Seen>>;

#[derive(Default)]
struct Seen {
    arrivals: Vec<Arrival>,
    /// How often each delivery arrived.
    times: BTreeMap<String, usize>,
    /// How often each event arrived at each path.
    events: BTreeMap<(String, String), usize>,
    /// Deliveries that are being answered, and how many arrived while they were.
    open: BTreeSet<String>,
    at_once: usize,
    connections: usize,
}

impl Sink {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let board = Board::default();
        let listening = tokio::spawn(listen(listener, board.clone()));
        Self { address, board, listening }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All that arrived so far.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.board.borrow().arrivals.clone()
    }

    /// How often each delivery arrived so far.
    pub(crate) fn times(&self) -> BTreeMap<String, usize> {
        self.board.borrow().times.clone()
    }

    /// How often each event arrived at each path.
    pub(crate) fn events(&self) -> BTreeMap<(String, String), usize> {
        self.board.borrow().events.clone()
    }

    /// How many deliveries arrived while they were being answered already.
    pub(crate) fn at_once(&self) -> usize {
        self.board.borrow().at_once
    }

    /// Waits until so many events arrived at this path.
    pub(crate) async fn took(&self, path: &str, many: usize) {
        let is_so = |seen: &Seen| seen.events.keys().filter(|(at, _)| at == path).count() >= many;
        self.wait_until(&format!("{many} events at {path}"), is_so).await;
    }

    /// Waits for an arrival at this path.
    pub(crate) async fn arrived_at(&self, path: &str) {
        self.wait_until(path, |seen| seen.arrivals.iter().any(|one| one.path == path)).await;
    }

    /// Returns once all that a process sent before its end is on record: its connections have ended.
    pub(crate) async fn quiet(&self) {
        // Connections are taken in order: those of the dead process before this one.
        Client::new(&self.address).get("/fence").await.expect(200);
        self.wait_until("the end of all connections", |seen| seen.connections == 0).await;
    }

    async fn wait_until(&self, what: &str, is_so: impl FnMut(&Seen) -> bool) {
        let mut changes = self.board.subscribe();
        let came = tokio::time::timeout(Duration::from_secs(20), changes.wait_for(is_so)).await.is_ok();
        assert!(came, "waited for {what}; {} connections are open", self.board.borrow().connections);
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, board: Board) {
    let routes = Router::new().fallback(take).with_state(board.clone());
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        board.send_modify(|seen| seen.connections += 1);
        let (board, service) = (board.clone(), TowerToHyperService::new(routes.clone()));
        tokio::spawn(async move {
            // An end in the middle of a request is the sender's.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            board.send_modify(|seen| seen.connections -= 1);
        });
    }
}

async fn take(State(board): State<Board>, uri: Uri, headers: HeaderMap, _body: Bytes) -> StatusCode {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (delivery, path) = (text("x-sellvik-delivery").to_owned(), uri.path().to_owned());
    if delivery.is_empty() {
        return StatusCode::OK;
    }
    let (event, _open) = (text("webhook-id").to_owned(), Open::new(&board, &delivery));
    let signed = text("webhook-timestamp").parse().unwrap_or_default();
    let mut before = 0;
    board.send_modify(|seen| {
        let times = seen.times.entry(delivery).or_default();
        (before, *times) = (*times, *times + 1);
        *seen.events.entry((path.clone(), event)).or_default() += 1;
        seen.arrivals.push(Arrival { path: path.clone(), signed });
    });
    if path == "/slow" {
        tokio::time::sleep(SLOW).await;
    }
    let fails = path.starts_with("/drained") || (path == "/failing" && before < FAILURES);
    if fails { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
}

/// A delivery that is being answered, until the answer is there or its sender is gone.
struct Open(Board, String);

impl Open {
    fn new(board: &Board, delivery: &str) -> Self {
        board.send_modify(|seen| seen.at_once += usize::from(!seen.open.insert(delivery.to_owned())));
        Self(board.clone(), delivery.to_owned())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|seen| {
            seen.open.remove(&self.1);
        });
    }
}
