//! Days that are past their retention give their disk space back.

use sellvik_testkit::Postgres;

use super::Schema;
use crate::conformance::fixtures::{Ledger, at, attempted};
use sellvik_domain::Verdict;

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
