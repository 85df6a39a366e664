//! The conformance suite on PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sellvik_clock::World;
use sellvik_domain::KeyId;
use sellvik_testkit::Postgres;

use super::{PostgresAddress, PostgresSettings, PostgresStore};
use crate::conformance::fixtures::Backend;
use crate::conformance::suite;
use crate::{EncryptionKey, Store};

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
