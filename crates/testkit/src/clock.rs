//! A clock that stands still until a test moves it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sellvik_clock::Clock;
use sellvik_domain::Timestamp;
use tokio::sync::watch;

/// A hand-driven clock. Clones share the time.
#[derive(Clone)]
pub struct ManualClock(Arc<watch::Sender<Timestamp>>);

impl ManualClock {
    /// Starts at `moment`.
    pub fn starting_at(moment: Timestamp) -> Self {
        Self(Arc::new(watch::channel(moment).0))
    }

    /// Moves the time forward and wakes whoever waited for it.
    pub fn advance(&self, by: Duration) {
        self.0.send_modify(|now| *now = now.after(by));
    }

    /// Sets the time, forward or back.
    pub fn set(&self, moment: Timestamp) {
        self.0.send_replace(moment);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    async fn sleep_until(&self, moment: Timestamp) {
        // The sender lives in self, so the wait cannot end early.
        let _ = self.0.subscribe().wait_for(|now| *now >= moment).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sleepers_wake_when_their_moment_comes() {
        let clock = ManualClock::starting_at(Timestamp::from_millis(1000));
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep_until(Timestamp::from_millis(3000)).await;
                clock.now()
            }
        });
        clock.advance(Duration::from_secs(1));
        clock.advance(Duration::from_secs(1));
        assert_eq!(sleeper.await.unwrap(), Timestamp::from_millis(3000));
    }
}
