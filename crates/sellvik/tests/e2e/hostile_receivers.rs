//! Receivers that break every rule: what is recorded of them, and that nobody else is the worse for it
//! (CONTRACT §5).

use sellvik_testkit::{Move, Receiver, Stranger};
use serde_json::{Value, json};

use crate::harness::{Server, Shop, Webhook, assert_shows};

mod broken;
mod floods;
mod framing;
mod hops;
mod rebinding;
mod reuse;

/// The contract's clock of one attempt, in milliseconds.
const ATTEMPT_MS_MAX: u64 = 10_000;

/// What the answer of a well-behaved receiver looks like.
const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

/// What stands for "no attempt may hang" where an attempt is to hang.
const HASTY: [&str; 2] = ["--delivery-timeout", "1s"];

const CLOSED: &str = "the connection was closed before an answer";
const NOT_HTTP: &str = "the answer was not valid HTTP: it is not an HTTP/1.1 answer";
const TOO_LARGE: &str = "the answer was not valid HTTP: its header fields are too many or too large";
const TOO_LATE: &str = "no answer in time: no answer within 1 s";

/// A 2xx: its code and what is kept of its body.
fn succeeded(code: u16, body: &str) -> Value {
    json!({"status": "succeeded", "lastResponseCode": code, "lastResponseBody": body, "lastError": null})
}

/// Another answer, after which the chain goes on.
fn answered(code: u16, body: &str) -> Value {
    let error = format!("the endpoint answered {code}");
    json!({"status": "failed", "lastResponseCode": code, "lastResponseBody": body, "lastError": error})
}

/// No answer that counts, and why.
fn failed(error: &str) -> Value {
    json!({"status": "failed", "lastResponseCode": null, "lastResponseBody": null, "lastError": error})
}

/// Hears a request to its end, then says this and no more.
fn saying(bytes: impl Into<bytes::Bytes>) -> Vec<Move> {
    vec![Move::Hear, Move::say(bytes)]
}

/// Hears a request, says this, and then this over and over.
fn saying_forever(start: &str, forever: impl Into<bytes::Bytes>) -> Vec<Move> {
    vec![Move::Hear, Move::say(start.to_owned()), Move::SayForever(forever.into())]
}

/// Fails unless the delivery's one attempt was recorded so, within all bounds.
#[track_caller]
fn assert_recorded(what: &str, delivery: &Value, expected: &Value) {
    println!("{what}: {delivery:#}");
    assert_shows(delivery, expected);
    assert_shows(delivery, &json!({"attempts": 1}));
    assert!(delivery["durationMs"].as_u64().unwrap() < ATTEMPT_MS_MAX);
    let kept = delivery["lastResponseBody"].as_str().map_or(0, |body| body.chars().count());
    assert!(kept <= 2048, "{kept} characters of the answer");
    let goes_on = delivery["status"] == "failed";
    assert_eq!(delivery["nextAttemptAt"].is_string(), goes_on);
}

/// A receiver's behaviour, and how its attempt must be recorded.
type Case = (&'static str, Vec<Move>, Value);

/// Strangers with one event on its way to all of them, and after that another to a good receiver.
struct Party {
    server: Server,
    shop: Shop,
    guests: Vec<(&'static str, Stranger, Webhook, Value)>,
}

impl Party {
    /// Each case is a webhook at a stranger of its own.
    async fn of(flags: &[&str], cases: Vec<Case>) -> Self {
        let server = Server::start_with(flags).await;
        let shop = server.shop().await;
        let mut guests = Vec::new();
        for (what, script, expected) in cases {
            let stranger = Stranger::start([script]).await;
            let webhook = shop.webhook(&stranger.url("/hook"), &["order.paid"]).await;
            guests.push((what, stranger, webhook, expected));
        }
        Self { server, shop, guests }
    }

    /// Publishes this event to all and checks what is recorded; then everyone's connection is closed by
    /// us and a good receiver is served as if nothing had been.
    async fn take_place(self, data: Value) {
        self.shop.publish_body(json!({"type": "order.paid", "data": data})).await;
        for (what, _, webhook, expected) in &self.guests {
            let delivery = self.shop.attempted(webhook, 1).await;
            assert_recorded(what, &delivery, expected);
            let failures = u64::from(expected["status"] != "succeeded");
            assert_eq!(self.shop.get(webhook).await["failureCount"], failures);
        }
        for (what, stranger, ..) in &self.guests {
            println!("{what}");
            stranger.wait_for_closed(1).await;
            assert_eq!(stranger.connections(), 1);
        }
        serves_others(&self.server, &self.shop).await;
    }
}

/// As it was before: an event for a good receiver is delivered at the first attempt.
async fn serves_others(server: &Server, shop: &Shop) {
    let good = Receiver::start().await;
    let webhook = shop.webhook(&good.url("/good"), &["order.cancelled"]).await;
    shop.publish("order.cancelled").await;
    let delivery = shop.attempted(&webhook, 1).await;
    assert_shows(&delivery, &succeeded(200, "ok"));
    assert_eq!(delivery["deliveredAt"], server.now().to_string());
}
