//! The conformance suite on PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sellvik_clock::World;
use sellvik_domain::KeyId;
use sellvik_testkit::{Postgres, TestCa};

use super::{PostgresAddress, PostgresSettings, PostgresStore};
use crate::conformance::fixtures::Backend;
use crate::conformance::suite;
use crate::error::chain;
use crate::{EncryptionKey, OpenError, Store};

mod plans;
mod retention;

/// A schema with a ledger in it.
struct Schema(String);

impl Schema {
    fn settings(&self) -> PostgresSettings {
        PostgresSettings {
            address: PostgresAddress::parse(&self.0).unwrap(),
            key: EncryptionKey::new([7; 32]),
            world: World::system(),
            lease: Duration::from_mins(10),
        }
    }
}

#[async_trait]
impl Backend for Schema {
    async fn open(&self, lease: Duration) -> Arc<dyn Store> {
        Arc::new(PostgresStore::open(&PostgresSettings { lease, ..self.settings() }).await.unwrap())
    }
}

fn open_postgres() -> Schema {
    Schema(Postgres::shared().schema())
}

suite!(open_postgres);

#[tokio::test]
async fn nodes_count_a_keys_requests_together() {
    let schema = open_postgres();
    let nodes = [schema.open(Duration::from_secs(20)).await, schema.open(Duration::from_secs(20)).await];
    let (key, now) = (KeyId::new(World::system().now(), [1; 10]), World::system().now());
    let mut asked = tokio::task::JoinSet::new();
    for n in 0..1200 {
        let node = nodes[n % 2].clone();
        asked.spawn(async move { node.key_take_request(key, now).await.unwrap().is_ok() });
    }
    let taken = asked.join_all().await.into_iter().filter(|taken| *taken).count();
    assert_eq!(taken, 1000);
}

#[tokio::test]
async fn a_server_is_believed_by_its_certificate_alone() {
    let ca = TestCa::new();
    let server = Postgres::start_tls(&ca.server(&["127.0.0.1"]));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca 1.pem");
    std::fs::write(&file, ca.pem()).unwrap();
    let schema = server.schema();
    let with = |options: &str| Schema(format!("{schema}&{options}"));
    let authority = format!("sslrootcert={}", file.display().to_string().replace(' ', "%20"));
    let known = with(&format!("sslmode=verify-full&{authority}")).open(Duration::from_secs(20)).await;
    known.ping().await.unwrap();
    let connections = "SELECT count(*), bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                       WHERE application_name = 'sellvik'";
    // That of the ping, and the one that listens.
    while server.sql(connections) != "2|t" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let error = PostgresStore::open(&with("sslmode=require").settings()).await.err().unwrap();
    assert!(chain(&error).contains("invalid peer certificate"), "{}", chain(&error));
}

#[tokio::test]
async fn a_server_without_tls_is_said_to_have_none() {
    let schema = Schema(format!("{}&sslmode=require", Postgres::shared().schema()));
    assert!(matches!(PostgresStore::open(&schema.settings()).await, Err(OpenError::NoTls)));
}

#[tokio::test]
async fn a_newer_schema_is_served_only_as_far_as_it_allows() {
    let schema = open_postgres();
    schema.open(Duration::from_secs(20)).await.close().await;
    let ask = |sql: &str| Postgres::shared().ask(&schema.0, sql);
    ask("INSERT INTO refinery_schema_history
         SELECT 900, 'newer', applied_on, checksum FROM refinery_schema_history LIMIT 1");
    schema.open(Duration::from_secs(20)).await.ping().await.unwrap();
    ask("UPDATE meta SET value = '900' WHERE key = 'served_from'");
    let refused = PostgresStore::open(&schema.settings()).await;
    assert!(matches!(refused, Err(OpenError::NewerDatabase { found: 900, .. })));
}
