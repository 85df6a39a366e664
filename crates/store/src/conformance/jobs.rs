//! Redelivery jobs.

use sellvik_domain::{DeliveryState, DeliveryStatus, DropReason, JobId, Shop, Timestamp, Verdict};

use super::fixtures::{Hook, Ledger, ORDER, at, retry};
use super::intake::Recorder;
use crate::{Job, Result, StoreError, Window};

const DROPPED: Verdict = Verdict::Dropped(DropReason::AttemptsExhausted);

fn window(since: i64, until: i64, status: DeliveryStatus) -> Window {
    Window { since: at(since), until: at(until), status }
}

/// The dropped deliveries of these seconds.
fn dropped(since: i64, until: i64) -> Window {
    window(since, until, DeliveryStatus::Dropped)
}

impl Ledger {
    async fn attempted_orders(&self, shop: &Shop, hook: &Hook, seconds: &[i64], verdict: Verdict) {
        for second in seconds {
            self.attempted_order(shop, hook, at(*second), verdict).await;
        }
    }

    async fn job(&self, hook: &Hook, window: Window, cap: u32) -> Result<Option<Job>> {
        self.job_create(hook.shop, hook.id, JobId::new(at(500), self.seed()), window, cap, at(500)).await
    }

    /// Takes steps until the job ends; how many it took.
    async fn finish(&self, job: JobId, limit: u32, now: Timestamp) -> u32 {
        let mut steps = 1;
        while !self.job_step(job, limit, now, self.seed()).await.unwrap() {
            steps += 1;
            assert!(steps < 100, "the job does not end");
        }
        steps
    }

    async fn progress(&self, hook: &Hook, id: JobId) -> Job {
        self.job_get(hook.shop, hook.id, id).await.unwrap().unwrap()
    }

    /// Seconds at which the deliveries were made that others repeat, in order.
    async fn repeated(&self, hook: &Hook) -> Vec<i64> {
        let all = self.deliveries(hook).await;
        let second = |id| {
            let made = all.iter().find(|found| found.id == id).unwrap().created_at;
            made.as_secs() - at(0).as_secs()
        };
        let mut seconds: Vec<_> = all.iter().filter_map(|found| found.redelivery_of).map(second).collect();
        seconds.sort_unstable();
        seconds
    }
}

pub(crate) async fn a_count_looks_and_leaves(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.attempted_orders(&shop, &hook, &[1, 2, 3, 3, 4], DROPPED).await;
    ledger.attempted_orders(&shop, &hook, &[2, 3], Verdict::Succeeded).await;
    for (window, cap, expected) in [
        (dropped(0, 100), 100, 5),
        (dropped(2, 4), 100, 3),
        (dropped(2, 2), 100, 0),
        (dropped(4, 2), 100, 0),
        (dropped(0, 100), 3, 3),
        (window(0, 100, DeliveryStatus::Succeeded), 100, 2),
        (window(0, 100, DeliveryStatus::Failed), 100, 0),
    ] {
        let found = ledger.job_count(shop.id, hook.id, window, cap).await.unwrap();
        assert_eq!(found, Some(expected), "{window:?}");
    }
    assert!(ledger.jobs_running(10).await.unwrap().is_empty());
    assert_eq!(ledger.deliveries(&hook).await.len(), 7);
}

