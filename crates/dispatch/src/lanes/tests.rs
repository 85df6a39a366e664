//! The lanes, with deliveries leased from a real ledger.

use std::time::Duration;

use sellvik_domain::{Lane, ShopId};
use sellvik_store::{Claimed, Leased, Settled, Settlement, Store};

use self::ledger::{at, leased, ledger};
use super::pools::Pool;
use super::{Lanes, Start};

mod ledger;
mod sharing;
mod simulation;

fn shop(n: u8) -> ShopId {
    ShopId::new([n; 16])
}

/// Starts whatever may start.
fn start_all(lanes: &mut Lanes) -> Vec<Start> {
    std::iter::from_fn(|| lanes.start_next()).collect()
}

/// The lanes of these starts, in order.
fn lanes_of(starts: &[Start]) -> Vec<Lane> {
    starts.iter().map(|start| start.leased.lane).collect()
}

fn take(lanes: &mut Lanes, leased: Vec<Leased>) {
    lanes.take_claim(&[], Claimed { leased, ..Claimed::default() }, at(0));
}

fn with(leased: Vec<Leased>) -> Lanes {
    let mut lanes = Lanes::default();
    take(&mut lanes, leased);
    lanes
}

#[tokio::test]
async fn lanes_take_turns_and_a_new_one_starts_with_one() {
    let deliveries = leased(3, 5).await;
    let names: Vec<_> = deliveries.chunks(5).map(|lane| lane[0].lane).collect();
    let mut lanes = with(deliveries);
    let mut starts = start_all(&mut lanes);
    assert_eq!(lanes_of(&starts), names);
    for start in starts.drain(..) {
        assert_eq!(start.seat.pool, Pool::Untried);
        assert!(lanes.landed(start.seat, Some(true), at(1)).is_empty());
    }
    assert_eq!(lanes_of(&start_all(&mut lanes)), [names.clone(), names].concat(), "two each, in turn");
}

#[tokio::test]
async fn answers_widen_the_window_and_silence_narrows_it_to_a_probe() {
    let mut lanes = with(leased(1, 12).await);
    for expected in [1, 2] {
        let starts = start_all(&mut lanes);
        assert_eq!(starts.len(), expected);
        assert!(starts.iter().all(|start| lanes.landed(start.seat, Some(true), at(1)).is_empty()));
    }
    let starts = start_all(&mut lanes);
    let surplus: Vec<_> =
        starts.iter().map(|start| lanes.landed(start.seat, Some(false), at(2)).len()).collect();
    assert_eq!(surplus, [0, 4, 0, 0], "a dead endpoint's backlog goes back to the ledger, but for one");
    let probe = start_all(&mut lanes);
    assert_eq!((probe.len(), probe[0].seat.pool), (1, Pool::Silent));
}

#[tokio::test]
async fn nothing_starts_while_the_ledger_takes_no_settlements() {
    let mut lanes = with(leased(2, 1).await);
    lanes.ledger_fails();
    assert!(start_all(&mut lanes).is_empty());
    lanes.ledger_recovers();
    assert_eq!(start_all(&mut lanes).len(), 2);
}

#[tokio::test]
async fn a_lease_that_ran_out_under_an_attempt_is_renewed_and_nothing_starts_twice() {
    let ledger = ledger(1, 1, Duration::ZERO).await;
    let mut lanes = with(ledger.claim().await.leased);
    let start = lanes.start_next().unwrap();
    assert_eq!(ledger.store.expire_leases().await.unwrap().len(), 1);
    take(&mut lanes, ledger.claim().await.leased);
    assert!(lanes.start_next().is_none());
    assert!(lanes.lease(start.leased.delivery).unwrap().renews(start.leased.lease));
}

