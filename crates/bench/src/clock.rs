//! Clocks that mean the same in every process: what one notes, another may subtract.

use rustix::time::{ClockId, Timespec, clock_gettime};

const NS_PER_SECOND: u64 = 1_000_000_000;
const NS_PER_MS: u64 = 1_000_000;

/// Nanoseconds since some moment that all processes of this machine share.
pub(crate) fn monotonic_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::Monotonic))
}

/// Milliseconds since the epoch, for rows of the ledger.
pub(crate) fn epoch_ms() -> u64 {
    nanoseconds(clock_gettime(ClockId::Realtime)) / NS_PER_MS
}

fn nanoseconds(time: Timespec) -> u64 {
    time.tv_sec.unsigned_abs() * NS_PER_SECOND + time.tv_nsec.unsigned_abs()
}
