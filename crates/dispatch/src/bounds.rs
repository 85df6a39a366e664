//! What bounds the courier, each with its reason.

use std::time::Duration;

use crate::lanes::Pool;

/// What the lanes of one pool may use together. Pools share nothing, so that whatever the lanes of one do,
/// those of another find their permits and their memory free.
pub(crate) struct PoolBounds {
    /// Attempts in flight: each holds a socket and a few kilobytes, 2560 in all.
    pub(crate) attempts: u32,
    /// Deliveries held in memory, 16,384 in all; the rest waits in the ledger.
    pub(crate) deliveries: usize,
    /// Their event bytes, 128 MiB in all, counted per delivery although deliveries of one event share them.
    pub(crate) bytes: usize,
}

/// Of every pool's permits and memory, one shop may have a quarter: the lanes of one shop, however many,
/// leave the others theirs.
pub(crate) const SHOP_SHARE: u32 = 4;

impl PoolBounds {
    pub(crate) const fn of(pool: Pool) -> Self {
        let (attempts, deliveries, mebibytes) = match pool {
            // Most of the traffic of most days.
            Pool::Prompt => (896, 8192, 64),
            // Backlogs drain at what receivers bear, not at what we could send.
            Pool::Behind => (384, 4096, 32),
            // A thousand dead endpoints that nobody knows as such yet, at one attempt each, leave some.
            Pool::Untried => (1024, 2560, 20),
            // Of thousands of dead ones, 25 a second are tried anew although each takes ten seconds.
            Pool::Silent => (256, 1536, 12),
        };
        Self { attempts, deliveries, bytes: mebibytes << 20 }
    }
}

/// Lanes remembered while they are idle, at about 300 bytes each.
pub(crate) const LANES_KEPT_MAX: usize = 100_000;

/// Lanes that are given room to claim at a time: what they bring is spread over many receivers.
pub(crate) const CLAIM_LANES_MAX: usize = 64;

/// Deliveries to a claim, as far as whole lanes allow: bounds how long a publish waits behind one.
pub(crate) const CLAIM_MAX: u32 = 128;

/// Lanes that share a claim, where so many are due: each gets 32 deliveries then.
pub(crate) const CLAIM_SHARED_BY_MAX: usize = 4;

/// Attempts that are started before others get their turn: each takes some twenty microseconds up to its request.
pub(crate) const STARTS_AT_ONCE: usize = 16;

/// How often leases that are still needed are prolonged, and those that ran out are looked for: four times
/// within a lease.
pub(crate) const RENEW_EVERY: Duration = Duration::from_secs(5);

/// How far an internal error of ours moves a delivery on (DESIGN: it counts no attempt).
pub(crate) const POSTPONE: Duration = Duration::from_secs(30);

/// Settlements taken up at once.
pub(crate) const SETTLE_MAX: usize = 512;

/// While settlements follow each other closer than this, those that come within it share a commit: a lone one
/// is written at once, and a busy ledger is spared most of the pages that commits of a few would write again
/// and again. A crash may repeat what landed within it.
pub(crate) const SETTLE_EVERY: Duration = Duration::from_millis(20);

/// How often a write that failed is tried again while the ledger takes no writes.
pub(crate) const LEDGER_RETRY: Duration = Duration::from_millis(500);

/// Pause between looks at drains and held lanes.
pub(crate) const HOUSEKEEPING_EVERY: Duration = Duration::from_secs(5);

/// How often the ledger is asked for lanes that nobody told us of: covers a lost wake-up, and the retries that a
/// node knew of that is gone.
pub(crate) const POLL_EVERY: Duration = Duration::from_secs(20);

/// How often removal of what is past its retention begins anew.
pub(crate) const RETENTION_EVERY: Duration = Duration::from_mins(10);

/// Rows to a bite of sweeping or removal, so that living work gets in between.
pub(crate) const SWEEP_ROWS_MAX: u32 = 1000;

/// Deliveries to a step of a redelivery job.
pub(crate) const JOB_STEP_MAX: u32 = 200;

/// Lanes to a page when the ledger is asked which wait.
pub(crate) const LANES_PAGE_MAX: u32 = 1000;

/// The claimer goes round at least this often, so that a silence means it is stuck.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(5);

/// A silence of the claimer that counts as a stall.
pub(crate) const STALL: Duration = Duration::from_secs(30);
