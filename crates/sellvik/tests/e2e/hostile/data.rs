//! Data that is JSON by the letter and odd in every other way: refused whole, or delivered byte for byte.

use sellvik_testkit::Receiver;
use serde_json::json;

use crate::checks::{EVENTS, send};
use crate::harness::{Server, Shop, Webhook, eventually};

/// Nested far deeper than any reader goes.
const DEPTH: usize = 100_000;

/// What is published as `data`, and whether it is taken.
fn odd() -> Vec<(String, bool)> {
    let nested = |open: &str, close: &str| [open.repeat(DEPTH), close.repeat(DEPTH)].concat();
    let digits = "9".repeat(100_000);
    let mut all: Vec<(String, bool)> = [
        (r#"{"a":1,"a":[2],"a":{"a":3}}"#, true),
        (r#"{ "a" :	[ 1 , -0 , 1.0 , 1e2 , 1E-2 ] }"#, true),
        (r#"{"":"","\u0000":"\u0000","__proto__":{"constructor":1}}"#, true),
        (r#"{"a":"\u000d\u000aX-Evil: 1\u2028</script>\ud83d\ude00"}"#, true),
        (r#"{"a":18446744073709551616,"b":-9223372036854775809,"c":0.1e-300}"#, true),
        (r#"{"a":"\ud800"}"#, false),
        (r#"{"a":"\udc00\ud800"}"#, false),
        (r#"{"\ud800":1}"#, false),
        (r#"{"a":1e400}"#, false),
        (r#"{"a":[-1e400]}"#, false),
    ]
    .map(|(data, taken)| (data.to_owned(), taken))
    .to_vec();
    all.extend([
        (format!("{{\"a\":\"{}\"}}", "x".repeat(250_000)), true),
        (format!("{{\"{}\":1}}", "k".repeat(250_000)), true),
        (format!("{{\"a\":[{}0]}}", "0,".repeat(120_000)), true),
        (format!("{{\"a\":{}}}", nested("[", "]")), false),
        (format!("{{\"a\":{}}}", "{\"a\":".repeat(20_000) + "1" + &"}".repeat(20_000)), false),
        (format!("{{\"a\":{digits}}}"), false),
        (format!("{{\"a\":0.{digits}}}"), true),
    ]);
    all
}

fn event(shop: &Shop, id: &str, data: &str) -> String {
    format!(r#"{{"shop":"{}","type":"order.cancelled","id":"{id}","data":{data}}}"#, shop.id)
}

/// Waits for the event at the receiver; whether its body has this data as it was sent.
async fn arrived(receiver: &Receiver, id: &str, data: &str) {
    let body = eventually(id, async || {
        let all = receiver.received_at("/hook");
        all.iter()
            .find(|one| one.header("webhook-id") == id)
            .map(|one| one.body.clone())
            .ok_or(json!(all.len()))
    })
    .await;
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert!(body.contains(&format!("\"data\":{data}")), "{id}: {}", &data[..data.len().min(100)]);
}

async fn scene() -> (Server, Receiver, Shop, Webhook, String) {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let shop = server.shop().await;
    let webhook = shop.webhook(&receiver.url("/hook"), &["order.cancelled"]).await;
    let key = server.platform_key().to_owned();
    (server, receiver, shop, webhook, key)
}

#[tokio::test]
async fn odd_data_is_refused_as_a_problem_of_data_or_delivered_byte_for_byte() {
    let (server, receiver, shop, webhook, key) = scene().await;
    for (n, (data, taken)) in odd().iter().enumerate() {
        let (id, told) = (format!("evt_{n}"), &data[..data.len().min(100)]);
        let body = event(&shop, &id, data);
        let answer = send(&server.anonymous, &key, "POST", EVENTS, None, body.as_bytes()).await;
        if *taken {
            assert_eq!(answer.status, 202, "{told}: {}", answer.json());
            arrived(&receiver, &id, data).await;
        } else {
            assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_body"), "{told}");
            assert!(answer.body.len() < 1_000, "{told}");
        }
    }
    let taken = odd().iter().filter(|(_, taken)| *taken).count();
    assert_eq!(shop.deliveries(&webhook).await.len(), taken);
    for delivery in shop.deliveries(&webhook).await {
        shop.delivery(&webhook, delivery["id"].as_str().unwrap()).await;
    }
}

#[tokio::test]
async fn odd_data_in_a_batch_does_not_sink_its_neighbours() {
    let (server, receiver, shop, _, key) = scene().await;
    for (n, (data, taken)) in odd().iter().enumerate() {
        let ids = ["a", "b", "c"].map(|one| format!("evt_{n}{one}"));
        let events = [event(&shop, &ids[0], "{}"), event(&shop, &ids[1], data), event(&shop, &ids[2], "{}")];
        let body = format!("{{\"events\":[{}]}}", events.join(","));
        let path = format!("{EVENTS}/batch");
        let answer = send(&server.anonymous, &key, "POST", &path, None, body.as_bytes()).await;
        let results = answer.expect(202)["results"].clone();
        let told = &data[..data.len().min(100)];
        assert_eq!(results[1]["error"].is_null(), *taken, "{told}: {results}");
        for (id, data) in [(&ids[0], "{}"), (&ids[2], "{}")] {
            arrived(&receiver, id, data).await;
        }
        if *taken {
            arrived(&receiver, &ids[1], data).await;
        }
    }
}
