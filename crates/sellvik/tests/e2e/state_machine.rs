//! Random lives of a webhook and its deliveries, held against the contract's tables (CONTRACT §3, §5)
//! whenever all is quiet: when every delivery that is due has ended its attempt.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use sellvik_domain::Timestamp;
use sellvik_testkit::{Receiver, Reply};
use serde_json::{Value, json};

use crate::harness::{Server, Shop, Webhook, eventually, moment};

mod rules;

use rules::Secrets;

const BYSTANDER: &str = "/bystander";

/// How long the deliveries of a deleted webhook go on.
const DRAIN: Duration = Duration::from_mins(5);

/// What happens next.
#[derive(Debug, Clone, Copy)]
enum Step {
    Publish,
    /// From now on the receiver answers like this.
    Answer(Answer),
    ToNextDue,
    Wait(u64),
    Disable,
    Enable,
    /// Deletes the webhook and registers another.
    Delete,
    Move,
    /// Rotates the secret; the new one is active in so many seconds.
    Rotate(u64),
    Redeliver(usize),
    /// Stops in good order, and starts again after so many seconds.
    Restart(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Status(u16),
    /// This status, with `Retry-After` in seconds.
    Later(u16, u64),
    Close,
}

impl Answer {
    fn status(self) -> Option<u16> {
        match self {
            Self::Status(status) | Self::Later(status, _) => Some(status),
            Self::Close => None,
        }
    }

    fn reply(self) -> Reply {
        // A connection for each attempt: on one that was used before, a close may only mean that it was idle.
        match self {
            Self::Status(status) => Reply::status(status).with_header("Connection", "close"),
            Self::Later(status, seconds) => {
                Self::Status(status).reply().with_header("Retry-After", &seconds.to_string())
            }
            Self::Close => Reply::close(),
        }
    }
}

/// A request that came.
struct Sent {
    at: Timestamp,
    answer: Answer,
}

/// A webhook as it should be.
struct Hook {
    webhook: Webhook,
    path: String,
    secrets: Secrets,
    enabled: bool,
    was_disabled: bool,
    /// When draining ends, once it is deleted.
    drain_ends: Option<Timestamp>,
    failures: u64,
    last_attempt: Value,
    /// The deliveries as they were when all was quiet.
    deliveries: BTreeMap<String, Value>,
    /// What came of each, in order.
    sent: BTreeMap<String, Vec<Sent>>,
}

struct Case {
    server: Server,
    receiver: Receiver,
    shop: Shop,
    answer: Answer,
    /// Every webhook there was; the last one is there now.
    hooks: Vec<Hook>,
    paths: usize,
    /// How many of the receiver's requests have been looked at.
    looked_at: usize,
    bystander: usize,
    /// A delivery that was asked for again in this step.
    hurried: Option<String>,
}

impl Case {
    async fn start() -> Self {
        let (server, receiver) = (Server::start().await, Receiver::start().await);
        let shop = server.shop().await;
        receiver.script(BYSTANDER, [Answer::Status(200).reply()]);
        shop.webhook(&receiver.url(BYSTANDER), &["customer.updated"]).await;
        let mut case = Self {
            server,
            receiver,
            shop,
            answer: Answer::Status(200),
            hooks: Vec::new(),
            paths: 0,
            looked_at: 0,
            bystander: 0,
            hurried: None,
        };
        case.register().await;
        case
    }

    fn hook(&mut self) -> &mut Hook {
        self.hooks.last_mut().unwrap()
    }

    fn webhook(&self) -> &Webhook {
        &self.hooks[self.hooks.len() - 1].webhook
    }

    fn new_path(&mut self) -> String {
        self.paths += 1;
        let path = format!("/hook/{}", self.paths);
        self.receiver.script(&path, [self.answer.reply()]);
        path
    }

    async fn register(&mut self) {
        let path = self.new_path();
        let webhook = self.shop.webhook(&self.receiver.url(&path), &["order.cancelled"]).await;
        self.hooks.push(Hook {
            secrets: Secrets { active: webhook.secret.clone(), next: None },
            webhook,
            path,
            enabled: true,
            was_disabled: false,
            drain_ends: None,
            failures: 0,
            last_attempt: Value::Null,
            deliveries: BTreeMap::new(),
            sent: BTreeMap::new(),
        });
    }

    async fn publish(&mut self) {
        let answer = self.shop.publish_body(json!({"type": "order.cancelled", "data": {}})).await;
        assert_eq!(answer["deliveries"], u8::from(self.hook().enabled), "{answer}");
    }

    async fn switch(&mut self, enabled: bool) {
        if self.hook().enabled == enabled {
            return;
        }
        self.shop.patch(self.webhook(), json!({"enabled": enabled})).await;
        let hook = self.hook();
        hook.enabled = enabled;
        hook.was_disabled = true;
        if enabled {
            hook.failures = 0;
        }
    }

    async fn delete(&mut self) {
        // One more attempt of what waits, and no more: what follows cannot be read any longer.
        self.receiver.script(&self.hooks[self.hooks.len() - 1].path, [Answer::Status(200).reply()]);
        self.shop.admin.delete(&self.webhook().path).await.expect(204);
        self.hook().drain_ends = Some(self.server.now().after(DRAIN));
        assert_eq!(self.shop.admin.get(&self.webhook().path).await.status, 404);
        self.register().await;
    }

    async fn change_url(&mut self) {
        let path = self.new_path();
        self.shop.patch(self.webhook(), json!({"url": self.receiver.url(&path)})).await;
        self.hook().path = path;
    }

