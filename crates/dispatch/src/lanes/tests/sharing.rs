//! Who goes before whom: first attempts and retries, pools, shops.

use sellvik_domain::{Lane, ShopId, Timestamp};
use sellvik_store::Claimed;

use super::super::pools::Pool;
use super::super::{Lanes, Start};
use super::ledger::{BYTES, Maker, at};
use super::{lanes_of, shop, start_all};
use crate::bounds::{PoolBounds, SHOP_SHARE};

/// Hands over so many first attempts, as far as there is room; how many there were.
fn publish(lanes: &mut Lanes, maker: &mut Maker, shop: ShopId, lane: Lane, many: usize) -> usize {
    let taken = (0..many).take_while(|_| lanes.reserve(shop, lane, BYTES, at(0))).count();
    for _ in 0..taken {
        lanes.take_reserved(maker.make(lane, 0, at(0)));
    }
    taken
}

fn end(lanes: &mut Lanes, start: &Start, answered: bool, now: Timestamp) {
    let Start { leased, seat } = start;
    for one in lanes.landed(*seat, Some(answered), now).iter().chain([leased]) {
        lanes.forget(one.delivery, one.lease, one.lane, BYTES);
    }
}

/// Lets a lane answer so many times or a few more.
fn prove(lanes: &mut Lanes, maker: &mut Maker, shop: ShopId, lane: Lane, attempts: usize) {
    let mut made = 0;
    while made < attempts {
        publish(lanes, maker, shop, lane, attempts);
        let starts = start_all(lanes);
        made += starts.len();
        for start in &starts {
            end(lanes, start, true, at(0));
        }
    }
    while let Some(start) = lanes.start_next() {
        end(lanes, &start, true, at(0));
    }
}

#[tokio::test]
async fn a_crowd_of_untried_and_of_silent_lanes_leaves_permits_to_those_that_answer() {
    let (mut lanes, mut maker) = (Lanes::default(), Maker::new().await);
    let good = Lane(100_000);
    prove(&mut lanes, &mut maker, shop(255), good, 3);
    let crowd: Vec<_> = (0..1600).map(|n| (shop(u8::try_from(n / 16).unwrap()), Lane(n))).collect();
    for (shop, lane) in &crowd {
        publish(&mut lanes, &mut maker, *shop, *lane, 2);
    }
    let untried = start_all(&mut lanes);
    assert_eq!(untried.len(), 1024);
    assert!(untried.iter().all(|start| start.seat.pool == Pool::Untried));
    assert_eq!(publish(&mut lanes, &mut maker, shop(255), good, 1), 1);
    assert_eq!(lanes_of(&start_all(&mut lanes)), [good]);
    // They turn out dead: what they do from now on is no trouble to the untried ones either.
    for start in &untried {
        end(&mut lanes, start, false, at(1));
    }
    let next = start_all(&mut lanes);
    let of = |pool| next.iter().filter(|start| start.seat.pool == pool).count();
    assert_eq!((of(Pool::Silent), of(Pool::Untried)), (256, 256), "the rest in memory is tried at once");
    assert_eq!(lanes.in_flight(), 1 + 256 + 256);
}

#[tokio::test]
async fn a_shop_has_a_quarter_of_a_pools_permits_and_shops_take_turns() {
    let (mut lanes, mut maker) = (Lanes::default(), Maker::new().await);
    let share = (PoolBounds::of(Pool::Untried).attempts / SHOP_SHARE) as usize;
    for n in 0..300 {
        publish(&mut lanes, &mut maker, shop(1), Lane(n), 1);
    }
    publish(&mut lanes, &mut maker, shop(2), Lane(1000), 1);
    let starts = start_all(&mut lanes);
    assert_eq!(starts.len(), share + 1);
    assert_eq!(starts[1].leased.lane, Lane(1000), "another shop's only lane is next, not behind 300");
    end(&mut lanes, &starts[0], true, at(1));
    assert_eq!(start_all(&mut lanes).len(), 1, "a permit that comes back is used");
}

