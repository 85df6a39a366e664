//! Requests per admin key and minute, counted by all nodes together.

use std::collections::HashMap;

use parking_lot::Mutex;
use sellvik_domain::{KeyId, Timestamp};

use super::ledger::Ledger;
use super::rows;
use crate::throttle::{REQUESTS_MAX, WINDOW_MS};
use crate::{Result, StoreError};

/// Keys whose refusal is remembered, at most.
const REFUSED_MAX: usize = 4096;

/// Keys that are over their limit, and until when: nothing changes that before, so nobody needs to be asked.
#[derive(Default)]
pub(super) struct Refused(Mutex<HashMap<KeyId, Timestamp>>);

impl Refused {
    fn until(&self, key: KeyId, now: Timestamp) -> Option<Timestamp> {
        let until = self.0.lock().get(&key).copied();
        // Further off than any refusal is: the clock was set back since.
        until.filter(|until| *until > now && until.as_millis() <= now.as_millis() + WINDOW_MS)
    }

    fn note(&self, key: KeyId, until: Timestamp, now: Timestamp) {
        let mut refused = self.0.lock();
        if refused.len() >= REFUSED_MAX {
            refused.retain(|_, until| *until > now);
        }
        if refused.len() < REFUSED_MAX {
            refused.insert(key, until);
        }
    }
}

/// Takes a request, or says from when on one will be taken.
pub(super) async fn take(
    ledger: &Ledger,
    key: KeyId,
    now: Timestamp,
) -> Result<std::result::Result<(), Timestamp>> {
    if let Some(until) = ledger.refused.until(key, now) {
        return Ok(Err(until));
    }
    let most = i32::try_from(REQUESTS_MAX).unwrap_or(i32::MAX);
    let asked = ledger
        .sessions
        .one(
            "SELECT take_request($1, $2, $3, $4)",
            &[&rows::id(key.as_bytes()), &now.as_millis(), &most, &WINDOW_MS],
        )
        .await?;
    let asked = asked.ok_or_else(|| StoreError::unavailable("no answer"))?;
    let Some(until) = rows::time_or_none(&asked, 0)? else { return Ok(Ok(())) };
    ledger.refused.note(key, until, now);
    Ok(Err(until))
}
