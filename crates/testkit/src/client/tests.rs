use serde_json::json;

use super::*;
use crate::{Receiver, Reply};

/// The names and values of the headers as they arrived, by name.
fn headers(received: &crate::Received) -> Vec<(&str, &str)> {
    let mut all: Vec<_> =
        received.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    all.sort_unstable();
    all
}

#[tokio::test]
async fn json_goes_out_with_its_type_and_key() {
    let receiver = Receiver::start().await;
    let client = Client::new(&receiver.url("/api/")).with_bearer("key");
    client.post("/things", &json!({ "a": 1 })).await;
    client.patch("/things", &json!([])).await;
    let host = receiver.addr().to_string();
    let all = receiver.received_at("/api/things");
    assert_eq!((&*all[0].method, &*all[1].method), ("POST", "PATCH"));
    assert_eq!(all[0].json(), json!({ "a": 1 }));
    let (kind, key) = (("content-type", "application/json"), ("authorization", "Bearer key"));
    assert_eq!(headers(&all[0]), [key, ("content-length", "7"), kind, ("host", &host)]);
    assert_eq!(headers(&all[1]), [key, ("content-length", "2"), kind, ("host", &host)]);
}

#[tokio::test]
async fn without_a_body_or_a_key_there_is_only_a_host() {
    let receiver = Receiver::start().await;
    let host = receiver.addr().to_string();
    let client = Client::new(&host);
    client.get("/a?b=c").await;
    client.delete("/a").await;
    let all = receiver.received();
    assert_eq!((&*all[0].method, &*all[0].path), ("GET", "/a?b=c"));
    assert_eq!((&*all[1].method, &*all[1].path), ("DELETE", "/a"));
    assert_eq!(headers(&all[0]), [("host", &*host)]);
    assert_eq!(all[1].headers.get("authorization"), None);
}

#[tokio::test]
async fn headers_are_sent_as_given() {
    let receiver = Receiver::start().await;
    let client = Client::new(&receiver.url("")).with_bearer("unused");
    let given = [("Host", "shop.test"), ("X-Twice", "1"), ("X-Twice", "2"), ("Content-Type", "text/plain")];
    client.send("PUT", "/a", &given, b"\xff\0".to_vec()).await;
    let [one] = &*receiver.received() else { panic!("not one request") };
    assert_eq!(one.body, &b"\xff\0"[..]);
    let expected = [
        ("content-length", "2"),
        ("content-type", "text/plain"),
        ("host", "shop.test"),
        ("x-twice", "1"),
        ("x-twice", "2"),
    ];
    assert_eq!(headers(one), expected);
}

#[tokio::test]
async fn answers_are_returned_whole() {
    let receiver = Receiver::start().await;
    let refused = Reply::status(404).with_header("X-A", "b").with_body(r#"{"error":{"code":"not_found"}}"#);
    let chunked = Reply::status(200)
        .with_header("Transfer-Encoding", "chunked")
        .with_body("1\r\n4\r\n1\r\n2\r\n0\r\n\r\n");
    receiver.script("/a", [refused, chunked, Reply::status(204), Reply::redirect(302, "/b")]);
    let client = Client::new(&receiver.url(""));
    let answer = client.get("/a").await;
    assert_eq!(
        (answer.status, &answer.headers["x-a"], &*answer.code()),
        (404, &"b".parse().unwrap(), "not_found")
    );
    assert_eq!(client.get("/a").await.expect(200), json!(42));
    assert_eq!(client.get("/a").await.expect(204), Value::Null);
    assert_eq!(client.get("/a").await.status, 302);
    assert_eq!(receiver.connections(), 4);
}

#[tokio::test]
#[should_panic(expected = "expected 201, got 418: short and stout")]
async fn another_status_is_a_panic_with_the_body() {
    let receiver = Receiver::start().await;
    receiver.script("/", [Reply::status(418).with_body("short and stout")]);
    Client::new(&receiver.url("")).get("/").await.expect(201);
}

#[tokio::test]
#[should_panic(expected = "GET / at 127.0.0.1")]
async fn no_answer_is_a_panic() {
    let receiver = Receiver::start().await;
    receiver.script("/", [Reply::close()]);
    Client::new(&receiver.url("")).get("/").await;
}

#[tokio::test]
#[should_panic(expected = "tests stay on this machine")]
async fn other_machines_are_out_of_reach() {
    Client::new("http://192.0.2.1:80").get("/").await;
}
