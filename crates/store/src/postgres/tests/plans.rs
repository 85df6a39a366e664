//! What the hot statements look at: a few pages, however much there is, whatever the planner believes. Each is
//! planned while its tables are empty, as happens on every first day, and run when they are full; then planned
//! anew with true statistics.

use sellvik_domain::DeliveryStatus;
use tokio_postgres::{Client, NoTls};

use super::{Schema, open_postgres};
use crate::conformance::fixtures::{Ledger, at};
use crate::postgres::{PostgresAddress, claim, deliveries, jobs, publish, purge, search, settle, sweep};

/// Deliveries of one webhook, half of them decided.
const MANY: usize = 80_000;

/// Rows that a statement is asked for, and pages it may look at for each, and for nothing but finding its way.
const ASKED: usize = 10;
const PAGES_PER_ROW: u64 = 25;
const PAGES: u64 = 60;

/// Ids at both ends, and what lies in the middle.
const NIL: &str = "'00000000-0000-0000-0000-000000000000'";
const LAST: &str = "'ffffffff-ffff-ffff-ffff-ffffffffffff'";

/// As the ledger itself connects.
async fn connect(schema: &Schema) -> Client {
    let address = PostgresAddress::parse(&schema.0).unwrap();
    let (client, connection) = address.config().connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Multiplies the one delivery there is: decided ones, then first attempts, retries, leased ones and tests.
fn fill() -> String {
    let id = "(left(q.id::text, 24) || lpad(to_hex(n), 12, '0'))::uuid";
    let half = MANY / 2;
    format!(
        "INSERT INTO history (id, shop, webhook, event, status, test, drop_reason, attempts, started_at, ended_at,
                              duration_ms, response_code, final_host)
             SELECT {id}, shop, webhook, event, CASE WHEN n % 2 = 0 THEN 1 ELSE 3 END, false,
                    CASE WHEN n % 2 = 1 THEN 1 END, 1, due, due, 5, 200, 'a.example'
             FROM queue q, generate_series(1, {half}) n;
         INSERT INTO queue (id, shop, webhook, event, status, due, put_off, entry, client_error, test, owner,
                            lease_until, epoch, attempts, started_at, ended_at, duration_ms, final_host)
             SELECT {id}, shop, webhook, event, n % 2 * 2, due + n, n % 2 = 1, 0, false, n % 5 = 0,
                    CASE WHEN n % 4 = 0 THEN 1 END, CASE WHEN n % 4 = 0 THEN now() - interval '1 second' * n END,
                    1, n % 2, CASE WHEN n % 2 = 1 THEN due END, CASE WHEN n % 2 = 1 THEN due END, 5, 'a.example'
             FROM queue q, generate_series({half} + 1, {MANY}) n;
         INSERT INTO event_ids (shop, id, event, needed_at, deliveries, fingerprint)
             SELECT shop, 'evt_' || n, event, needed_at + n, 1, fingerprint
             FROM event_ids, generate_series(1, {half}) n;"
    )
}

/// A statement, and what its parameters are bound to.
type Hot = (String, String);

fn hot_dispatch(ids: &str, epochs: &str) -> Vec<Hot> {
    let mut hot: Vec<Hot> =
        claim::fronts().map(|sql| (sql, format!("'{{1}}', '{{{ASKED}}}', 9000000000000"))).to_vec();
    hot.extend([
        (claim::LEASE.to_owned(), format!("{ids}, 7, 20")),
        (claim::NEXT.to_owned(), "'{1}'".to_owned()),
        (claim::LANES.to_owned(), format!("0, {ASKED}")),
        (claim::LAPSE.to_owned(), ASKED.to_string()),
        (claim::BODIES.to_owned(), ids.to_owned()),
        (claim::RENEW.to_owned(), format!("{ids}, {epochs}, 20")),
        (settle::take_sql(), format!("{ids}, {epochs}")),
        (sweep::take_sql(), format!("1, 0::smallint, {LAST}, {ASKED}")),
        (publish::KNOWN.to_owned(), "'{1,1}', '{evt_1,evt_9}'".to_owned()),
    ]);
    let bounds = [LAST, "9000000000000", "9000000", "9000000000000"];
    hot.extend(
        purge::BITES.iter().zip(bounds).map(|(sql, to)| ((*sql).to_owned(), format!("{to}, {ASKED}"))),
    );
    hot
}

