//! The tables: what must be so when all is quiet.

use std::time::Duration;

use sellvik_domain::Timestamp;
use sellvik_testkit::Received;
use serde_json::{Value, json};

use super::{Answer, BYSTANDER, Case, Hook, Sent};
use crate::harness::{eventually, moment};

const DAY: Duration = Duration::from_hours(24);

/// How much earlier than the schedule's end its last attempt may be: a tenth of the gap before it.
const LAST_JITTER: Duration = Duration::from_mins(36);

fn id_of(delivery: &Value) -> &str {
    delivery["id"].as_str().unwrap()
}

fn ends(delivery: &Value) -> Timestamp {
    moment(&delivery["createdAt"]).after(DAY)
}

fn is_client_error(answer: Answer) -> bool {
    answer.status().is_some_and(|status| (400..500).contains(&status) && status != 408 && status != 429)
}

/// The secret that signs now, and the one that will.
pub(super) struct Secrets {
    pub(super) active: String,
    pub(super) next: Option<(String, Timestamp)>,
}

impl Secrets {
    pub(super) fn at(&self, now: Timestamp) -> &str {
        match &self.next {
            Some((secret, from)) if *from <= now => secret,
            _ => &self.active,
        }
    }

    pub(super) fn rotate(&mut self, secret: &str, from: Timestamp, now: Timestamp) {
        self.active = self.at(now).to_owned();
        self.next = Some((secret.to_owned(), from));
    }
}

impl Hook {
    fn sent(&self, id: &str) -> &[Sent] {
        self.sent.get(id).map_or(&[], Vec::as_slice)
    }

    /// Of a deleted webhook: what must still be sent now, and is sent with success.
    fn drains(&self, now: Timestamp) -> Vec<String> {
        let open = self.enabled && self.drain_ends.is_some_and(|ends| now < ends);
        let due = |one: &&Value| {
            open && !one["nextAttemptAt"].is_null()
                && moment(&one["nextAttemptAt"]) <= now
                && now <= ends(one)
                && one["attempts"] == self.sent(id_of(one)).len()
        };
        self.deliveries.values().filter(due).map(|one| id_of(one).to_owned()).collect()
    }
}

impl Case {
    /// Waits for what deleted webhooks have yet to send.
    pub(super) async fn wait_for_drains(&self) {
        let now = self.server.now();
        for id in self.hooks.iter().flat_map(|hook| hook.drains(now)) {
            eventually("what drains", async || {
                let news = self.receiver.received().split_off(self.looked_at);
                let came = news.iter().any(|one| one.header("x-sellvik-delivery") == id);
                if came { Ok(()) } else { Err(json!(id)) }
            })
            .await;
        }
    }

    /// Holds what came and what is shown against the contract.
    pub(super) async fn check(&mut self, deliveries: Vec<Value>) {
        let news = self.receiver.received().split_off(self.looked_at);
        self.looked_at += news.len();
        let mut made = 0;
        for request in news.iter().filter(|one| one.path != BYSTANDER) {
            made += usize::from(self.note(request, &deliveries));
        }
        let now = self.server.now();
        let success = self.answer.status() == Some(200);
        let hook = self.hook();
        if made > 0 {
            hook.last_attempt = json!(now.to_string());
            hook.failures = if success { 0 } else { hook.failures + made as u64 };
        }
        self.check_webhook().await;
        for one in &deliveries {
            self.check_delivery(one, now);
            if self.hooks[self.hooks.len() - 1].deliveries.get(id_of(one)) != Some(one) {
                self.check_attempts(one).await;
            }
        }
        let hook = self.hook();
        assert!(deliveries.len() >= hook.deliveries.len(), "none vanishes within 30 days");
        hook.deliveries = deliveries.into_iter().map(|one| (id_of(&one).to_owned(), one)).collect();
    }

    /// Holds a request against what may be sent; whether it is the present webhook's.
    fn note(&mut self, request: &Received, deliveries: &[Value]) -> bool {
        let (now, answer) = (self.server.now(), self.answer);
        let id = request.header("x-sellvik-delivery").to_owned();
        let hurried = self.hurried.as_ref() == Some(&id);
        let present = deliveries.iter().any(|one| id_of(one) == id);
        let last = self.hooks.len() - 1;
        let owner = self.hooks.iter().position(|hook| hook.deliveries.contains_key(&id));
        let owner = owner.unwrap_or(last);
        assert_eq!(present, owner == last, "{id} is nobody's");
        let hook = &mut self.hooks[owner];
        assert_eq!(request.path, hook.path, "it goes where the webhook is now");
        assert_eq!(request.header("webhook-timestamp"), now.as_secs().to_string());
        let secret = hook.secrets.at(now);
        assert!(request.verify_sellvik(secret) && request.verify_standard(secret), "{request:?}");
        assert!(hook.enabled, "{id} was sent while disabled");
        assert!(hook.drain_ends.is_none_or(|ends| now < ends), "{id} was sent past the drain");
        let before = hook.deliveries.get(&id);
        let first_now = hook.sent(&id).last().is_none_or(|sent| sent.at < now);
        if let Some(before) = before.filter(|_| first_now) {
            let due = &before["nextAttemptAt"];
            assert!(!due.is_null(), "{id} was over and is sent: {before:#}");
            assert!(hurried || moment(due) <= now, "{id} was not due: {before:#}");
        }
        let answer = if owner == last { answer } else { Answer::Status(200) };
        hook.sent.entry(id).or_default().push(Sent { at: now, answer });
        owner == last
    }

