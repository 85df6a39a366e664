//! The lanes against a ledger that is made up, through whatever may happen: nothing is lost, nothing starts
//! twice, no bound is passed, and once all answers, all is delivered.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use sellvik_domain::{Lane, ShopId, Timestamp};
use sellvik_store::{Claimed, Leased};

use super::super::pools::Pool;
use super::super::{Lanes, Start};
use super::ledger::{BYTES, Maker, at};
use crate::bounds::{PoolBounds, SHOP_SHARE};

const LANES: i64 = 30;

/// Most of the lanes are one shop's.
fn shop(lane: Lane) -> ShopId {
    ShopId::new([u8::from(lane.0 >= 22) + u8::from(lane.0 >= 27); 16])
}

#[derive(Clone, Debug)]
enum Step {
    /// So many events for a lane, in one commit.
    Publish(i64, usize),
    Start,
    /// So many attempts end, from this one on.
    Land(usize, usize, Option<bool>),
    /// All attempts of a lane end in silence.
    Die(i64),
    Claim,
    ClaimFails,
    Wait(i64),
    Tidy,
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![6 => Just(Some(true)), 1 => Just(Some(false)), 1 => Just(None)];
    prop_oneof![
        4 => (0..LANES, 1..300_usize).prop_map(|(lane, many)| Step::Publish(lane, many)),
        4 => Just(Step::Start),
        6 => (any::<usize>(), 1..400_usize, outcome).prop_map(|(from, many, how)| Step::Land(from, many, how)),
        1 => (0..LANES).prop_map(Step::Die),
        4 => Just(Step::Claim),
        1 => Just(Step::ClaimFails),
        2 => (0..700_i64).prop_map(Step::Wait),
        1 => Just(Step::Tidy),
    ]
}

/// The lanes, what is in flight, and what waits in the ledger: due when, after how many attempts.
struct Simulation<'a> {
    lanes: Lanes,
    maker: &'a mut Maker,
    flying: Vec<Start>,
    ledger: HashMap<Lane, Vec<(Timestamp, u32)>>,
    now: Timestamp,
    published: usize,
    delivered: usize,
    /// Deliveries in memory: handed over or claimed, and not settled since.
    in_memory: usize,
}