#[tokio::test]
async fn a_delivery_given_back_and_claimed_at_once_is_not_lost() {
    let ledger = ledger(1, 1, Duration::from_secs(30)).await;
    let mut lanes = with(ledger.claim().await.leased);
    let Start { leased, seat } = lanes.start_next().unwrap();
    let Leased { lease, lane, delivery, attempts, .. } = leased;
    let settled = Settled::Released;
    let settlement = Settlement { lease, lane, attempts, test: false, settled, notice: None };
    ledger.store.settle([settlement].into()).await.unwrap();
    // The claim comes before whoever settled has noted it.
    take(&mut lanes, ledger.claim().await.leased);
    lanes.landed(seat, None, at(0));
    lanes.forget(delivery, lease, lane, 2);
    assert!(lanes.start_next().is_some());
    assert!(lanes.lease(delivery).is_some());
}

#[test]
fn room_is_bounded_per_lane_and_given_back() {
    let (mut lanes, lane) = (Lanes::default(), Lane(1));
    let taken = (0..100).filter(|_| lanes.reserve(shop(1), lane, 10, at(0))).count();
    assert_eq!(taken, 2);
    assert!(lanes.reserve(shop(1), Lane(2), 10, at(0)), "another lane has its own");
    lanes.cancel(lane, 10);
    assert!(lanes.reserve(shop(1), lane, 10, at(0)));
}

#[test]
fn due_lanes_leave_the_agenda_until_something_waits_again() {
    let (mut lanes, lane) = (Lanes::default(), Lane(1));
    lanes.waiting(lane, at(5));
    assert!(lanes.due(at(4), 9, 9).is_empty());
    assert_eq!(lanes.next_due(), Some(at(5)));
    let asked = lanes.due(at(5), 9, 9);
    assert_eq!(asked, [(lane, 1)]);
    assert_eq!((lanes.due(at(5), 9, 9), lanes.next_due()), (Vec::new(), None));
    lanes.waiting(lane, at(7));
    lanes.waiting(lane, at(6));
    assert_eq!(lanes.next_due(), None, "its room is promised to the claim");
    lanes.take_claim(&asked, Claimed::default(), at(5));
    assert_eq!(lanes.next_due(), Some(at(6)));
}

#[test]
fn a_claim_that_fails_leaves_all_as_it_was() {
    let (mut lanes, lane) = (Lanes::default(), Lane(1));
    lanes.waiting(lane, at(5));
    let asked = lanes.due(at(6), 9, 9);
    lanes.claim_failed(&asked, at(6));
    assert_eq!(lanes.due(at(6), 9, 9), asked);
}

#[test]
fn a_held_lane_is_not_looked_at_until_it_is_told_of() {
    let (mut lanes, lane) = (Lanes::default(), Lane(1));
    assert!(lanes.hold(lane, true) && !lanes.hold(lane, true));
    lanes.all_waiting(&[(lane, at(1)), (Lane(2), at(1))]);
    assert_eq!(lanes.due(at(1), 9, 9), [(Lane(2), 1)]);
    assert!(lanes.hold(lane, false));
}

#[test]
fn while_nothing_may_be_claimed_nothing_overdue_wakes_the_claimer() {
    let mut lanes = Lanes::default();
    lanes.waiting(Lane(1), at(5));
    assert_eq!(lanes.next_due(), Some(at(5)));
    lanes.ledger_fails();
    assert_eq!((lanes.due(at(9), 10, 10), lanes.next_due()), (vec![], None));
    lanes.ledger_recovers();
    assert_eq!(lanes.next_due(), Some(at(5)), "it is still on the agenda");
    assert_eq!(lanes.due(at(9), 10, 10).len(), 1);
}

#[test]
fn a_clock_that_is_set_back_holds_no_lane_up() {
    let (mut lanes, lane) = (Lanes::default(), Lane(1));
    lanes.waiting(lane, at(9000));
    let asked = lanes.due(at(9000), 9, 9);
    let next = vec![(lane, at(100))];
    lanes.take_claim(&asked, Claimed { next, ..Claimed::default() }, at(9000));
    assert_eq!(lanes.due(at(200), 9, 9), asked);
}
