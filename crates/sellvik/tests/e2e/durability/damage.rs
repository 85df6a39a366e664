//! A damaged, emptied or newer ledger: a sentence that names it, no start, and not a byte written.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use sellvik_testkit::Reply;
use tempfile::TempDir;

use super::{Node, serve};
use crate::harness::Scene;
use crate::program::Program;

/// The ledger and its log.
fn files(folder: &Path) -> [PathBuf; 2] {
    ["sellvik.db", "sellvik.db-wal"].map(|name| folder.join(name))
}

fn contents(folder: &Path) -> [Vec<u8>; 2] {
    files(folder).map(|file| std::fs::read(file).unwrap_or_default())
}

/// A ledger with a shop and events in it, closed in good order.
async fn filled(folder: &Path) {
    let mut node = Node::start(folder, &[]).await;
    let shop = node.shop().await;
    node.webhook(&shop, "http://127.0.0.1:1/").await;
    for number in 0..20 {
        node.publish(&shop, &format!("evt_{number}")).await;
    }
    node.program.terminate();
    assert!(node.program.exit().await.success());
}

/// The sentence with which a start is refused; the ledger is as it was.
async fn refusal(folder: &Path) -> String {
    let before = contents(folder);
    let error = Program::start(&mut serve(folder, &[])).failure().await;
    assert!(contents(folder) == before, "something was written: {error}");
    assert!(!error.contains("panicked"), "{error}");
    assert!(error.contains(&files(folder)[0].display().to_string()), "it names the file: {error}");
    error
}

/// Waits for a start in good health, with its shop.
async fn starts(folder: &Path) {
    let node = Node::start(folder, &[]).await;
    node.platform.get("/api/health").await.expect(200);
    let shops = node.platform.get("/api/v1/platform/shops").await.expect(200);
    assert_eq!(shops["items"].as_array().unwrap().len(), 1);
}

fn root_page(file: &Path, name: &str) -> usize {
    let db = Connection::open(file).unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?";
    let page: u32 = db.query_row(sql, [name], |row| row.get(0)).unwrap();
    (page as usize - 1) * 4096
}

#[tokio::test]
async fn damage_is_refused_wherever_it_lies_and_the_right_copy_is_taken_again() {
    let folder = TempDir::new().unwrap();
    filled(folder.path()).await;
    let [file, _] = files(folder.path());
    let index = root_page(&file, "deliveries_decided");
    let whole = std::fs::read(&file).unwrap();
    let middle = whole.len() / 2 / 4096 * 4096;
    let overwritten = |at: usize, many: usize| {
        let mut damaged = whole.clone();
        damaged[at..at + many].fill(0xa5);
        damaged
    };
    for damaged in [
        overwritten(0, 16),
        overwritten(100, 3996),
        overwritten(middle, 200),
        overwritten(index, 200),
        whole[..whole.len() - 4096].to_vec(),
        whole[..whole.len() / 2].to_vec(),
        whole[..2000].to_vec(),
    ] {
        std::fs::write(&file, damaged).unwrap();
        let error = refusal(folder.path()).await;
        assert!(error.contains("damaged or not a Sellvik ledger; restore it from a backup"), "{error}");
    }
    std::fs::write(&file, &whole).unwrap();
    starts(folder.path()).await;
}

#[tokio::test]
async fn a_damaged_log_is_refused_because_what_was_accepted_stands_behind_the_damage() {
    let folder = TempDir::new().unwrap();
    let mut node = Node::start(folder.path(), &[]).await;
    let shop = node.shop().await;
    for number in 0..20 {
        node.publish(&shop, &format!("evt_{number}")).await;
    }
    node.program.kill();
    let [_, log] = files(folder.path());
    let whole = std::fs::read(&log).unwrap();
    for at in [0, whole.len() / 3, whole.len() / 2] {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x40;
        std::fs::write(&log, damaged).unwrap();
        let error = refusal(folder.path()).await;
        assert!(error.contains("restore it from a backup: its write-ahead log has a hole"), "{error}");
    }
    std::fs::write(&log, whole).unwrap();
    starts(folder.path()).await;
}

#[tokio::test]
async fn an_emptied_ledger_is_not_taken_for_a_first_start() {
    let folder = TempDir::new().unwrap();
    filled(folder.path()).await;
    let [file, _] = files(folder.path());
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, "").unwrap();
    let error = refusal(folder.path()).await;
    assert!(error.contains("is empty") && error.contains("platform.key"), "{error}");
    std::fs::write(&file, whole).unwrap();
    starts(folder.path()).await;
}

#[tokio::test]
async fn what_the_service_keeps_about_its_ledger_is_not_trusted_blindly() {
    for (statement, sentence) in [
        ("UPDATE refinery_schema_history SET checksum = 'none'", "damaged or not a Sellvik ledger"),
        ("UPDATE refinery_schema_history SET applied_on = 'x'", "damaged or not a Sellvik ledger"),
        ("DROP TABLE refinery_schema_history", "damaged or not a Sellvik ledger"),
        ("DROP TABLE meta", "damaged or not a Sellvik ledger"),
        ("UPDATE meta SET value = x'00'", "damaged or not a Sellvik ledger"),
        (
            "UPDATE refinery_schema_history SET version = 900 WHERE version = 2",
            "was written by a newer sellvik",
        ),
    ] {
        let folder = TempDir::new().unwrap();
        filled(folder.path()).await;
        Connection::open(&files(folder.path())[0]).unwrap().execute_batch(statement).unwrap();
        let error = refusal(folder.path()).await;
        assert!(error.contains(sentence), "{statement}: {error}");
    }
}

#[tokio::test]
async fn a_delivery_whose_event_is_lost_holds_up_no_other() {
    let scene = Scene::with([Reply::status(500), Reply::status(500), Reply::status(200)]).await;
    let lost = scene.first_attempt().await;
    // So that the list shows them in this order.
    scene.server.advance(Duration::from_millis(1));
    let sound = scene.first_attempt().await;
    let db = Connection::open(scene.server.folder().join("sellvik.db")).unwrap();
    let id = lost["eventId"].as_str().unwrap();
    assert_eq!(db.execute("DELETE FROM events WHERE id = ?", [id]).unwrap(), 1);
    let later = [&lost, &sound].map(|delivery| delivery["nextAttemptAt"].as_str().unwrap()).into_iter().max();
    scene.server.advance_to(&later.unwrap().into());
    let delivery = scene.shop.reached(&scene.webhook, "succeeded").await;
    assert_eq!(delivery["id"], sound["id"]);
    let waiting = "SELECT count(*) FROM deliveries WHERE due IS NOT NULL";
    assert_eq!(db.query_row(waiting, [], |row| row.get::<_, i64>(0)).unwrap(), 0, "it waits for nothing");
    scene.others_go_on().await;
    assert_eq!(scene.requests(), 3);
    scene.server.anonymous.get("/api/health").await.expect(200);
}
