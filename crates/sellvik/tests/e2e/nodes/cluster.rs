//! Processes that share a ledger, and what they deliver to.

use sellvik_testkit::Postgres;

use crate::durability::sink::Sink;
use crate::durability::{Node, Shop, sellvik};

pub(super) const ENCRYPTION_KEY: &str = "c2VsbHZpay10ZXN0cy1vZi0zMi1ieXRlcy1leGFjdGw=";
const PLATFORM_KEY: &str = "sk_platform_of_all_nodes_alike";

/// Where each event goes.
pub(super) const PATHS: [&str; 2] = ["/quick", "/slow"];

/// A process on the ledger at this address; loopback endpoints are allowed.
pub(super) async fn node(address: &str, flags: &[&str]) -> Node {
    let mut command = sellvik(&["serve", "--listen", "127.0.0.1:0", "--endpoint-allow", "127.0.0.0/8"]);
    command.args(["--database-url", address, "--encryption-key", ENCRYPTION_KEY]);
    command.args(["--platform-key", PLATFORM_KEY]).args(flags);
    Node::run_with(&mut command, || PLATFORM_KEY.to_owned()).await
}

/// Attempts that a process has made and logged.
pub(super) fn attempts(node: &Node) -> usize {
    node.program.err.all().iter().filter(|line| line.contains(r#""message":"attempt""#)).count()
}

/// Some processes on a server of their own, with a shop whose events go to [`PATHS`].
pub(super) struct Cluster {
    pub(super) server: Postgres,
    /// The ledger's address.
    pub(super) address: String,
    pub(super) nodes: Vec<Node>,
    pub(super) sink: Sink,
    pub(super) shop: Shop,
}

impl Cluster {
    pub(super) async fn start(nodes: usize) -> Self {
        let server = Postgres::start("");
        let address = server.schema();
        Self::on(server, address, nodes).await
    }

    /// On the ledger at this address, which is the server's, or leads to it.
    pub(super) async fn on(server: Postgres, address: String, many: usize) -> Self {
        let mut nodes = Vec::new();
        for _ in 0..many {
            nodes.push(node(&address, &[]).await);
        }
        let (sink, shop) = (Sink::start().await, nodes[0].shop().await);
        for path in PATHS {
            nodes[0].webhook(&shop, &sink.url(path)).await;
        }
        Self { server, address, nodes, sink, shop }
    }
}
