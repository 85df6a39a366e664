//! Damage: said in a sentence before anything is written, or lived with where it is met later.

use std::path::PathBuf;

use sellvik_domain::Verdict;

use super::{Folder, open_sqlite};
use crate::conformance::fixtures::{Ledger, ORDER, at};
use crate::sqlite::SqliteStore;
use crate::{OpenError, StoreError};

/// A ledger with a few hundred deliveries in it, closed.
async fn filled() -> Folder {
    let folder = open_sqlite();
    let ledger = folder.ledger().await;
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.attempted_order(&shop, &hook, at(1), Verdict::Succeeded).await;
    let events = (0..300).map(|second| ledger.event(&shop, ORDER, at(second))).collect();
    ledger.publish(events).await.unwrap();
    drop(ledger);
    folder
}

impl Folder {
    fn log(&self) -> PathBuf {
        self.0.path().join("ledger.db-wal")
    }

    /// Why it is not opened; nothing of it was changed by the attempt.
    fn refused(&self) -> OpenError {
        let files = || [self.file(), self.log()].map(|file| std::fs::read(file).unwrap_or_default());
        let before = files();
        let error = SqliteStore::open(&self.settings()).err().expect("it was opened");
        assert!(files() == before, "something was written: {error}");
        error
    }

    #[track_caller]
    fn refused_as_damaged(&self) -> String {
        let error = self.refused();
        assert!(matches!(&error, OpenError::Damaged { path, .. } if *path == self.file()), "{error:?}");
        error.to_string()
    }

    /// The first page of a table or an index, by its place in the file.
    fn page_of(&self, name: &str) -> usize {
        let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?";
        let page: u32 = self.look().query_row(sql, [name], |row| row.get(0)).unwrap();
        (page as usize - 1) * 4096
    }
}

#[tokio::test]
async fn a_damaged_page_is_found_wherever_it_lies() {
    let folder = filled().await;
    let whole = std::fs::read(folder.file()).unwrap();
    let pages = ["events", "deliveries", "webhooks", "deliveries_decided", "deliveries_pending"]
        .map(|name| folder.page_of(name));
    let middle = whole.len() / 2 / 4096 * 4096;
    for at in pages.into_iter().chain([middle]) {
        let mut damaged = whole.clone();
        damaged[at..at + 200].fill(0xa5);
        std::fs::write(folder.file(), damaged).unwrap();
        folder.refused_as_damaged();
    }
    for length in [whole.len() - 4096, whole.len() / 2, 5000, 100] {
        std::fs::write(folder.file(), &whole[..length]).unwrap();
        folder.refused_as_damaged();
    }
    std::fs::write(folder.file(), whole).unwrap();
    folder.ledger().await.ping().await.unwrap();
}

#[tokio::test]
async fn foreign_contents_where_the_service_keeps_its_own_are_damage() {
    for statement in [
        "DROP TABLE refinery_schema_history",
        "DELETE FROM refinery_schema_history",
        "UPDATE refinery_schema_history SET version = 'one' WHERE version = 1",
        "UPDATE refinery_schema_history SET version = 0 WHERE version = 1",
        "UPDATE refinery_schema_history SET name = 'theirs'",
        "UPDATE refinery_schema_history SET checksum = 'none'",
        "UPDATE refinery_schema_history SET checksum = '1'",
        "UPDATE refinery_schema_history SET applied_on = 'yesterday'",
        "UPDATE refinery_schema_history SET applied_on = NULL",
        "DROP TABLE meta",
        "DELETE FROM meta",
        "UPDATE meta SET value = x'00'",
        "DROP TABLE meta; CREATE TABLE meta (key TEXT, value TEXT); INSERT INTO meta VALUES ('key_check', 'x')",
    ] {
        let folder = filled().await;
        folder.look().execute_batch(statement).unwrap();
        let sentence = folder.refused_as_damaged();
        assert!(sentence.contains("restore it from a backup"), "{statement}: {sentence}");
    }
}

#[tokio::test]
async fn a_newer_versions_ledger_is_left_to_it() {
    let folder = filled().await;
    let newer = "INSERT INTO refinery_schema_history SELECT 900, 'later', applied_on, checksum
                 FROM refinery_schema_history LIMIT 1";
    folder.look().execute_batch(newer).unwrap();
    let error = folder.refused();
    assert!(matches!(error, OpenError::Newer { found: 900, .. }), "{error:?}");
    assert!(error.to_string().contains("newer sellvik"), "{error}");
}

