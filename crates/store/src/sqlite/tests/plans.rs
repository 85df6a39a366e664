//! How SQLite finds what the dispatcher and the lists ask for: never by looking at every delivery.

use rusqlite::Connection;
use sellvik_domain::DeliveryStatus;

use super::open_sqlite;
use crate::sqlite::{deliveries, jobs, panel, search, sweep, waiting};

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
    let mut hot = vec![
        (waiting::LANE_BEHIND[0].to_owned(), "deliveries_pending"),
        (waiting::LANE_BEHIND[1].to_owned(), "deliveries_put_off"),
        (waiting::FIRSTS.to_owned(), "deliveries_pending"),
        (waiting::PUT_OFF.to_owned(), "deliveries_put_off"),
        (waiting::TESTS.to_owned(), "deliveries_waiting_tests"),
        (sweep::UNDECIDED[0].to_owned(), "deliveries_pending"),
        (sweep::UNDECIDED[1].to_owned(), "deliveries_failed"),
        (search::of_event_sql("deliveries_made_anew", search::MADE_ANEW), "deliveries_made_anew"),
        (search::of_event_sql("deliveries_of_webhook", search::MADE_FIRST), "deliveries_of_webhook"),
    ];
    let lists = [
        (DeliveryStatus::Pending, "deliveries_pending"),
        (DeliveryStatus::Succeeded, "deliveries_decided"),
        (DeliveryStatus::Failed, "deliveries_failed"),
        (DeliveryStatus::Dropped, "deliveries_decided"),
    ];
    for (status, index) in lists {
        hot.extend([(jobs::extent_sql(status), index), (jobs::candidates_sql(status), index)]);
    }
    let lists = lists.map(|(status, index)| (Some(status), index));
    for (status, index) in lists.into_iter().chain([(None, "deliveries_of_webhook")]) {
        let sqls = [deliveries::list_sql(status), search::edge_sql(status), search::found_sql(status)];
        hot.extend(sqls.map(|sql| (sql, index)));
    }
    for (sql, index) in hot {
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
