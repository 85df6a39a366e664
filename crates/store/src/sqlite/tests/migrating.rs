//! A ledger of before is opened by the program of now, and loses nothing by it.

use rusqlite::types::Value;
use rusqlite::{Connection, params};
use sellvik_domain::{Capabilities, Capability, DeliveryStatus, DropReason, Shop, Verdict};

use super::{Folder, open_sqlite};
use crate::conformance::fixtures::{Hook, Ledger, ORDER, STOCK, at, retry};
use crate::{DeliverySearch, NewPanelSession};

/// What the first version's ledger consisted of.
const FIRST: &str = include_str!("../../../migrations/sqlite/V1__ledger.sql");

/// What the first version noted of a delivery and nobody notes any more.
const NO_LONGER: [&str; 2] = ["lease_until", "lease_epoch"];

/// Every row of a table as the file holds it, by the columns' names.
fn named_rows_of(db: &Connection, table: &str) -> Vec<Vec<(String, Value)>> {
    let mut statement = db.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2")).unwrap();
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let row = |row: &rusqlite::Row<'_>| {
        names.iter().enumerate().map(|(at, name)| Ok((name.clone(), row.get(at)?))).collect()
    };
    statement.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap()
}

fn rows_of(db: &Connection, table: &str) -> Vec<Vec<Value>> {
    let rows = named_rows_of(db, table).into_iter();
    rows.map(|row| row.into_iter().map(|(_, value)| value).collect()).collect()
}

fn names(db: &Connection, kind: &str) -> Vec<String> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = ? AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let mut statement = db.prepare(sql).unwrap();
    statement.query_map([kind], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

/// A ledger with some of everything, closed.
async fn lived_in(folder: &Folder) -> (Shop, Hook) {
    let ledger: Ledger = folder.ledger().await;
    let shop = ledger.shop("acme").await;
    let hook = ledger.hook(&shop, "a.example", &[ORDER, STOCK]).await;
    for (second, verdict) in
        [(1, Verdict::Succeeded), (2, retry(at(9000), 1)), (3, Verdict::Dropped(DropReason::ClientError))]
    {
        ledger.attempted_order(&shop, &hook, at(second), verdict).await;
    }
    let dropped = ledger.ids_of(&hook, DeliveryStatus::Dropped).await[0];
    ledger.delivery_redeliver(shop.id, hook.id, dropped, at(4), ledger.seed()).await.unwrap().unwrap();
    ledger.order(&shop, at(5)).await;
    ledger.close().await;
    (shop, hook)
}

/// Takes a ledger back to the first version: its tables alone, with the same rows.
fn as_of_the_first_version(folder: &Folder) {
    let now = folder.look();
    let old = Connection::open(folder.0.path().join("old.db")).unwrap();
    old.execute_batch(FIRST).unwrap();
    let mark: i32 = now.query_row("PRAGMA application_id", [], |row| row.get(0)).unwrap();
    old.pragma_update(None, "application_id", mark).unwrap();
    let tables = names(&old, "table");
    assert!(tables.len() >= 9 && names(&now, "table").len() > tables.len(), "{tables:?}");
    for table in &tables {
        for mut row in named_rows_of(&now, table) {
            if table == "deliveries" {
                row.push(("lease_epoch".to_owned(), Value::Integer(1)));
            }
            let (names, values): (Vec<_>, Vec<_>) = row.into_iter().unzip();
            let marks = vec!["?"; names.len()].join(", ");
            let insert = format!("INSERT INTO {table} ({}) VALUES ({marks})", names.join(", "));
            old.execute(&insert, rusqlite::params_from_iter(values)).unwrap();
        }
    }
    // What the first version's own opening noted about itself.
    let history = "refinery_schema_history";
    let schema = "SELECT sql FROM sqlite_schema WHERE name = ?";
    let schema: String = now.query_row(schema, [history], |row| row.get(0)).unwrap();
    old.execute_batch(&schema).unwrap();
    let first = rows_of(&now, history).remove(0);
    assert_eq!(first[0], Value::Integer(1));
    let insert = format!("INSERT INTO {history} VALUES (?, ?, ?, ?)");
    old.execute(&insert, rusqlite::params_from_iter(first)).unwrap();
    drop((now, old));
    for rest in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.0.path().join(format!("ledger.db{rest}")));
    }
    std::fs::rename(folder.0.path().join("old.db"), folder.file()).unwrap();
}

