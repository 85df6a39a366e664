//! Names whose answers change between one question and the next: asked once per attempt and hop, and
//! what was vetted is what is connected to.

use std::net::SocketAddr;
use std::time::Duration;

use sellvik_testkit::{Receiver, Reply};
use serde_json::{Value, json};

use super::{assert_recorded, failed, serves_others, succeeded};
use crate::dns::Dns;
use crate::harness::{Server, Shop, Webhook};

const REFUSED: &str = "the address is not allowed: turns.example resolves to an address that is not public";

/// A service for which 127.0.0.1 alone is open, a name server, a receiver there, and one at the same port
/// of 127.0.0.2 where nothing may be sent.
struct Turning {
    server: Server,
    shop: Shop,
    names: Dns,
    receiver: Receiver,
    forbidden: Receiver,
}

impl Turning {
    async fn start() -> Self {
        let (names, receiver) = (Dns::start(&[]).await, Receiver::start().await);
        let neighbour = SocketAddr::from(([127, 0, 0, 2], receiver.addr().port()));
        let forbidden = Receiver::start_at(neighbour).await.unwrap();
        let dns = names.address.to_string();
        let flags = ["--endpoint-allow", "127.0.0.1/32", "--endpoint-dns", &dns];
        let server = Server::start_with(&flags).await;
        Self { shop: server.shop().await, server, names, receiver, forbidden }
    }

    fn url(&self, path: &str) -> String {
        format!("http://turns.example:{}{path}", self.receiver.addr().port())
    }

    /// Publishes an event; its delivery after one attempt.
    async fn attempt(&self, webhook: &Webhook) -> Value {
        self.server.advance(Duration::from_millis(1));
        let id = self.shop.publish("order.paid").await;
        let ended = |delivery: &Value| delivery["eventId"] == id && delivery["attempts"] == 1;
        self.shop.newest(webhook, "the attempt", ended).await
    }

    async fn end(self) {
        assert_eq!(self.forbidden.connections(), 0);
        serves_others(&self.server, &self.shop).await;
        assert_eq!(self.forbidden.connections(), 0);
    }
}

#[tokio::test]
async fn the_address_that_was_vetted_is_the_one_that_is_connected_to() {
    let turning = Turning::start().await;
    // Registration and the first attempt get the good one; whoever asks once more gets the other.
    turning.names.set_turns("turns.example", &[&["127.0.0.1"], &["127.0.0.1"], &["127.0.0.2"]]);
    let webhook = turning.shop.webhook(&turning.url("/hook"), &["order.paid"]).await;
    assert_eq!(turning.names.asked("turns.example"), (1, 1));
    assert_recorded("good", &turning.attempt(&webhook).await, &succeeded(200, "ok"));
    assert_eq!(turning.names.asked("turns.example"), (2, 2));
    // The connection to the good one still stands, but it is no longer what the name stands for.
    assert_recorded("turned", &turning.attempt(&webhook).await, &failed(REFUSED));
    assert_eq!(turning.names.asked("turns.example"), (3, 3));
    assert_eq!((turning.receiver.connections(), turning.receiver.received().len()), (1, 1));
    turning.end().await;
}

#[tokio::test]
async fn a_name_that_is_good_at_registration_and_refused_at_the_attempt_is_refused() {
    for turned in [&["127.0.0.2"][..], &["127.0.0.1", "127.0.0.2"], &["127.0.0.1", "::1"], &["10.0.0.1"]] {
        let turning = Turning::start().await;
        turning.names.set_turns("turns.example", &[&["127.0.0.1"], turned]);
        let webhook = turning.shop.webhook(&turning.url("/hook"), &["order.paid"]).await;
        let delivery = turning.attempt(&webhook).await;
        assert_recorded("turned", &delivery, &failed(REFUSED));
        assert_eq!(turning.receiver.connections(), 0);
        // Moving it to where it would be refused now is refused as well, and changes nothing.
        let moved = json!({"url": turning.url("/moved")});
        let answer = turning.shop.admin.patch(&webhook.path, &moved).await.expect(400);
        assert_eq!(answer["error"]["code"], "invalid_body");
        assert_eq!(turning.shop.get(&webhook).await["url"], turning.url("/hook"));
        turning.end().await;
    }
}

#[tokio::test]
async fn a_name_on_a_hop_is_asked_once_and_what_was_vetted_is_connected_to() {
    let turning = Turning::start().await;
    turning.names.set_turns("turns.example", &[&["127.0.0.1"], &["127.0.0.2"]]);
    turning.receiver.script("/hook", [Reply::redirect(307, &turning.url("/next"))]);
    let webhook = turning.shop.webhook(&turning.receiver.url("/hook"), &["order.paid"]).await;
    assert_recorded("good", &turning.attempt(&webhook).await, &succeeded(200, "ok"));
    assert_eq!(turning.names.asked("turns.example"), (1, 1));
    assert_recorded("turned", &turning.attempt(&webhook).await, &failed(REFUSED));
    assert_eq!(turning.names.asked("turns.example"), (2, 2));
    assert_eq!(turning.receiver.received_at("/next").len(), 1);
    turning.end().await;
}

#[tokio::test]
async fn a_name_that_turns_between_two_hops_of_one_attempt_is_refused() {
    for turned in [&["127.0.0.2"][..], &["127.0.0.1", "127.0.0.2"], &["127.0.0.1", "::1"]] {
        let turning = Turning::start().await;
        turning.names.set_turns("turns.example", &[&["127.0.0.1"], &["127.0.0.1"], turned]);
        // To the very origin from where it came: also its connection may not be used any more.
        turning.receiver.script("/hook", [Reply::redirect(308, "/next")]);
        let webhook = turning.shop.webhook(&turning.url("/hook"), &["order.paid"]).await;
        assert_recorded("between", &turning.attempt(&webhook).await, &failed(REFUSED));
        assert_eq!(turning.names.asked("turns.example"), (3, 3));
        let paths: Vec<String> = turning.receiver.received().iter().map(|one| one.path.clone()).collect();
        assert_eq!(paths, ["/hook"]);
        turning.end().await;
    }
}