#[tokio::test]
async fn a_shop_has_a_quarter_of_a_pools_memory() {
    let (mut lanes, mut maker) = (Lanes::default(), Maker::new().await);
    let share = PoolBounds::of(Pool::Untried).deliveries / SHOP_SHARE as usize;
    let many = i64::try_from(share).unwrap();
    let held: usize = (0..many).map(|n| publish(&mut lanes, &mut maker, shop(1), Lane(n), 9)).sum();
    assert_eq!(held, share, "half of its lanes have found room for two each");
    assert_eq!(publish(&mut lanes, &mut maker, shop(2), Lane(9999), 9), 2);
}

#[tokio::test]
async fn lanes_whose_shop_holds_all_it_may_claim_once_half_of_it_is_free() {
    let (mut lanes, mut maker) = (Lanes::default(), Maker::new().await);
    let share = i64::try_from(PoolBounds::of(Pool::Untried).deliveries / SHOP_SHARE as usize).unwrap();
    for n in 0..share {
        publish(&mut lanes, &mut maker, shop(1), Lane(n), 1);
    }
    let late = Lane(9999);
    lanes.waiting(late, at(0));
    lanes.belongs(late, shop(1));
    assert_eq!((lanes.due(at(1), 9, 9), lanes.next_due()), (vec![], None));
    lanes.waiting(Lane(5555), at(0));
    lanes.belongs(Lane(5555), shop(2));
    let asked = lanes.due(at(1), 9, 9);
    assert_eq!(asked, [(Lane(5555), 1)], "another shop's lane is not held up");
    lanes.take_claim(&asked, Claimed::default(), at(1));
    let starts = std::iter::from_fn(|| {
        let start = lanes.start_next()?;
        lanes.landed(start.seat, None, at(1));
        Some(start.leased)
    });
    for one in starts.collect::<Vec<_>>() {
        assert_eq!(lanes.next_due().is_some(), lanes.office.memory.held(Pool::Untried).deliveries * 2 <= 640);
        lanes.forget(one.delivery, one.lease, one.lane, BYTES);
    }
    assert!(lanes.next_due().is_some());
    assert_eq!(lanes.due(at(1), 9, 9), [(late, 1)]);
}

#[tokio::test]
async fn first_attempts_and_retries_of_a_lane_start_in_turn() {
    let (mut lanes, mut maker) = (Lanes::default(), Maker::new().await);
    prove(&mut lanes, &mut maker, shop(1), Lane(1), 20);
    let leased = (0..10).map(|_| maker.make(Lane(1), 3, at(0))).collect();
    lanes.take_claim(&[], Claimed { leased, ..Claimed::default() }, at(0));
    assert_eq!(publish(&mut lanes, &mut maker, shop(1), Lane(1), 3), 3);
    let attempts: Vec<_> = start_all(&mut lanes).iter().map(|start| start.leased.attempts).collect();
    assert_eq!(attempts[..8], [0, 3, 0, 3, 0, 3, 3, 3]);
}

#[tokio::test]
async fn while_retries_are_overdue_first_attempts_have_half_of_the_room() {
    let (mut lanes, mut maker, lane) = (Lanes::default(), Maker::new().await, Lane(1));
    prove(&mut lanes, &mut maker, shop(1), lane, 1);
    let retries = |lanes: &mut Lanes, maker: &mut Maker| {
        let asked = lanes.due(at(9), 9, 64);
        let leased = (0..asked[0].1).map(|_| maker.make(lane, 1, at(1))).collect();
        let next = vec![(lane, at(1))];
        lanes.take_claim(&asked, Claimed { leased, next, ..Claimed::default() }, at(9));
        asked[0].1
    };
    lanes.waiting(lane, at(1));
    assert!(!lanes.reserve(shop(1), lane, BYTES, at(9)), "there may be first attempts before it");
    assert_eq!(retries(&mut lanes, &mut maker), 4, "of room for eight");
    assert!(lanes.due(at(9), 9, 64).is_empty(), "the other half is not the retries'");
    assert_eq!(publish(&mut lanes, &mut maker, shop(1), lane, 9), 4);
    let starts = start_all(&mut lanes);
    assert_eq!(starts.iter().map(|start| start.leased.attempts).collect::<Vec<_>>(), [0, 1]);
}