pub(crate) async fn a_job_takes_its_window_step_by_step(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.attempted_orders(&shop, &hook, &[1, 2, 3, 3, 4, 5, 6], DROPPED).await;
    ledger.attempted_orders(&shop, &hook, &[3], Verdict::Succeeded).await;
    let intake = Recorder::refusing();
    ledger.attach(intake.clone());
    let made = ledger.job(&hook, dropped(2, 6), 100).await.unwrap().unwrap();
    assert_eq!((made.window, made.matched, made.processed), (dropped(2, 6), 5, 0));
    assert_eq!((made.created_at, made.finished_at), (at(500), None));
    assert_eq!(ledger.progress(&hook, made.id).await, made);
    assert_eq!(ledger.jobs_running(10).await.unwrap(), [made.id]);
    assert_eq!(intake.told().jobs_made, 1);

    assert!(!ledger.job_step(made.id, 2, at(501), ledger.seed()).await.unwrap());
    assert_eq!(ledger.progress(&hook, made.id).await, Job { processed: 2, ..made.clone() });
    assert_eq!(ledger.repeated(&hook).await, [2, 3], "oldest first");
    assert_eq!(intake.told().waiting, [(hook.lane, at(501)); 2]);
    assert_eq!(ledger.finish(made.id, 2, at(502)).await, 2);
    let ended = Job { processed: 5, finished_at: Some(at(502)), ..made.clone() };
    assert_eq!(ledger.progress(&hook, made.id).await, ended);
    assert_eq!(ledger.repeated(&hook).await, [2, 3, 3, 4, 5]);
    assert!(ledger.jobs_running(10).await.unwrap().is_empty());

    assert!(ledger.job_step(made.id, 2, at(503), ledger.seed()).await.unwrap());
    assert_eq!(ledger.progress(&hook, made.id).await, ended, "an ended job does nothing more");
    assert_eq!(ledger.repeated(&hook).await.len(), 5);
    let nobody = JobId::new(at(1), [9; 10]);
    assert!(ledger.job_step(nobody, 2, at(503), ledger.seed()).await.unwrap());
}

pub(crate) async fn a_cap_brings_the_windows_end_forward(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.attempted_orders(&shop, &hook, &[1, 2, 3, 4, 5], DROPPED).await;
    let job = ledger.job(&hook, dropped(0, 100), 3).await.unwrap().unwrap();
    assert_eq!(job.matched, 3);
    let until = job.window.until;
    assert!(at(3) < until && until <= at(4), "{until}");
    assert_eq!(ledger.progress(&hook, job.id).await.window, job.window);
    assert_eq!(ledger.finish(job.id, 3, at(501)).await, 1);
    assert_eq!(ledger.repeated(&hook).await, [1, 2, 3], "the oldest");
}

pub(crate) async fn a_cap_within_one_moment_holds(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.attempted_orders(&shop, &hook, &[1, 2, 2, 2, 2], DROPPED).await;
    let job = ledger.job(&hook, dropped(0, 100), 3).await.unwrap().unwrap();
    ledger.finish(job.id, 100, at(501)).await;
    assert_eq!(ledger.progress(&hook, job.id).await.processed, 3);
    assert_eq!(ledger.repeated(&hook).await, [1, 2, 2]);
}

pub(crate) async fn a_webhook_has_one_job_running(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.attempted_orders(&shop, &hook, &[1, 2], DROPPED).await;
    let other = ledger.hook(&shop, "b.example", &[ORDER]).await;
    ledger.attempted_orders(&shop, &other, &[3], DROPPED).await;
    let first = ledger.job(&hook, dropped(0, 100), 100).await.unwrap().unwrap();
    assert!(matches!(ledger.job(&hook, dropped(0, 100), 100).await, Err(StoreError::JobRunning)));
    let second = ledger.job(&other, dropped(0, 100), 100).await.unwrap().unwrap();
    assert_eq!(ledger.jobs_running(10).await.unwrap(), [first.id, second.id], "oldest first");
    assert_eq!(ledger.jobs_running(1).await.unwrap(), [first.id]);
    ledger.finish(first.id, 1, at(501)).await;
    assert_eq!(ledger.jobs_running(10).await.unwrap(), [second.id]);
    assert!(ledger.job(&hook, dropped(0, 100), 100).await.unwrap().is_some());
}

pub(crate) async fn a_job_over_nothing_has_ended(ledger: &Ledger) {
    let (_, hook) = ledger.shop_and_hook().await;
    let job = ledger.job(&hook, dropped(0, 100), 100).await.unwrap().unwrap();
    assert_eq!((job.matched, job.finished_at), (0, Some(at(500))));
    assert_eq!(ledger.progress(&hook, job.id).await, job);
    assert!(ledger.jobs_running(10).await.unwrap().is_empty());
    assert!(ledger.job(&hook, dropped(0, 100), 100).await.unwrap().is_some());
}

