//! The write-ahead log: brought into the file beside the writer, and begun anew.

use std::time::Instant;

use super::open_sqlite;
use crate::conformance::fixtures::{ORDER, PATIENCE, at, with_data};

/// More than the log may hold before it is copied, of bodies of this size.
const EVENTS: usize = 90;
const BODY_BYTES: usize = 200_000;

#[tokio::test]
async fn a_log_that_is_full_is_copied_and_begun_anew() {
    let folder = open_sqlite();
    let ledger = folder.ledger().await;
    let (shop, hook) = ledger.shop_and_hook().await;
    let body = format!(r#"{{"note":"{}"}}"#, "x".repeat(BODY_BYTES));
    for second in 1..=EVENTS {
        let at = at(i64::try_from(second).unwrap());
        ledger.send(with_data(ledger.event(&shop, ORDER, at), &body)).await;
    }
    // Pages in the log now, as of a connection of our own.
    let looking = folder.look();
    let pages = || -> i64 { looking.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1)).unwrap() };
    let (full, started) = (4096, Instant::now());
    while pages() >= full {
        assert!(started.elapsed() < PATIENCE, "{} pages are in the log", pages());
        ledger.order(&shop, at(1000)).await;
    }
    assert!(std::fs::metadata(folder.file()).unwrap().len() > (EVENTS * BODY_BYTES) as u64 / 2);
    drop(looking);
    assert!(ledger.deliveries(&hook).await.len() >= EVENTS);
}
