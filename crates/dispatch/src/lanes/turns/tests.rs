//! Turns and permits by themselves.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use sellvik_domain::ShopId;

use super::super::shops::Shops;
use super::*;

/// Turns with slots for so many shops.
fn turns(shops: u8) -> (Turns, Vec<Slot>) {
    let (mut turns, mut known) = (Turns::default(), Shops::default());
    let slots = (0..shops).map(|n| known.join(ShopId::new([n; 16]))).collect();
    turns.shops(known.len());
    (turns, slots)
}

fn share(pool: Pool) -> u32 {
    PoolBounds::of(pool).attempts / SHOP_SHARE
}

fn lanes(turns: &mut Turns) -> Vec<i64> {
    std::iter::from_fn(|| turns.next()).map(|turn| turn.lane.0).collect()
}

#[test]
fn shops_take_turns_and_within_a_shop_its_lanes() {
    let (mut turns, shops) = turns(3);
    for (shop, lane) in [(0, 1), (0, 2), (0, 3), (1, 11), (2, 21), (2, 22)] {
        turns.ask(shops[shop], Pool::Prompt, Lane(lane));
    }
    assert_eq!(lanes(&mut turns), [1, 11, 21, 2, 22, 3]);
    assert_eq!((turns.in_flight(), turns.in_flight_of(Pool::Prompt)), (6, 6));
}

#[test]
fn pools_take_turns() {
    let (mut turns, shops) = turns(1);
    for lane in 0..3 {
        turns.ask(shops[0], Pool::Prompt, Lane(lane));
        turns.ask(shops[0], Pool::Silent, Lane(10 + lane));
    }
    assert_eq!(lanes(&mut turns), [0, 10, 1, 11, 2, 12]);
}

#[test]
fn a_lane_that_withdraws_is_passed_over() {
    let (mut turns, shops) = turns(2);
    turns.ask(shops[0], Pool::Prompt, Lane(1));
    turns.ask(shops[1], Pool::Prompt, Lane(11));
    turns.withdraw(shops[0], Pool::Prompt, Lane(1));
    turns.withdraw(shops[0], Pool::Prompt, Lane(99));
    assert_eq!(lanes(&mut turns), [11]);
    turns.ask(shops[0], Pool::Prompt, Lane(2));
    assert_eq!(lanes(&mut turns), [2]);
}

#[test]
fn a_shop_out_of_permits_comes_back_with_the_first_that_is_given_back() {
    let (mut turns, shops) = turns(2);
    let share = share(Pool::Silent);
    for lane in 0..i64::from(share) + 2 {
        turns.ask(shops[0], Pool::Silent, Lane(lane));
    }
    assert_eq!(lanes(&mut turns).len(), share as usize);
    turns.ask(shops[1], Pool::Silent, Lane(1000));
    assert_eq!(lanes(&mut turns), [1000]);
    turns.give_back(shops[0], Pool::Silent);
    assert_eq!(lanes(&mut turns), [i64::from(share)]);
}

#[test]
fn a_pool_out_of_permits_waits_whoever_asks() {
    let (mut turns, shops) = turns(5);
    for (n, shop) in (0..).zip(&shops) {
        for lane in 0..100 {
            turns.ask(*shop, Pool::Silent, Lane(n * 100 + lane));
        }
    }
    assert_eq!(lanes(&mut turns).len(), PoolBounds::of(Pool::Silent).attempts as usize);
    turns.ask(shops[4], Pool::Prompt, Lane(7000));
    assert_eq!(lanes(&mut turns), [7000]);
    turns.give_back(shops[0], Pool::Silent);
    assert_eq!(lanes(&mut turns).len(), 1);
}

fn of_shop(shop: usize, lane: i64) -> Lane {
    Lane(i64::try_from(shop).unwrap_or(0) * 1000 + lane)
}

/// A step: thirty lanes ask, one withdraws, turns are taken, or permits are given back.
#[derive(Clone, Debug)]
enum Step {
    Ask(usize, usize, i64),
    Withdraw(usize, usize, i64),
    Take(usize),
    GiveBack(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Mostly the pool with the fewest permits, so that shops and the pool run out of them.
    let pool = || prop_oneof![4 => Just(Pool::Silent as usize), 1 => Just(Pool::Prompt as usize)];
    let step = prop_oneof![
        4 => (0..6_usize, pool(), 0..200_i64).prop_map(|(shop, pool, lane)| Step::Ask(shop, pool, lane)),
        1 => (0..6_usize, pool(), 0..200_i64).prop_map(|(shop, pool, lane)| Step::Withdraw(shop, pool, lane)),
        2 => (0..100_usize).prop_map(Step::Take),
        1 => (0..10_usize).prop_map(Step::GiveBack),
    ];
    prop::collection::vec(step, 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whoever waits and has a permit left in pool and shop gets its turn, once; permits are never overdrawn.
    #[test]
    fn permits_are_never_overdrawn_and_no_lane_is_forgotten(steps in steps()) {
        let (mut turns, shops) = turns(6);
        let mut waiting = BTreeSet::new();
        let mut taken: Vec<(usize, Pool)> = Vec::new();
        for step in steps {
            match step {
                Step::Ask(shop, pool, lane) => {
                    for lane in (lane..lane + 30).map(|lane| of_shop(shop, lane)) {
                        if waiting.insert((shop, pool, lane)) {
                            turns.ask(shops[shop], Pool::ALL[pool], lane);
                        }
                    }
                }
                Step::Withdraw(shop, pool, lane) => {
                    let lane = of_shop(shop, lane);
                    if waiting.remove(&(shop, pool, lane)) {
                        turns.withdraw(shops[shop], Pool::ALL[pool], lane);
                    }
                }
                Step::Take(many) => {
                    for _ in 0..many {
                        let Some(turn) = turns.next() else {
                            let mut used: BTreeMap<(Option<usize>, usize), u32> = BTreeMap::new();
                            for (shop, pool) in &taken {
                                *used.entry((Some(*shop), *pool as usize)).or_default() += 1;
                                *used.entry((None, *pool as usize)).or_default() += 1;
                            }
                            let used = |of, pool| used.get(&(of, pool)).copied().unwrap_or(0);
                            for (shop, pool, lane) in &waiting {
                                let of = Pool::ALL[*pool];
                                prop_assert!(
                                    used(None, *pool) == PoolBounds::of(of).attempts
                                        || used(Some(*shop), *pool) == share(of),
                                    "{lane:?} was forgotten",
                                );
                            }
                            break;
                        };
                        let shop = shops.iter().position(|slot| *slot == turn.shop);
                        prop_assert!(shop.is_some_and(|shop| waiting.remove(&(shop, turn.pool as usize, turn.lane))));
                        taken.push((shop.unwrap_or(0), turn.pool));
                    }
                }
                Step::GiveBack(many) => {
                    for (shop, pool) in taken.split_off(taken.len().saturating_sub(many)) {
                        turns.give_back(shops[shop], pool);
                    }
                }
            }
            prop_assert_eq!(turns.in_flight(), taken.len());
            for pool in Pool::ALL {
                prop_assert!(turns.in_flight_of(pool) <= PoolBounds::of(pool).attempts);
                for n in 0..shops.len() {
                    let of_shop = taken.iter().filter(|(shop, of)| (*shop, *of) == (n, pool)).count();
                    prop_assert!(of_shop <= share(pool) as usize);
                }
            }
        }
    }
}