    async fn rotate(&mut self, seconds: u64) {
        let path = format!("{}/rotate-secret", self.webhook().path);
        let rotated = self.shop.admin.post(&path, &json!({"activateIn": seconds})).await.expect(200);
        let now = self.server.now();
        let from = moment(&rotated["activeFrom"]);
        assert_eq!(from, now.after(Duration::from_secs(seconds)));
        self.hook().secrets.rotate(rotated["secret"].as_str().unwrap(), from, now);
    }

    async fn redeliver(&mut self, choice: usize) {
        let known: Vec<Value> = self.hook().deliveries.values().cloned().collect();
        let Some(one) = known.get(choice % known.len().max(1)) else { return };
        let path = format!("{}/deliveries/{}/redeliver", self.webhook().path, one["id"].as_str().unwrap());
        let answer = self.shop.admin.post(&path, &json!({})).await;
        if !self.hook().enabled {
            assert_eq!((answer.status, answer.code()), (409, "webhook_disabled".to_owned()));
            return;
        }
        let again = answer.expect(202);
        if one["status"] == "failed" {
            assert_eq!((&again["id"], &again["redeliveryOf"]), (&one["id"], &one["redeliveryOf"]));
        } else {
            assert_ne!(again["id"], one["id"]);
            assert_eq!(again["redeliveryOf"], one["id"]);
        }
        assert_eq!(again["nextAttemptAt"], self.server.now().to_string());
        self.hurried = again["id"].as_str().map(str::to_owned);
    }

    async fn restart(&mut self, seconds: u64) {
        self.server.stop().await;
        self.server.advance(Duration::from_secs(seconds));
        self.server.restart().await;
        self.shop = self.shop.after_restart(&self.server);
    }

    fn to_next_due(&self) {
        let known = self.hooks.iter().flat_map(|hook| hook.deliveries.values());
        let due =
            known.filter(|one| !one["nextAttemptAt"].is_null()).map(|one| moment(&one["nextAttemptAt"]));
        if let Some(next) = due.filter(|due| *due > self.server.now()).min() {
            self.server.advance(next.since(self.server.now()));
        }
    }

    async fn take(&mut self, step: Step) {
        self.hurried = None;
        match step {
            Step::Publish => self.publish().await,
            Step::Answer(answer) => {
                self.answer = answer;
                let path = self.hook().path.clone();
                self.receiver.script(&path, [answer.reply()]);
            }
            Step::ToNextDue => self.to_next_due(),
            Step::Wait(seconds) => self.server.advance(Duration::from_secs(seconds)),
            Step::Disable => self.switch(false).await,
            Step::Enable => self.switch(true).await,
            Step::Delete => self.delete().await,
            Step::Move => self.change_url().await,
            Step::Rotate(seconds) => self.rotate(seconds).await,
            Step::Redeliver(choice) => self.redeliver(choice).await,
            Step::Restart(seconds) => self.restart(seconds).await,
        }
        let deliveries = self.quiet().await;
        self.check(deliveries).await;
    }

    /// Waits until nothing that is due waits; the webhook's deliveries.
    async fn quiet(&mut self) -> Vec<Value> {
        let (now, enabled) = (self.server.now(), self.hook().enabled);
        let deliveries = eventually("quiet", async || {
            let all = self.shop.deliveries(self.webhook()).await;
            let due = |one: &Value| !one["nextAttemptAt"].is_null() && moment(&one["nextAttemptAt"]) <= now;
            if enabled && all.iter().any(due) { Err(json!(all)) } else { Ok(all) }
        })
        .await;
        self.wait_for_drains().await;
        // What was about to be sent although it must not be has been sent then.
        for _ in 0..2 {
            self.shop.publish("customer.updated").await;
            self.bystander += 1;
            self.receiver.wait_for(BYSTANDER, self.bystander).await;
        }
        deliveries
    }
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        3 => Just(Answer::Status(200)),
        2 => prop::sample::select(vec![400, 404, 408, 500]).prop_map(Answer::Status),
        1 => Just(Answer::Status(429)),
        2 => (prop::sample::select(vec![429, 503]), prop::sample::select(vec![5, 45, 5000, 80_000, 90_000]))
            .prop_map(|(status, seconds)| Answer::Later(status, seconds)),
        2 => Just(Answer::Close),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Publish),
        6 => answer().prop_map(Step::Answer),
        6 => Just(Step::ToNextDue),
        3 => (1..600_u64).prop_map(Step::Wait),
        2 => (600..86_400_u64).prop_map(Step::Wait),
        2 => Just(Step::Disable),
        4 => Just(Step::Enable),
        1 => Just(Step::Delete),
        1 => Just(Step::Move),
        2 => prop::sample::select(vec![0, 60, 3600]).prop_map(Step::Rotate),
        3 => any::<usize>().prop_map(Step::Redeliver),
        1 => prop::sample::select(vec![0, 0, 100, 50_000]).prop_map(Step::Restart),
    ]
}

async fn live(steps: &[Step]) {
    let mut case = Case::start().await;
    for step in steps {
        case.take(*step).await;
    }
    // In the end nothing waits: two days on, all that can still be done has been.
    let end = [Step::Enable, Step::Answer(Answer::Status(200)), Step::Wait(90_000), Step::Wait(90_000)];
    for step in end {
        case.take(step).await;
    }
    let known = &case.hooks[case.hooks.len() - 1].deliveries;
    assert!(known.values().all(|one| one["status"] == "succeeded" || one["status"] == "dropped"));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        max_shrink_iters: 60,
        rng_seed: RngSeed::Fixed(0x5e11_71c0),
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_the_contracts_tables_hold(steps in prop::collection::vec(step(), 8..25)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.unwrap().block_on(live(&steps));
    }
}
