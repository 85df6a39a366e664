//! What stands in the tables and no operation shows.

use rusqlite::Params;
use rusqlite::types::FromSql;
use sellvik_domain::{DropReason, Verdict, WebhookSecret};

use super::{Folder, open_sqlite};
use crate::conformance::fixtures::{at, attempted, retry};

impl Folder {
    fn value<T: FromSql>(&self, sql: &str, params: impl Params) -> T {
        self.look().query_row(sql, params, |row| row.get(0)).unwrap()
    }
}

#[tokio::test]
async fn a_drains_end_erases_both_secrets() {
    let folder = open_sqlite();
    let ledger = folder.ledger().await;
    let (shop, hook) = ledger.shop_and_hook().await;
    let rotated = WebhookSecret::new(&[1; 32]);
    assert!(ledger.webhook_rotate(shop.id, hook.id, rotated, at(0), at(0)).await.unwrap());
    ledger.delete(&hook).await;
    let left = "SELECT (secret IS NOT NULL) + (replaced IS NOT NULL) FROM webhooks";
    assert_eq!(folder.value::<i64>(left, []), 2);
    ledger.drains_ended(at(300), 10).await.unwrap();
    assert_eq!(folder.value::<i64>(left, []), 0);
}

#[tokio::test]
async fn a_purge_leaves_nothing_of_what_is_old() {
    let folder = open_sqlite();
    let ledger = folder.ledger().await;
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.order(&shop, at(1)).await;
    for second in [1, 2, 3] {
        let leased = ledger.claim_only(&hook, at(second)).await;
        ledger.settle_as(&leased, attempted(at(second), retry(at(second + 1), 1))).await;
    }
    let rows = |table: &str| folder.value::<i64>(&format!("SELECT count(*) FROM {table}"), []);
    let all = ["deliveries", "events", "attempts", "webhook_hours"];
    assert_eq!(all.map(rows), [1, 1, 2, 1]);
    ledger.purge_all(at(3600), 1).await;
    assert_eq!(all.map(rows), [0, 0, 0, 0]);
}

#[tokio::test]
async fn attempts_are_folded_into_hours() {
    let folder = open_sqlite();
    let ledger = folder.ledger().await;
    let (shop, hook) = ledger.shop_and_hook().await;
    for (second, verdict) in [
        (1, Verdict::Succeeded),
        (2, retry(at(9000), 1)),
        (3, Verdict::Dropped(DropReason::ClientError)),
        (3601, Verdict::Succeeded),
    ] {
        ledger.attempted_order(&shop, &hook, at(second), verdict).await;
    }
    let db = folder.look();
    let sql = "SELECT hour, succeeded, failed, dropped, le_25, le_50 FROM webhook_hours WHERE webhook = ? ORDER BY hour";
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map([hook.lane.0], |row| {
        Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get::<_, i64>(5)?])
    });
    let rows: Vec<_> = rows.unwrap().collect::<Result<_, _>>().unwrap();
    let hour = at(0).as_secs() / 3600;
    assert_eq!(rows, [[hour, 1, 2, 1, 0, 3], [hour + 1, 1, 0, 0, 0, 1]]);
}
