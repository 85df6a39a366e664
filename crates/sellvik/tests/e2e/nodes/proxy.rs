//! Between a node and PostgreSQL: connections end when it hurts most.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// When a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// The server never hears of the commit.
    BeforeCommit,
    /// The server has committed, and the node never hears of it.
    AfterCommit,
}

/// Who hears nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Deaf {
    #[default]
    Nobody,
    /// Connections that listen to other nodes.
    Listeners,
    All,
}

/// What a client sends to commit, and what it is answered.
const COMMIT: &[u8] = b"COMMIT\0";

/// What a client sends to hear of the others.
const LISTEN: &[u8] = b"LISTEN ";

pub(super) struct Proxy {
    port: u16,
    orders: Arc<Orders>,
}

#[derive(Default)]
struct Orders {
    /// What befalls the commits to come; after these, nothing.
    cuts: Mutex<VecDeque<Option<Cut>>>,
    /// What befalls the commit behind these words; then it shuts: all connections end, and nobody gets through
    /// anew.
    last: Mutex<Option<(String, Cut)>>,
    shut: watch::Sender<bool>,
    deaf: watch::Sender<Deaf>,
}

impl Proxy {
    /// Leads to the server on this port.
    pub(super) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, orders) = (listener.local_addr().unwrap().port(), Arc::new(Orders::default()));
        let own = orders.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let orders = own.clone();
                // Whichever side ends, the other one is ended with it.
                tokio::spawn(async move { carry(client, server, &orders).await });
            }
        });
        Self { port, orders }
    }

    /// The same address, through here.
    pub(super) fn address(&self, address: &str, server: u16) -> String {
        address.replace(&format!(":{server}/"), &format!(":{}/", self.port))
    }

    /// What befalls the next commits, one after the other.
    pub(super) fn cut(&self, cuts: impl IntoIterator<Item = Option<Cut>>) {
        self.orders.cuts.lock().extend(cuts);
    }

    /// Whether what was ordered has happened.
    pub(super) fn is_done(&self) -> bool {
        self.orders.cuts.lock().is_empty()
    }

    /// This befalls the commit behind these words; then all other connections end, and nobody gets through until
    /// [`Proxy::open`].
    pub(super) fn cut_and_shut(&self, words: &str, cut: Cut) {
        *self.orders.last.lock() = Some((words.to_owned(), cut));
    }

    /// Lets connections through again.
    pub(super) fn open(&self) {
        self.orders.shut.send_replace(false);
    }

    /// From now on, these hear nothing of the server, although their connections stay.
    pub(super) fn deafen(&self, deaf: Deaf) {
        self.orders.deaf.send_replace(deaf);
    }
}

impl Orders {
    /// What befalls a commit, and whether the proxy shuts then; `said`: what the client said before it.
    fn of_commit(&self, said: &[u8]) -> Option<(Cut, bool)> {
        let mut last = self.last.lock();
        match last.take_if(|(words, _)| has(said, words.as_bytes())) {
            Some((_, cut)) => Some((cut, true)),
            None => self.cuts.lock().pop_front().flatten().map(|cut| (cut, false)),
        }
    }

    fn end(&self, shuts: bool) -> Option<()> {
        if shuts {
            self.shut.send_replace(true);
        }
        None
    }
}

async fn carry(mut client: TcpStream, server: u16, orders: &Orders) -> Option<()> {
    if *orders.shut.borrow() {
        return None;
    }
    let mut server = TcpStream::connect(("127.0.0.1", server)).await.ok()?;
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let (mut said, mut listens, mut swallow) = (Vec::new(), false, None);
    let (mut deaf, mut shut) = (orders.deaf.subscribe(), orders.shut.subscribe());
    loop {
        let hears = match *deaf.borrow_and_update() {
            Deaf::Nobody => true,
            Deaf::Listeners => !listens,
            Deaf::All => false,
        };
        tokio::select! {
            many = client.read(&mut asked) => {
                let bytes = asked.get(..many.ok().filter(|many| *many > 0)?)?;
                listens |= has(bytes, LISTEN);
                said.extend_from_slice(bytes);
                if has(bytes, COMMIT) {
                    match orders.of_commit(&said) {
                        Some((Cut::BeforeCommit, shuts)) => return orders.end(shuts),
                        Some((Cut::AfterCommit, shuts)) => swallow = Some(shuts),
                        None => said.clear(),
                    }
                }
                server.write_all(bytes).await.ok()?;
            }
            many = server.read(&mut answered), if hears => {
                let bytes = answered.get(..many.ok().filter(|many| *many > 0)?)?;
                if let Some(shuts) = swallow && has(bytes, COMMIT) {
                    return orders.end(shuts);
                }
                client.write_all(bytes).await.ok()?;
            }
            _ = deaf.changed() => {}
            () = async { let _ = shut.wait_for(|shut| *shut).await; } => return None,
        }
    }
}

fn has(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}