#[tokio::test]
async fn a_first_attempt_that_found_no_room_is_not_overtaken_by_later_ones() {
    let (mut lanes, mut maker, lane) = (Lanes::default(), Maker::new().await, Lane(1));
    prove(&mut lanes, &mut maker, shop(1), lane, 1);
    let room = publish(&mut lanes, &mut maker, shop(1), lane, 1000);
    assert_eq!(room, 128, "a burst");
    lanes.waiting(lane, at(0));
    while let Some(start) = lanes.start_next() {
        end(&mut lanes, &start, true, at(0));
    }
    assert!(!lanes.reserve(shop(1), lane, BYTES, at(0)));
    let asked = lanes.due(at(0), 9, 64);
    lanes.take_claim(&asked, Claimed::default(), at(0));
    assert!(lanes.reserve(shop(1), lane, BYTES, at(0)), "nothing waits there any more");
}

#[tokio::test]
async fn a_lane_that_failed_before_a_restart_starts_as_a_silent_one() {
    let (mut lanes, mut maker) = (Lanes::default(), Maker::new().await);
    lanes.waiting(Lane(1), at(0));
    let asked = lanes.due(at(0), 9, 9);
    let claimed =
        Claimed { leased: vec![maker.make(Lane(1), 1, at(0))], next: vec![], failing: vec![Lane(1)] };
    lanes.take_claim(&asked, claimed, at(0));
    let probe = lanes.start_next().unwrap();
    assert_eq!(probe.seat.pool, Pool::Silent);
    end(&mut lanes, &probe, true, at(1));
    publish(&mut lanes, &mut maker, shop(1), Lane(1), 9);
    assert_eq!(start_all(&mut lanes).len(), 2, "it answers");
}

#[tokio::test]
async fn a_lane_with_a_backlog_draws_on_permits_of_its_own() {
    let (mut lanes, mut maker, lane) = (Lanes::default(), Maker::new().await, Lane(1));
    prove(&mut lanes, &mut maker, shop(1), lane, 1);
    lanes.waiting(lane, at(0));
    let asked = lanes.due(at(0), 9, 9);
    let claimed = |maker: &mut Maker, next| Claimed {
        leased: vec![maker.make(lane, 1, at(0))],
        next,
        ..Claimed::default()
    };
    lanes.take_claim(&asked, claimed(&mut maker, vec![(lane, at(0))]), at(0));
    assert_eq!(lanes.start_next().unwrap().seat.pool, Pool::Behind);
    let asked = lanes.due(at(0), 9, 9);
    lanes.take_claim(&asked, claimed(&mut maker, vec![(lane, at(5000))]), at(0));
    assert_eq!(lanes.start_next().unwrap().seat.pool, Pool::Prompt, "what is left is not due");
}

#[tokio::test]
async fn idle_lanes_give_their_memory_back_and_too_many_are_forgotten() {
    let (mut lanes, mut maker) = (Lanes::default(), Maker::new().await);
    let kept = i64::try_from(crate::bounds::LANES_KEPT_MAX).unwrap();
    for n in 0..kept + 500 {
        let shop = ShopId::new(u128::try_from(n % 20_000).unwrap().to_be_bytes());
        assert!(lanes.reserve(shop, Lane(n), BYTES, at(0)));
        lanes.cancel(Lane(n), BYTES);
    }
    prove(&mut lanes, &mut maker, shop(1), Lane(7), 3);
    lanes.forget_idle();
    assert_eq!(lanes.states.len(), crate::bounds::LANES_KEPT_MAX);
    assert!(Pool::ALL.iter().all(|pool| lanes.office.memory.held(*pool).deliveries == 0));
    assert!(lanes.leases.is_empty());
}