pub(crate) async fn a_job_goes_on_after_a_restart(ledger: &mut Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.attempted_orders(&shop, &hook, &[1, 2, 3, 4, 5], DROPPED).await;
    let job = ledger.job(&hook, dropped(0, 100), 100).await.unwrap().unwrap();
    assert!(!ledger.job_step(job.id, 2, at(501), ledger.seed()).await.unwrap());
    ledger.reopen().await;
    assert_eq!(ledger.jobs_running(10).await.unwrap(), [job.id]);
    assert_eq!(ledger.progress(&hook, job.id).await.processed, 2);
    ledger.finish(job.id, 2, at(502)).await;
    assert_eq!(ledger.repeated(&hook).await, [1, 2, 3, 4, 5]);
}

pub(crate) async fn a_deleted_webhooks_job_has_ended(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.attempted_orders(&shop, &hook, &[1, 2, 3], DROPPED).await;
    let job = ledger.job(&hook, dropped(0, 100), 100).await.unwrap().unwrap();
    ledger.delete(&hook).await;
    assert!(ledger.jobs_running(10).await.unwrap().is_empty());
    assert_eq!(ledger.job_get(shop.id, hook.id, job.id).await.unwrap(), None);
    assert!(ledger.job_step(job.id, 2, at(501), ledger.seed()).await.unwrap());
    assert_eq!(ledger.lanes_waiting(None, 10).await.unwrap(), []);
}

pub(crate) async fn a_job_takes_the_status_it_names(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    ledger.attempted_orders(&shop, &hook, &[1], DROPPED).await;
    ledger.attempted_orders(&shop, &hook, &[2], Verdict::Succeeded).await;
    ledger.attempted_orders(&shop, &hook, &[3, 4], retry(at(9000), 4)).await;
    let failed = ledger.ids_of(&hook, DeliveryStatus::Failed).await;

    let succeeded = window(0, 100, DeliveryStatus::Succeeded);
    let job = ledger.job(&hook, succeeded, 100).await.unwrap().unwrap();
    ledger.finish(job.id, 10, at(501)).await;
    assert_eq!(ledger.repeated(&hook).await, [2]);

    let job = ledger.job(&hook, window(0, 100, DeliveryStatus::Failed), 100).await.unwrap().unwrap();
    assert_eq!(job.matched, 2);
    ledger.finish(job.id, 1, at(502)).await;
    assert_eq!(ledger.repeated(&hook).await, [2], "an undecided one is not made anew");
    assert_eq!(ledger.ids_of(&hook, DeliveryStatus::Failed).await, failed);
    let due: Vec<_> = ledger.deliveries(&hook).await.into_iter().map(|found| found.state).collect();
    assert_eq!(due.iter().filter(|state| **state == DeliveryState::Failed { due: at(502) }).count(), 2);
}

pub(crate) async fn jobs_are_an_enabled_webhooks_of_one_shop(ledger: &Ledger) {
    let (shop, hook) = ledger.shop_and_hook().await;
    let other = ledger.hook(&shop, "b.example", &["inventory.low_stock"]).await;
    let stranger = ledger.shop("stranger").await.id;
    ledger.attempted_orders(&shop, &hook, &[1], DROPPED).await;
    let all = dropped(0, 100);
    let id = JobId::new(at(500), [9; 10]);
    assert_eq!(ledger.job_count(stranger, hook.id, all, 10).await.unwrap(), None);
    assert_eq!(ledger.job_create(stranger, hook.id, id, all, 10, at(500)).await.unwrap(), None);
    let job = ledger.job(&hook, all, 100).await.unwrap().unwrap();
    assert_eq!(ledger.job_get(stranger, hook.id, job.id).await.unwrap(), None);
    assert_eq!(ledger.job_get(shop.id, other.id, job.id).await.unwrap(), None);
    ledger.finish(job.id, 10, at(501)).await;

    ledger.enable(&hook, false).await;
    assert!(matches!(ledger.job(&hook, all, 100).await, Err(StoreError::WebhookDisabled)));
    assert_eq!(ledger.job_count(shop.id, hook.id, all, 10).await.unwrap(), Some(1), "counting is allowed");
}