fn hot_lists(id: &str) -> Vec<Hot> {
    let mut hot = vec![
        (deliveries::find_sql(), format!("1, {id}")),
        (search::of_event_sql(), format!("1, {id}, {id}, {LAST}, {ASKED}")),
        (search::HOURS.to_owned(), format!("array[{id}::uuid], {id}, 0")),
    ];
    for status in DeliveryStatus::ALL {
        hot.push((jobs::extent_sql(status), format!("1, {NIL}, {LAST}, {ASKED}")));
        hot.push((jobs::candidates_sql(status), format!("1, {NIL}, {LAST}, {ASKED}")));
    }
    for status in DeliveryStatus::ALL.map(Some).into_iter().chain([None]) {
        hot.push((deliveries::list_sql(status), format!("1, {LAST}, {ASKED}")));
        hot.push((search::found_sql(status), format!("1, {LAST}, {NIL}, NULL, {ASKED}")));
    }
    hot
}

/// Runs a prepared statement, and takes back what it did; the pages it looked at, and its plan.
async fn pages(db: &mut Client, name: &str, params: &str) -> (u64, String) {
    let tx = db.transaction().await.unwrap();
    let sql = format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE {name} ({params})");
    let explained = tx.simple_query(&sql).await.unwrap();
    tx.rollback().await.unwrap();
    let text = explained.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    let text = text.unwrap();
    let plan: serde_json::Value = serde_json::from_str(&text).unwrap();
    let top = &plan[0]["Plan"];
    (top["Shared Hit Blocks"].as_u64().unwrap() + top["Shared Read Blocks"].as_u64().unwrap(), text)
}

#[tokio::test]
async fn hot_statements_look_at_a_few_pages_of_however_many() {
    let schema = open_postgres();
    let ledger = Ledger::open(Box::new(Schema(schema.0.clone()))).await;
    let (shop, _) = ledger.shop_and_hook().await;
    ledger.order(&shop, at(1)).await;
    let mut db = connect(&schema).await;
    let id: uuid::Uuid = db.query_one("SELECT id FROM queue", &[]).await.unwrap().get(0);
    let all = |n: usize| format!("'{}{n:012x}'", &id.to_string()[..24]);
    let ids: Vec<String> = (1..=ASKED).map(|n| all(MANY / 2 + n)).collect();
    let ids = format!("array[{}]::uuid[]", ids.join(", "));
    let epochs = format!("array_fill(1::bigint, array[{ASKED}])");
    let mut hot = hot_dispatch(&ids, &epochs);
    hot.extend(hot_lists(&format!("'{id}'")));
    for (n, (sql, params)) in hot.iter().enumerate() {
        db.batch_execute(&format!("PREPARE hot_{n} AS {sql}")).await.unwrap();
        pages(&mut db, &format!("hot_{n}"), params).await;
    }
    db.batch_execute(&fill()).await.unwrap();
    for statistics in ["of empty tables", "of full ones"] {
        for (n, (sql, params)) in hot.iter().enumerate() {
            let (looked_at, plan) = pages(&mut db, &format!("hot_{n}"), params).await;
            let most = PAGES + PAGES_PER_ROW * u64::try_from(ASKED).unwrap();
            assert!(looked_at <= most, "statistics {statistics}: {looked_at} pages for {sql}\n{plan}");
        }
        db.batch_execute("ANALYZE queue, history, events, attempts, event_ids, webhook_hours").await.unwrap();
    }
    // The control: what goes by no index would be seen.
    db.batch_execute("PREPARE control AS SELECT id FROM queue WHERE attempts = $1").await.unwrap();
    assert!(pages(&mut db, "control", "7").await.0 > 500);
}
