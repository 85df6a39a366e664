//! Time and chance, as everything above the domain receives them.
//!
//! They are made once, at the top of the program, and handed down; a test hands down its own.

use std::sync::Arc;

use async_trait::async_trait;
use rand::Rng as _;
use sellvik_domain::Timestamp;

/// The time of day, and a way to wait for it.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Returns once it is `moment` or later by this clock.
    async fn sleep_until(&self, moment: Timestamp);
}

/// A source of randomness fit for keys.
pub trait Chance: Send + Sync {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// Both, as one handle to pass around.
#[derive(Clone)]
pub struct World {
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
}

impl World {
    /// The operating system's clock and random source.
    pub fn system() -> Self {
        Self::new(Arc::new(SystemClock), Arc::new(SystemChance))
    }

    /// Another clock over the operating system's random source: for tests.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self::new(clock, Arc::new(SystemChance))
    }

    /// A world of one's own.
    pub fn new(clock: Arc<dyn Clock>, chance: Arc<dyn Chance>) -> Self {
        Self { clock, chance }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns once it is `moment` or later.
    pub async fn sleep_until(&self, moment: Timestamp) {
        self.clock.sleep_until(moment).await;
    }

    /// `N` random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.chance.fill(&mut bytes);
        bytes
    }

    /// A number in [0, 1), for jitter.
    pub fn draw(&self) -> f64 {
        f64::from(u32::from_le_bytes(self.random())) / (f64::from(u32::MAX) + 1.0)
    }
}

struct SystemClock;

/// Longest single sleep: the wall clock may be set while we wait, so it is read again this often.
const SLEEP_MS_MAX: u64 = 1000;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where the time comes from")]
    fn now(&self) -> Timestamp {
        let since_epoch =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    async fn sleep_until(&self, moment: Timestamp) {
        loop {
            let left = moment.since(self.now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(std::time::Duration::from_millis(SLEEP_MS_MAX))).await;
        }
    }
}

struct SystemChance;

impl Chance for SystemChance {
    fn fill(&self, bytes: &mut [u8]) {
        // A generator fit for keys, seeded by the kernel's again and again: asking the kernel itself for each
        // event and attempt costs a system call.
        rand::rng().fill_bytes(bytes);
    }
}
