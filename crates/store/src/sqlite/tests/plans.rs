//! How SQLite finds what the dispatcher and the lists ask for: never by looking at every delivery.

use rusqlite::Connection;

use super::open_sqlite;
use crate::sqlite::{claim, deliveries, jobs, panel, search, sweep};

/// The steps of a statement's plan.
fn plan(db: &Connection, sql: &str) -> Vec<String> {
    let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let params = vec![rusqlite::types::Null; statement.parameter_count()];
    let steps = statement.query_map(rusqlite::params_from_iter(params), |row| row.get(3)).unwrap();
    steps.collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn hot_statements_probe_an_index_and_sort_nothing() {
    let folder = open_sqlite();
    drop(folder.ledger().await);
    let db = folder.look();
    for (sql, index) in [
        (deliveries::list_sql(false), "deliveries_of_webhook"),
        (deliveries::list_sql(true), "deliveries_by_status"),
        (claim::LANE_BEHIND.to_owned(), "deliveries_waiting"),
        (claim::DUE_IN_LANE.to_owned(), "deliveries_waiting"),
        (claim::FIRSTS_IN_LANE.to_owned(), "deliveries_by_status"),
        (claim::TESTS_IN_LANE.to_owned(), "deliveries_waiting_tests"),
        (sweep::DROP_WAITING.to_owned(), "deliveries_waiting"),
        (jobs::EXTENT.to_owned(), "deliveries_by_status"),
        (search::edge_sql(false), "deliveries_of_webhook"),
        (search::edge_sql(true), "deliveries_by_status"),
        (search::found_sql(false), "deliveries_of_webhook"),
        (search::found_sql(true), "deliveries_by_status"),
        (search::of_event_sql("deliveries_made_anew", search::MADE_ANEW), "deliveries_made_anew"),
        (search::of_event_sql("deliveries_of_webhook", search::MADE_FIRST), "deliveries_of_webhook"),
    ] {
        let plan = plan(&db, &sql);
        let probe = |step: &String| {
            let (_, rest) = step.split_once("INDEX ").unwrap_or_default();
            step.starts_with("SEARCH") && rest.split(' ').next() == Some(index)
        };
        assert!(plan.iter().any(probe), "{sql}\n{plan:#?}");
        for step in &plan {
            assert!(!step.starts_with("SCAN d") && !step.starts_with("SCAN e"), "{sql}\n{plan:#?}");
            assert!(!step.contains("TEMP B-TREE") && !step.contains("AUTOMATIC"), "{sql}\n{plan:#?}");
        }
    }
}

#[tokio::test]
async fn the_panels_small_tables_are_probed_too() {
    let folder = open_sqlite();
    drop(folder.ledger().await);
    let db = folder.look();
    let expired = ["panel_links", "panel_sessions"].map(panel::expired_sql);
    for sql in [search::HOURS, &panel::session_sql(), &expired[0], &expired[1]] {
        let plan = plan(&db, sql);
        for step in &plan {
            let whole =
                step.starts_with("SCAN") || step.contains("TEMP B-TREE") || step.contains("AUTOMATIC");
            assert!(!whole, "{sql}\n{plan:#?}");
        }
        assert!(plan.iter().any(|step| step.starts_with("SEARCH")), "{sql}\n{plan:#?}");
    }
}

#[tokio::test]
async fn a_plan_with_a_scan_would_be_seen() {
    let folder = open_sqlite();
    drop(folder.ledger().await);
    let steps = plan(&folder.look(), "SELECT * FROM deliveries ORDER BY due");
    assert!(steps[0].starts_with("SCAN d") && steps[1].contains("TEMP B-TREE"), "{steps:?}");
}
