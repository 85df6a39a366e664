//! Days that are past their retention give their disk space back.

use std::sync::Arc;
use std::time::Duration;

use sellvik_clock::World;
use sellvik_domain::Verdict;
use sellvik_testkit::{ManualClock, Postgres};

use super::{Schema, open_postgres};
use crate::Store as _;
use crate::conformance::fixtures::{Ledger, at, attempted};
use crate::postgres::{PostgresSettings, PostgresStore};

#[tokio::test]
async fn days_are_made_long_before_they_are_needed() {
    let (schema, clock) = (open_postgres(), ManualClock::starting_at(at(0)));
    let world = World::with_clock(Arc::new(clock.clone()));
    let ledger = PostgresStore::open(&PostgresSettings { world, ..schema.settings() }).await.unwrap();
    let day = at(0).as_millis() / 86_400_000;
    for today in [day, day + 1, day + 2] {
        ledger.purge(at(-86_400), 100).await.unwrap();
        for table in ["events", "history", "attempts"] {
            let days =
                format!("SELECT string_agg(relid::text, ' ') FROM pg_partition_tree('{table}') WHERE isleaf");
            let made = Postgres::shared().ask(&schema.0, &days);
            let expected = (day..=today + 2).map(|day| format!("{table}_day_{day}")).collect::<Vec<_>>();
            assert_eq!(made.split(' ').collect::<Vec<_>>(), expected, "and none by default");
        }
        clock.advance(Duration::from_hours(24));
    }
}

#[tokio::test]
async fn a_day_that_is_dropped_gives_its_disk_space_back() {
    let server = Postgres::start("-c fsync=off");
    let address = server.schema();
    let ledger = Ledger::open(Box::new(Schema(address.clone()))).await;
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.order(&shop, at(1)).await;
    let leased = ledger.claim_only(&hook, at(1)).await;
    ledger.settle_as(&leased, attempted(at(1), Verdict::Succeeded)).await;
    let id = "(left(h.id::text, 24) || lpad(to_hex(n), 12, '0'))::uuid";
    server.ask(
        &address,
        &format!(
            "INSERT INTO history (id, shop, webhook, event, status, test, attempts, started_at, ended_at,
                                  duration_ms, final_host)
             SELECT {id}, shop, webhook, event, 1, false, 1, started_at, ended_at, 5, final_host
             FROM history h, generate_series(1, 50000) n"
        ),
    );
    let size = || server.ask(&address, "SELECT pg_database_size('postgres')").parse::<i64>().unwrap();
    let of_history = "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('history')";
    let (full, history) = (size(), server.ask(&address, of_history).parse::<i64>().unwrap());
    assert!(history > 5_000_000);
    ledger.purge_all(at(2 * 86_400), 1000).await;
    assert_eq!(server.ask(&address, "SELECT count(*) FROM history"), "0");
    assert!(full - size() > history * 9 / 10, "{history} bytes were in use, and {} came back", full - size());
}