#[tokio::test]
async fn a_ledger_of_the_first_version_is_opened_without_loss() {
    let folder = open_sqlite();
    let (shop, hook) = lived_in(&folder).await;
    as_of_the_first_version(&folder);
    let old = folder.look();
    old.execute("UPDATE deliveries SET lease_until = 1 WHERE due IS NOT NULL", []).unwrap();
    let before: Vec<_> =
        names(&old, "table").into_iter().map(|table| (named_rows_of(&old, &table), table)).collect();
    assert_eq!(old.query_row("SELECT count(*) FROM deliveries", [], |row| row.get(0)), Ok(5));
    assert!(!names(&old, "table").contains(&"panel_links".to_owned()));
    drop(old);

    let ledger = folder.ledger().await;
    let now = folder.look();
    for (mut rows, table) in before.into_iter().filter(|(_, table)| table != "refinery_schema_history") {
        for row in &mut rows {
            row.retain(|(name, _)| !NO_LONGER.contains(&name.as_str()));
        }
        assert_eq!(named_rows_of(&now, &table), rows, "{table}");
    }
    let (fresh, ours) = (open_sqlite(), names(&now, "index"));
    drop(fresh.ledger().await);
    assert_eq!(names(&fresh.look(), "index"), ours, "the same indexes as a new ledger's");

    // What was there is found by what is new, and what is new works.
    let all = ledger.deliveries(&hook).await;
    let found = ledger.delivery_search(shop.id, hook.id, DeliverySearch::default(), None, 100).await.unwrap();
    assert_eq!(found.items, all);
    let dropped = all.iter().find(|one| one.redelivery_of.is_some()).unwrap();
    let of_event = ledger.delivery_of_event(shop.id, hook.id, dropped.event.clone(), 10).await.unwrap();
    assert_eq!(of_event.len(), 2);
    assert_eq!(ledger.endpoint_of(&hook).await.webhook, hook.id);
    let capabilities = Capabilities::default().with(Capability::Read);
    let link = NewPanelSession { hash: [1; 32], capabilities, expires_at: at(300) };
    ledger.panel_link_create(shop.id, link, at(0)).await.unwrap();
    assert!(ledger.panel_link_redeem(shop.id, [1; 32], [2; 32], at(300), at(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn expired_links_and_sessions_are_taken_away_by_those_who_come_later() {
    let folder = open_sqlite();
    let ledger = folder.ledger().await;
    let shop = ledger.shop("acme").await;
    let rows = |table: &str| rows_of(&folder.look(), table).len();
    let link = |n: u8, ends: i64| NewPanelSession {
        hash: [n; 32],
        capabilities: Capabilities::default(),
        expires_at: at(ends),
    };
    for n in 0..20 {
        ledger.panel_link_create(shop.id, link(n, 300), at(0)).await.unwrap();
    }
    for n in 0..10 {
        let opened = ledger.panel_link_redeem(shop.id, [n; 32], [100 + n; 32], at(400), at(1)).await.unwrap();
        assert!(opened.is_some());
    }
    assert_eq!((rows("panel_links"), rows("panel_sessions")), (10, 10), "a link used is gone");
    ledger.panel_link_create(shop.id, link(50, 600), at(299)).await.unwrap();
    assert_eq!(rows("panel_links"), 11, "nothing has expired yet");
    ledger.panel_link_create(shop.id, link(51, 600), at(300)).await.unwrap();
    assert_eq!(rows("panel_links"), 2);
    ledger.panel_link_redeem(shop.id, [50; 32], [150; 32], at(900), at(400)).await.unwrap().unwrap();
    assert_eq!((rows("panel_links"), rows("panel_sessions")), (1, 1));
    let held: i64 = folder
        .look()
        .query_row("SELECT expires_at FROM panel_sessions WHERE hash = ?", params![[150_u8; 32]], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(held, at(900).as_millis());
}
