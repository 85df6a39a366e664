//! Strangers who take every place there is, and come back whenever they are sent away.

use std::time::Duration;

use tokio::task::JoinSet;

use super::callers::Caller;
use super::house::House;
use super::trickle::Trickle;
use super::turn;

/// Open files of the process: with half of them kept for its own use, the house is soon full.
const FILES: usize = 1_200;

/// Strangers, many more than there are places.
const STRANGERS: usize = 1_000;

#[tokio::test]
async fn strangers_who_take_every_place_keep_nobody_out() {
    let _turn = turn().await;
    let house = House::open_after(&format!("ulimit -n {FILES}"), &[]).await;
    let address = house.address;
    let mut strangers = JoinSet::new();
    for number in 0..STRANGERS {
        strangers.spawn(async move {
            tokio::time::sleep(Duration::from_millis(number as u64)).await;
            loop {
                Caller::call(address, number).await.end().await;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
    }
    house.has_files(|files| files >= FILES / 2 - 50).await;
    let trickle = Trickle::start(&house).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let waits = trickle.stop().await;
    waits.assert_prompt();
    assert!(house.files() < FILES * 3 / 4, "{} open files", house.files());
    let complaints = house.node.program.err.text();
    assert!(!complaints.contains("\"WARN\"") && !complaints.contains("\"ERROR\""), "{complaints}");
}