impl Simulation<'_> {
    fn publish(&mut self, lane: Lane, many: usize) {
        self.published += many;
        let room =
            (0..many).map(|_| self.lanes.reserve(shop(lane), lane, BYTES, self.now)).collect::<Vec<_>>();
        for has_room in room {
            if has_room {
                self.in_memory += 1;
                self.lanes.take_reserved(self.maker.make(lane, 0, self.now));
            } else {
                self.wait_in_ledger(lane, self.now, 0);
            }
        }
    }

    fn wait_in_ledger(&mut self, lane: Lane, due: Timestamp, attempts: u32) {
        self.ledger.entry(lane).or_default().push((due, attempts));
        self.lanes.waiting(lane, due);
    }

    fn settle(&mut self, leased: &Leased, again: Option<(Timestamp, u32)>) {
        self.in_memory -= 1;
        match again {
            Some((due, attempts)) => self.wait_in_ledger(leased.lane, due, attempts),
            None => self.delivered += 1,
        }
        self.lanes.forget(leased.delivery, leased.lease, leased.lane, BYTES);
    }

    fn land(&mut self, start: &Start, answered: Option<bool>) {
        let surplus = self.lanes.landed(start.seat, answered, self.now);
        let attempts = start.leased.attempts;
        let again = match answered {
            Some(true) => None,
            Some(false) => Some((at(self.now.as_millis() + 500), attempts + 1)),
            None => Some((self.now, attempts)),
        };
        self.settle(&start.leased, again);
        for extra in surplus {
            self.settle(&extra, Some((extra.due, extra.attempts)));
        }
    }

    fn land_those(&mut self, which: impl Fn(usize, &Start) -> bool, answered: Option<bool>) {
        let flying = std::mem::take(&mut self.flying);
        for (n, start) in flying.into_iter().enumerate() {
            if which(n, &start) { self.land(&start, answered) } else { self.flying.push(start) }
        }
    }

    fn start(&mut self) -> usize {
        let before = self.flying.len();
        self.flying.extend(std::iter::from_fn(|| self.lanes.start_next()));
        self.flying.len() - before
    }

    fn claim(&mut self, fails: bool) -> usize {
        let asked = self.lanes.due(self.now, 8, 64);
        if fails {
            self.lanes.claim_failed(&asked, self.now);
            return 0;
        }
        let mut claimed = Claimed::default();
        for (lane, count) in &asked {
            self.lanes.belongs(*lane, shop(*lane));
            let waiting = self.ledger.entry(*lane).or_default();
            waiting.sort_unstable_by_key(|(due, attempts)| (*due > self.now, *attempts > 0, *due));
            let due = waiting.iter().filter(|(due, _)| *due <= self.now).count();
            let taken = waiting.drain(..due.min(*count as usize)).collect::<Vec<_>>();
            self.in_memory += taken.len();
            let next = waiting.iter().map(|(due, _)| *due).min();
            claimed
                .leased
                .extend(taken.iter().map(|(due, attempts)| self.maker.make(*lane, *attempts, *due)));
            claimed.next.extend(next.map(|due| (*lane, due)));
        }
        let many = claimed.leased.len();
        self.lanes.take_claim(&asked, claimed, self.now);
        many
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Publish(lane, many) => self.publish(Lane(lane), many),
            Step::Start => drop(self.start()),
            Step::Land(from, many, answered) => {
                let from = from % self.flying.len().max(1);
                self.land_those(|n, _| (from..from + many).contains(&n), answered);
            }
            Step::Die(lane) => self.land_those(|_, start| start.leased.lane == Lane(lane), Some(false)),
            Step::Claim => drop(self.claim(false)),
            Step::ClaimFails => drop(self.claim(true)),
            Step::Wait(ms) => self.now = at(self.now.as_millis() + ms),
            Step::Tidy => self.lanes.forget_idle(),
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let in_ledger: usize = self.ledger.values().map(Vec::len).sum();
        prop_assert_eq!(self.published, self.delivered + in_ledger + self.in_memory);
        let ids: HashSet<_> = self.flying.iter().map(|start| start.leased.delivery).collect();
        prop_assert_eq!(ids.len(), self.flying.len(), "nothing starts twice");
        prop_assert_eq!(self.lanes.in_flight(), self.flying.len());
        let mut used: HashMap<(Option<ShopId>, usize), u32> = HashMap::new();
        for start in &self.flying {
            for of in [None, Some(shop(start.leased.lane))] {
                *used.entry((of, start.seat.pool as usize)).or_default() += 1;
            }
        }
        for ((of, pool), many) in used {
            let all = PoolBounds::of(Pool::ALL[pool]).attempts;
            let most = if of.is_some() { all / SHOP_SHARE } else { all };
            prop_assert!(many <= most);
        }
        let held: usize = Pool::ALL.iter().map(|pool| self.lanes.office.memory.held(*pool).deliveries).sum();
        prop_assert_eq!(held, self.in_memory, "memory is counted exactly");
        prop_assert!(held <= 16_384);
        Ok(())
    }

    /// Everything answers, until nothing is left to do. Moments in which nothing happens are skipped by the
    /// lanes' own word for when they want to look again.
    fn finish(&mut self) -> Result<(), TestCaseError> {
        for _ in 0..20_000 {
            let moved = self.start() + self.flying.len() + self.claim(false);
            self.land_those(|_, _| true, Some(true));
            if moved == 0 {
                let Some(next) = self.lanes.next_due() else { break };
                prop_assert!(next > self.now, "woken for nothing");
                self.now = next;
            }
        }
        self.check()?;
        prop_assert_eq!(self.delivered, self.published, "something was forgotten");
        Ok(())
    }
}

#[test]
fn whatever_happens_nothing_is_lost_and_no_bound_is_passed() {
    let mut maker = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(Maker::new());
    let maker = std::cell::RefCell::new(&mut maker);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) };
    let outcome = TestRunner::new(config).run(&prop::collection::vec(step(), 0..250), |steps| {
        let mut simulation = Simulation {
            lanes: Lanes::default(),
            maker: &mut maker.borrow_mut(),
            flying: Vec::new(),
            ledger: HashMap::new(),
            now: at(1_000_000),
            published: 0,
            delivered: 0,
            in_memory: 0,
        };
        for step in &steps {
            simulation.step(step);
            simulation.check()?;
        }
        simulation.finish()
    });
    outcome.unwrap();
}
