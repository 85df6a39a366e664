use http::HeaderValue;

use super::*;

// The example of the Standard Webhooks libraries; the other signature is OpenSSL's for the same data.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx";
const STANDARD_MAC: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const SELLVIK_MAC: &str = "t=1614265330,v1=2e37df5d4a028c51a7f3133d64ae1e300d2c2c900f1b1d49d4369ad2530f8964";

fn example() -> Received {
    let mut headers = HeaderMap::new();
    headers.insert("x-sellvik-signature", HeaderValue::from_static(SELLVIK_MAC));
    headers.insert("webhook-id", HeaderValue::from_static("msg_p5jXN8AQM9LWM0D4loKWxJek"));
    headers.insert("webhook-timestamp", HeaderValue::from_static("1614265330"));
    headers.insert("webhook-signature", HeaderValue::from_static(STANDARD_MAC));
    Received {
        path: "/hook?a=b".to_owned(),
        method: "POST".to_owned(),
        headers,
        body: Bytes::from_static(b"{\"test\": 2432232314}"),
        at: Instant::now(),
        connection: 0,
    }
}

fn with(name: &'static str, value: &str) -> Received {
    let mut received = example();
    received.headers.insert(name, HeaderValue::from_str(value).unwrap());
    received
}

#[test]
fn right_signatures_hold() {
    assert!(example().verify_sellvik(SECRET));
    assert!(example().verify_standard(SECRET));
}

#[test]
fn another_secret_or_body_does_not_hold() {
    assert!(!example().verify_sellvik(OTHER));
    assert!(!example().verify_standard(OTHER));
    let forged = Received { body: Bytes::from_static(b"{}"), ..example() };
    assert!(!forged.verify_sellvik(SECRET));
    assert!(!forged.verify_standard(SECRET));
}

#[test]
fn missing_headers_do_not_hold() {
    let bare = Received { headers: HeaderMap::new(), ..example() };
    assert!(!bare.verify_sellvik(SECRET));
    assert!(!bare.verify_standard(SECRET));
}

#[test]
fn the_sellvik_header_has_one_form() {
    let (time, v1) = SELLVIK_MAC.split_once(',').unwrap();
    let wrong = [
        format!("{v1},{time}"),
        format!("{time}, {v1}"),
        format!("{time},{v1},{v1}"),
        format!("{time},{}", v1.to_uppercase()),
        SELLVIK_MAC.replace("1614265330", "1614265331"),
        SELLVIK_MAC.replace("1614265330", ""),
        String::new(),
    ];
    for value in wrong {
        assert!(!with("x-sellvik-signature", &value).verify_sellvik(SECRET), "{value}");
    }
}

#[test]
fn one_standard_signature_of_several_is_enough() {
    let several = format!("v1,AAAA {STANDARD_MAC} v1a,AAAA");
    assert!(with("webhook-signature", &several).verify_standard(SECRET));
    assert!(!with("webhook-signature", "v1,AAAA").verify_standard(SECRET));
    assert!(!with("webhook-signature", &STANDARD_MAC.replace("v1,", "v2,")).verify_standard(SECRET));
    assert!(!with("webhook-id", "msg_other").verify_standard(SECRET));
    assert!(!with("webhook-timestamp", "1614265331").verify_standard(SECRET));
    assert!(!example().verify_standard(SECRET.trim_start_matches("whsec_")));
}

#[test]
fn a_path_stands_for_all_its_queries() {
    assert!(example().is_at("/hook"));
    assert!(example().is_at("/hook?a=b"));
    assert!(!example().is_at("/hook?a=c"));
    assert!(!example().is_at("/hoo"));
}

#[test]
fn parts_are_read() {
    assert_eq!(example().header("Webhook-Timestamp"), "1614265330");
    assert_eq!(example().json(), serde_json::json!({ "test": 2_432_232_314_u32 }));
}

#[test]
#[should_panic(expected = "no text in the header x-absent")]
fn an_absent_header_is_a_panic() {
    let _ = example().header("x-absent");
}
