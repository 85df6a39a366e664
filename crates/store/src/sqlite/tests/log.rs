//! The write-ahead log: brought into the file beside the writer, and begun anew.

use std::time::Instant;

use super::open_sqlite;
use crate::conformance::fixtures::{ORDER, PATIENCE, at, with_data};

/// Large, so that few events fill the log.
const BODY_BYTES: usize = 400_000;

/// Pages that the log has at least before it begins anew.
const PAGES: i64 = 8192;

#[tokio::test]
async fn a_log_that_is_full_is_copied_and_begun_anew() {
    let folder = open_sqlite();
    let ledger = folder.ledger().await;
    let (shop, hook) = ledger.shop_and_hook().await;
    let body = format!(r#"{{"note":"{}"}}"#, "x".repeat(BODY_BYTES));
    // Pages in the log now, as of a connection of our own.
    let looking = folder.look();
    let pages = || -> i64 { looking.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1)).unwrap() };
    let (mut sent, mut most, started) = (0, 0, Instant::now());
    while pages() >= most {
        assert!(started.elapsed() < PATIENCE, "{most} pages are in the log");
        most = pages();
        sent += 1;
        ledger.send(with_data(ledger.event(&shop, ORDER, at(sent)), &body)).await;
    }
    assert!(most >= PAGES, "it began anew with {most} pages");
    let file = std::fs::metadata(folder.file()).unwrap().len();
    assert!(file >= u64::try_from(PAGES * 4096).unwrap(), "{file} bytes are in the file");
    drop(looking);
    let newest = ledger.deliveries(&hook).await.remove(0);
    assert_eq!(newest.created_at, at(sent), "what came last is there");
}