#[tokio::test]
async fn a_start_that_was_cut_off_before_the_first_table_is_gone_on_with() {
    let folder = open_sqlite();
    let begun = folder.look();
    begun.pragma_update(None, "application_id", 0x536c_766b).unwrap();
    drop(begun);
    folder.ledger().await.ping().await.unwrap();
    let folder = open_sqlite();
    std::fs::write(folder.file(), "").unwrap();
    folder.ledger().await.ping().await.unwrap();
}

/// A ledger and its log as a crash leaves them, after several commits that are in the log alone.
async fn crashed() -> Folder {
    let folder = open_sqlite();
    let ledger: Ledger = folder.ledger().await;
    let (shop, _) = ledger.shop_and_hook().await;
    for second in 0..20 {
        ledger.order(&shop, at(second)).await;
    }
    let copy = open_sqlite();
    std::fs::copy(folder.file(), copy.file()).unwrap();
    std::fs::copy(folder.log(), copy.log()).unwrap();
    copy
}

#[tokio::test]
async fn a_log_that_lost_its_middle_is_damage_and_one_that_lost_its_end_is_not() {
    let folder = crashed().await;
    let log = std::fs::read(folder.log()).unwrap();
    let frames = (log.len() - 32) / (24 + 4096);
    let frame = |number: usize| 32 + number * (24 + 4096);
    // In a page, in a frame's head, in its sum, and in the log's own head.
    for at in [frame(frames / 2) + 1000, frame(frames / 3) + 9, frame(frames / 2) + 17, 25, 0] {
        let mut damaged = log.clone();
        damaged[at] ^= 0x40;
        std::fs::write(folder.log(), damaged).unwrap();
        let sentence = folder.refused_as_damaged();
        assert!(sentence.contains("log has a hole"), "{at}: {sentence}");
    }
    // As a crash tears it: the end is missing, or the last commit was written in part.
    let mut torn = log.clone();
    torn[frame(frames - 1) + 500] ^= 0x40;
    let older = [&log[..], &[0xa5; 9000]].concat();
    for (log, events) in [(log[..frame(frames - 1) + 77].to_vec(), 19), (torn, 19), (older, 20)] {
        let copy = open_sqlite();
        std::fs::copy(folder.file(), copy.file()).unwrap();
        std::fs::write(copy.log(), log).unwrap();
        copy.ledger().await.ping().await.unwrap();
        let count = "SELECT count(*) FROM events";
        assert_eq!(copy.look().query_row(count, [], |row| row.get::<_, i64>(0)).unwrap(), events);
    }
}

#[tokio::test]
async fn a_delivery_whose_event_is_gone_is_dropped_and_holds_nothing_up() {
    let folder = open_sqlite();
    let ledger = folder.ledger().await;
    let (shop, hook) = ledger.shop_and_hook().await;
    for second in 1..=3 {
        ledger.order(&shop, at(second)).await;
    }
    folder.look().execute("DELETE FROM events WHERE accepted_at = ?", [at(1).as_millis()]).unwrap();
    let first = ledger.claim_from(&hook, 1, at(9)).await;
    assert!(first.leased.is_empty());
    assert_eq!(first.next, [(hook.lane, at(2))], "the lost one does not wait any more");
    let rest = ledger.claim_from(&hook, 9, at(9)).await;
    assert_eq!(rest.leased.iter().map(|leased| leased.due).collect::<Vec<_>>(), [at(2), at(3)]);
    assert_eq!(rest.next, []);
    let dropped = "SELECT count(*) FROM deliveries WHERE status = 3 AND due IS NULL";
    assert_eq!(folder.look().query_row(dropped, [], |row| row.get::<_, i64>(0)).unwrap(), 1);
}

#[tokio::test]
async fn damage_met_while_running_refuses_what_needs_it_and_says_so() {
    let folder = open_sqlite();
    let ledger = folder.ledger().await;
    let (shop, _) = ledger.shop_and_hook().await;
    ledger.order(&shop, at(1)).await;
    folder.look().execute_batch("DROP TABLE attempts; DROP TABLE events").unwrap();
    let event = ledger.event(&shop, ORDER, at(2));
    assert!(matches!(ledger.publish(vec![event]).await, Err(StoreError::Unavailable(_))));
    assert!(ledger.ping().await.is_err());
}
