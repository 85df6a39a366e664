//! The window by itself: no clock but the one it is told.

use proptest::prelude::*;

use super::*;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

/// So many answers while every place is in use.
fn answer(window: &mut Window, many: u32, now: Timestamp) {
    for _ in 0..many {
        window.started(window.size());
        window.answered(now);
    }
}

/// A window that answers have made as wide as can be.
fn widest() -> Window {
    let mut window = Window::default();
    answer(&mut window, 1000, at(0));
    assert_eq!(window.size(), WIDEST);
    window
}

#[test]
fn it_doubles_each_round_trip_from_a_single_attempt_while_nothing_goes_wrong() {
    let mut window = Window::default();
    assert_eq!((window.size(), window.known(), window.room()), (1, Known::Untried, 2));
    for expected in [2, 4, 8, 16, 32, 64, 128, 128] {
        let size = window.size();
        answer(&mut window, size, at(0));
        assert_eq!((window.size(), window.known()), (expected, Known::Answering));
    }
}

#[test]
fn a_window_that_is_never_full_does_not_grow() {
    let mut window = Window::default();
    for _ in 0..1000 {
        window.started(1);
        window.answered(at(0));
    }
    assert_eq!(window.size(), 2);
    window.started(2);
    for _ in 0..1000 {
        window.answered(at(0));
    }
    assert_eq!(window.size(), 4, "each round trip with all places in use doubles it once");
    window = Window::default();
    answer(&mut window, 1, at(0));
    assert_eq!((window.room(), window.burst_room()), (8, BURST), "yet a burst has its room");
}

#[test]
fn silence_narrows_it_to_one_probe() {
    let mut window = widest();
    for expected in [64, 32, 16, 8, 4, 2, 1, 1] {
        window.silent(at(1));
        assert_eq!((window.size(), window.known()), (expected, Known::Silent));
    }
    assert_eq!((window.room(), window.burst_room()), (1, 1));
}

#[test]
fn after_silence_it_doubles_by_the_clock_to_half_of_what_it_was_and_then_grows_by_one() {
    let mut window = widest();
    for _ in 0..9 {
        window.silent(at(0));
    }
    for (ms, expected) in [(1000, 2), (1249, 2), (1250, 4), (1500, 8), (1750, 16), (2000, 32), (2250, 64)] {
        answer(&mut window, 500, at(ms));
        assert_eq!(window.size(), expected, "after {ms} ms");
    }
    answer(&mut window, 64, at(2500));
    assert_eq!(window.size(), 65, "one more for a window of answers");
    answer(&mut window, 10_000, at(2500));
    assert_eq!(window.size(), WIDEST);
}

#[test]
fn a_clock_that_is_set_back_does_not_keep_a_window_narrow() {
    let mut window = Window::default();
    window.silent(at(0));
    answer(&mut window, 1, at(3_600_000));
    answer(&mut window, 100, at(5));
    assert_eq!(window.size(), 2);
    answer(&mut window, 10_000, at(5 + 1500));
    assert_eq!(window.size(), WIDEST);
}

#[test]
fn what_failed_before_this_process_is_probed() {
    let mut window = Window::default();
    window.failed_before();
    assert_eq!((window.size(), window.known(), window.room()), (1, Known::Silent, 1));
    let mut known = widest();
    known.failed_before();
    assert_eq!((known.size(), known.known()), (WIDEST, Known::Answering), "we know better");
}

#[test]
fn remembers_when_it_was_dead() {
    let mut window = Window::default();
    for _ in 0..DEAD_AFTER {
        window.silent(at(10));
    }
    assert!(window.was_dead_at(at(10)) && window.was_dead_at(at(99)) && !window.was_dead_at(at(9)));
    assert!(!window.is_forgettable());
    window.answered(at(50));
    assert!(window.was_dead_at(at(50)) && !window.was_dead_at(at(51)));
    assert!(window.is_forgettable());
}

proptest! {
    /// Steps: how much later (or earlier), and whether an answer came and with how many in flight.
    #[test]
    fn it_is_always_within_its_bounds_and_never_widens_faster_than_it_may(
        steps in prop::collection::vec((-300_i64..900, prop::option::of(0_u32..200)), 1..400),
    ) {
        let (mut window, mut now, mut silent_before) = (Window::default(), 1_000_000, false);
        for (later, answered) in steps {
            now += later;
            let before = window.size();
            match answered {
                Some(in_use) => {
                    window.started(in_use.min(before));
                    window.answered(at(now));
                }
                None => window.silent(at(now)),
            }
            prop_assert!((1..=WIDEST).contains(&window.size()));
            if answered.is_some() {
                // One more for an answer at most is twice as many for a round trip at most.
                prop_assert!((before..=before + 1).contains(&window.size()));
            } else {
                prop_assert_eq!(window.size(), (before / 2).max(1));
            }
            if silent_before && answered.is_some() {
                prop_assert!(window.size() <= before.max(RESUME_AT));
            }
            prop_assert!(window.room() >= window.size() && window.burst_room() >= window.room());
            silent_before = answered.is_none();
        }
    }

    #[test]
    fn it_is_one_probe_after_enough_silence_and_the_widest_after_enough_answers(
        steps in prop::collection::vec(prop::bool::ANY, 0..200),
        start in 0_i64..1_000_000,
    ) {
        let mut window = Window::default();
        for answered in steps {
            if answered { answer(&mut window, 1, at(start)) } else { window.silent(at(start)) }
        }
        for _ in 0..8 {
            window.silent(at(start));
        }
        prop_assert_eq!((window.size(), window.room()), (1, 1));
        prop_assert!(window.was_dead_at(at(start)));
        answer(&mut window, 1, at(start));
        answer(&mut window, WIDEST * WIDEST, at(start + 1500));
        prop_assert_eq!(window.size(), WIDEST);
    }
}