    async fn check_webhook(&self) {
        let hook = &self.hooks[self.hooks.len() - 1];
        let shown = self.shop.get(&hook.webhook).await;
        assert_eq!(shown["enabled"], hook.enabled);
        assert_eq!(shown["failureCount"], hook.failures, "{shown:#}");
        assert_eq!(shown["lastDeliveryAt"], hook.last_attempt, "{shown:#}");
    }

    /// The log of attempts is what the receiver saw.
    async fn check_attempts(&self, delivery: &Value) {
        let hook = &self.hooks[self.hooks.len() - 1];
        let detail = self.shop.delivery(&hook.webhook, id_of(delivery)).await;
        let log = detail["attemptLog"].as_array().unwrap();
        let sent = hook.sent(id_of(delivery));
        assert_eq!(log.len(), sent.len(), "{detail:#}");
        for (attempt, sent) in log.iter().zip(sent) {
            assert_eq!(attempt["startedAt"], sent.at.to_string());
            assert_eq!(attempt["endedAt"], sent.at.to_string());
            assert_eq!(attempt["responseCode"], json!(sent.answer.status()));
            assert_eq!(attempt["succeeded"], sent.answer.status() == Some(200));
            assert_eq!(attempt["error"].is_null(), sent.answer.status() == Some(200), "{attempt:#}");
        }
    }

    fn check_delivery(&self, one: &Value, now: Timestamp) {
        let hook = &self.hooks[self.hooks.len() - 1];
        let sent = hook.sent(id_of(one));
        let is_null = |name: &str| one[name].is_null();
        assert_eq!(one["attempts"], sent.len(), "{one:#}");
        if let Some(before) = hook.deliveries.get(id_of(one))
            && before["nextAttemptAt"].is_null()
        {
            assert_eq!(before, one, "what is over stays as it is");
        }
        let Some(last) = sent.last() else {
            panic!("never attempted, though the webhook was enabled when it was made: {one:#}")
        };
        let hurried = self.hurried.as_deref() == Some(id_of(one));
        assert!(!hurried || last.at == now, "asked for again, it is attempted at once: {one:#}");
        assert_eq!(one["lastAttemptAt"], last.at.to_string(), "{one:#}");
        assert_eq!(one["lastResponseCode"], json!(last.answer.status()), "{one:#}");
        assert_eq!(is_null("dropReason"), one["status"] != "dropped", "{one:#}");
        assert_eq!(is_null("deliveredAt"), one["status"] != "succeeded", "{one:#}");
        assert_eq!(is_null("nextAttemptAt"), one["status"] != "failed", "{one:#}");
        assert_eq!(one["status"] == "succeeded", last.answer.status() == Some(200), "{one:#}");
        let past_the_day = sent.iter().rev().skip(1).any(|sent| sent.at >= ends(one));
        assert!(!past_the_day, "one attempt at most is made past the day: {one:#}");
        let refusals = sent.iter().filter(|sent| is_client_error(sent.answer)).count();
        assert!(refusals <= 2, "{one:#}");
        assert_eq!(
            refusals == 2 && is_client_error(last.answer),
            one["dropReason"] == "client_error",
            "{one:#}"
        );
        match one["status"].as_str().unwrap() {
            "succeeded" => assert_eq!(one["deliveredAt"], one["lastAttemptAt"]),
            "failed" => self.check_failed(one, last, now),
            "dropped" => self.check_dropped(one, last, now),
            other => panic!("{other}: {one:#}"),
        }
    }

    fn check_failed(&self, one: &Value, last: &Sent, now: Timestamp) {
        let next = moment(&one["nextAttemptAt"]);
        let enabled = self.hooks[self.hooks.len() - 1].enabled;
        assert!(next <= ends(one), "{one:#}");
        assert!(next >= last.at && (!enabled || next > now), "{one:#}");
        // A delivery that was asked for again has been attempted since, so that this is its last answer.
        if let Answer::Later(_, seconds) = last.answer {
            assert!(next >= last.at.after(Duration::from_secs(seconds)), "{one:#}");
        }
    }

    fn check_dropped(&self, one: &Value, last: &Sent, now: Timestamp) {
        let hook = &self.hooks[self.hooks.len() - 1];
        let over = ends(one) <= now;
        let silences = hook.sent.values().flatten().filter(|sent| sent.answer == Answer::Close).count();
        let holds = match one["dropReason"].as_str().unwrap() {
            "client_error" => is_client_error(last.answer),
            "attempts_exhausted" => last.at.after(LAST_JITTER) >= ends(one),
            "retry_after_too_late" => matches!(last.answer, Answer::Later(_, seconds)
                if last.at.after(Duration::from_secs(seconds)) > ends(one)),
            "webhook_disabled" => hook.was_disabled && over,
            "endpoint_unavailable" => silences >= 3 && over,
            _ => false,
        };
        assert!(holds, "{one:#}");
    }
}
