//! The file: sealed, locked, and left alone when it is damaged.

use std::path::Path;

use sellvik_domain::{Lane, Verdict, WebhookSecret};

use super::{Folder, open_sqlite};
use crate::conformance::fixtures::{Ledger, at, attempted};
use crate::conformance::intake::Recorder;
use crate::sqlite::{SqliteSettings, SqliteStore, holds_secrets};
use crate::{EncryptionKey, OpenError, Settling};

/// Everything that stands on disk.
fn bytes_of(folder: &Folder) -> Vec<u8> {
    std::fs::read_dir(folder.0.path())
        .unwrap()
        .flat_map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// The error of opening this ledger.
fn refusal(settings: &SqliteSettings) -> OpenError {
    SqliteStore::open(settings).err().unwrap()
}

#[tokio::test]
async fn secrets_are_sealed_on_disk() {
    let folder = open_sqlite();
    let mut ledger = folder.ledger().await;
    let (shop, hook) = ledger.shop_and_hook().await;
    let rotated = WebhookSecret::new(&[1; 32]);
    assert!(ledger.webhook_rotate(shop.id, hook.id, rotated.clone(), at(0), at(9)).await.unwrap());
    for _ in ["in the log", "in the file"] {
        let bytes = bytes_of(&folder);
        assert!(holds(&bytes, "https://a.example/hook"), "this is where it would be");
        for secret in [&hook.secret, &rotated] {
            assert!(!holds(&bytes, &secret.reveal()["whsec_".len()..]));
        }
        assert!(!holds(&bytes, &String::from_utf8_lossy(&[1; 32])));
        assert!(!holds(&bytes, &String::from_utf8_lossy(&[7; 32])), "the key");
        ledger.reopen().await;
    }
}

#[tokio::test]
async fn another_key_does_not_open_it() {
    let folder = open_sqlite();
    drop(folder.ledger().await);
    let other = SqliteSettings { key: EncryptionKey::new([8; 32]), ..folder.settings() };
    assert!(matches!(refusal(&other), OpenError::WrongKey));
    folder.ledger().await.ping().await.unwrap();
}

#[tokio::test]
async fn it_says_whether_it_needs_its_key() {
    let folder = open_sqlite();
    assert!(!holds_secrets(&folder.file()).unwrap());
    assert!(!folder.file().exists(), "looking makes no file");
    drop(folder.ledger().await);
    assert!(holds_secrets(&folder.file()).unwrap());
}

#[tokio::test]
async fn a_folder_has_one_process() {
    let folder = open_sqlite();
    let ledger = folder.ledger().await;
    assert!(matches!(refusal(&folder.settings()), OpenError::InUse(path) if path == folder.0.path()));
    ledger.ping().await.unwrap();
    drop(ledger);
    SqliteStore::open(&folder.settings()).unwrap();
}

#[tokio::test]
async fn a_missing_folder_is_made() {
    let folder = open_sqlite();
    let path = folder.0.path().join("new/and/deep/ledger.db");
    SqliteStore::open(&SqliteSettings { path: path.clone(), ..folder.settings() }).unwrap();
    assert!(path.exists());
}

/// A ledger with something in it, closed.
async fn filled(folder: &Folder) {
    let ledger: Ledger = folder.ledger().await;
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.attempted_order(&shop, &hook, at(1), Verdict::Succeeded).await;
}

fn refuses_and_leaves(folder: &Folder, path: &Path, damaged: &[u8]) {
    std::fs::write(path, damaged).unwrap();
    let refused = refusal(&folder.settings());
    assert!(matches!(&refused, OpenError::Damaged { path, .. } if *path == folder.file()), "{refused:?}");
    assert!(std::fs::read(path).unwrap() == damaged, "not a byte of it is changed");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let folder = open_sqlite();
    refuses_and_leaves(&folder, &folder.file(), &b"Dear diary, ".repeat(1000));
}

#[tokio::test]
async fn a_damaged_file_is_refused_and_left_alone() {
    let folder = open_sqlite();
    filled(&folder).await;
    let whole = std::fs::read(folder.file()).unwrap();
    let overwritten = |at: usize, bytes: &[u8]| {
        let mut damaged = whole.clone();
        damaged[at..at + bytes.len()].copy_from_slice(bytes);
        damaged
    };
    refuses_and_leaves(&folder, &folder.file(), &overwritten(0, &[0; 16]));
    refuses_and_leaves(&folder, &folder.file(), &overwritten(100, &[0xff; 400]));
    refuses_and_leaves(&folder, &folder.file(), &whole[..4096]);
    std::fs::write(folder.file(), whole).unwrap();
    folder.ledger().await.ping().await.unwrap();
}

#[tokio::test]
async fn opening_voids_the_leases_of_the_process_before() {
    let folder = open_sqlite();
    let mut ledger = folder.ledger().await;
    let (shop, hook) = ledger.shop_and_hook().await;
    let intake = Recorder::with_room(1);
    ledger.attach(intake.clone());
    ledger.order(&shop, at(1)).await;
    ledger.order(&shop, at(2)).await;
    let handed = intake.told().handed_over.remove(0);
    let claimed = ledger.claim_only(&hook, at(2)).await;
    assert!(ledger.expire_leases().await.unwrap().is_empty());

    ledger.reopen().await;
    assert_eq!(ledger.lanes_waiting(None, 10).await.unwrap(), [(Lane(hook.lane.0), at(1))]);
    let again = ledger.claim_from(&hook, 10, at(2)).await.leased;
    assert_eq!(
        again.iter().map(|leased| leased.delivery).collect::<Vec<_>>(),
        [handed.delivery, claimed.delivery]
    );
    for late in [&handed, &claimed] {
        let settling = ledger.settle_as(late, attempted(at(3), Verdict::Succeeded)).await;
        assert_eq!(settling, Settling::LeaseLost);
    }
}

#[tokio::test]
async fn another_programs_database_is_refused_and_left_alone() {
    let folder = open_sqlite();
    let settings = folder.settings();
    let other = rusqlite::Connection::open(&settings.path).unwrap();
    other.execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)").unwrap();
    drop(other);
    let before = std::fs::read(&settings.path).unwrap();
    assert!(matches!(refusal(&settings), OpenError::NotALedger(_)));
    assert_eq!(std::fs::read(&settings.path).unwrap(), before);
}
