//! Nodes that start: several at once on an empty database, and those that may not.

use sellvik_testkit::Postgres;
use tokio::task::JoinSet;

use super::cluster::{ENCRYPTION_KEY, node};
use crate::durability::sellvik;
use crate::program::Program;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_at_once_on_an_empty_database_all_serve() {
    let address = Postgres::shared().schema();
    let mut starting = JoinSet::new();
    for _ in 0..4 {
        let address = address.clone();
        starting.spawn(async move { node(&address, &[]).await });
    }
    let nodes = starting.join_all().await;
    let shop = nodes[0].shop().await;
    for (n, node) in nodes.iter().enumerate() {
        node.publish(&shop, &format!("evt_{n}")).await;
    }
}

/// What a node says that refuses to start.
async fn refusal(flags: &[&str]) -> String {
    let mut command = sellvik(&["serve", "--listen", "127.0.0.1:0"]);
    Program::start(command.args(flags)).failure().await
}

#[tokio::test]
async fn a_node_with_another_key_or_none_says_so_and_ends() {
    let address = Postgres::shared().schema();
    let keys = ["--platform-key", "sk_platform_of_all_nodes_alike", "--encryption-key"];
    node(&address, &[]).await;
    let other = "b3RoZXItdGVzdHMtb2YtMzItYnl0ZXMtZXhhY3RseSE=";
    let said = refusal(&[&["--database-url", &address][..], &keys, &[other]].concat()).await;
    assert!(said.contains("the encryption key is not the one this ledger was made with"), "{said}");
    let said = refusal(&["--database-url", &address]).await;
    assert!(said.contains("give SELLVIK_ENCRYPTION_KEY"), "{said}");
    let said = refusal(&["--database-url", &address, "--encryption-key", ENCRYPTION_KEY]).await;
    assert!(said.contains("give SELLVIK_PLATFORM_KEY"), "{said}");
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_named_without_its_password() {
    let keys = ["--platform-key", "sk_platform_of_all_nodes_alike", "--encryption-key", ENCRYPTION_KEY];
    let server = Postgres::shared();
    let port = server.port();
    for (address, sentence) in [
        ("postgres://sellvik:hush@127.0.0.1:1/postgres".to_owned(), "cannot be used"),
        (format!("postgres://sellvik:hush@127.0.0.1:{port}/nowhere"), "does not exist"),
        ("postgres://sellvik:hush@127.0.0.1:1/postgres?port=x".to_owned(), "SELLVIK_DATABASE_URL"),
    ] {
        let said = refusal(&[&["--database-url", &address][..], &keys].concat()).await;
        assert!(said.contains(sentence), "{said}");
        assert!(!said.contains("hush"), "{said}");
    }
}
