//! `retry_after`: an answer's status and `Retry-After`, and how far its delivery has come.

use std::time::Duration;

use sellvik_domain::{
    Answer, Chain, Class, DropReason, Outcome, RetryAfter, Schedule, Timestamp, Verdict, judge,
};

use crate::input::Input;

pub(crate) fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let status = 100 + u16::from_le_bytes(input.array()) % 500;
    let origin = Timestamp::from_millis(1_779_889_500_000);
    let now = origin.after(Duration::from_millis(u64::from(u32::from_le_bytes(input.array()) % 100_000_000)));
    let chain = Chain {
        origin,
        entry: input.byte() % 9,
        client_error: input.byte() & 1 == 1,
        test: input.byte() & 7 == 7,
    };
    let chance = f64::from(input.byte()) / 256.0;
    let value = input.rest();
    // As the way out reads it of a head.
    let retry_after = std::str::from_utf8(value).ok().and_then(RetryAfter::parse);
    is_read_right(value, retry_after, now);
    let answer = Answer { status, retry_after, body: value.to_vec() };
    let outcome = Outcome { result: Ok(answer), final_host: String::new(), duration: Duration::ZERO };
    says_no_more_than_was_kept(&outcome);
    let verdict = judge(&Schedule::default(), chain, outcome.class(), now, chance);
    is_just(verdict, chain, outcome.class(), now);
}

fn is_read_right(value: &[u8], read: Option<RetryAfter>, now: Timestamp) {
    let text = value.trim_ascii();
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    match read {
        Some(RetryAfter::Delay(delay)) => {
            let seconds: u64 = std::str::from_utf8(value).unwrap().trim().parse().unwrap_or(u64::MAX);
            assert_eq!(delay.as_secs(), seconds);
        }
        // The shortest date of RFC 9110 is asctime's.
        Some(RetryAfter::At(_)) => assert!(!digits && text.len() >= 24, "{value:?}"),
        None => assert!(!digits, "{value:?}"),
    }
    if let Some(read) = read {
        // Every moment can be printed, so it can be kept.
        assert_eq!(read.moment(now).to_string().len(), "2026-05-27T13:45:00.000Z".len());
    }
}

fn says_no_more_than_was_kept(outcome: &Outcome) {
    let text = outcome.body_text().unwrap();
    assert!(!text.contains('\0') && text.chars().count() <= 2048);
    assert_eq!(outcome.error().is_none(), outcome.class() == Class::Success);
}

/// The contract's table, as far as it goes without repeating the schedule.
fn is_just(verdict: Verdict, chain: Chain, class: Class, now: Timestamp) {
    let ends = chain.origin.after(Duration::from_hours(24));
    let asked = match class {
        Class::Busy(Some(retry_after)) => retry_after.moment(now),
        _ => now,
    };
    match verdict {
        Verdict::Succeeded => assert_eq!(class, Class::Success),
        Verdict::RetryAt { at, entry, client_error } => {
            assert!(class != Class::Success && !chain.test);
            assert!(at >= now && at >= asked && at <= ends, "{at}");
            let second_try = class == Class::ClientError;
            assert!(entry < 9 && (entry > chain.entry || second_try), "{entry}");
            assert_eq!(client_error, chain.client_error || second_try);
            assert!(!(second_try && chain.client_error));
        }
        Verdict::Dropped(DropReason::TestFailed) => assert!(chain.test && class != Class::Success),
        Verdict::Dropped(DropReason::ClientError) => {
            assert!(class == Class::ClientError && chain.client_error);
        }
        Verdict::Dropped(DropReason::RetryAfterTooLate) => assert!(asked > ends),
        Verdict::Dropped(DropReason::AttemptsExhausted) => {
            let second_try_is_late = class == Class::ClientError && now.after(Duration::from_secs(33)) > ends;
            assert!(chain.entry == 8 || now >= ends || second_try_is_late);
        }
        Verdict::Dropped(other) => panic!("{other:?} is not an attempt's"),
    }
}
