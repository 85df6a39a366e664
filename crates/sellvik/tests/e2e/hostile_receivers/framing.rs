//! Answers that are not what HTTP says an answer is: taken where it lets us, else failed, never guessed.

use serde_json::{Value, json};

use super::{CLOSED, Case, NOT_HTTP, Party, TOO_LARGE, answered, failed, saying, succeeded};

/// All of these say what they say once and close.
fn said(cases: Vec<(&'static str, &'static str, Value)>) -> Vec<Case> {
    cases.into_iter().map(|(what, bytes, expected)| (what, saying(bytes), expected)).collect()
}

#[tokio::test]
async fn status_lines() {
    let cases = said(vec![
        ("words", "hello, who is there?\r\n\r\n", failed(NOT_HTTP)),
        ("mail", "220 mail.example ESMTP\r\n", failed(NOT_HTTP)),
        ("a file", "{\"ok\": true}", failed(NOT_HTTP)),
        ("TLS", "\x15\x03\x03\x00\x02\x02\x16", failed(NOT_HTTP)),
        ("HTTP/2", "\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00", failed(NOT_HTTP)),
        ("an HTTP/2 line", "HTTP/2 200\r\n\r\n", failed(NOT_HTTP)),
        ("another version", "HTTP/1.2 200 OK\r\n\r\n", failed(NOT_HTTP)),
        ("another protocol", "ICY 200 OK\r\n\r\n", failed(NOT_HTTP)),
        ("no number", "HTTP/1.1 OK\r\n\r\n", failed(NOT_HTTP)),
        ("a letter O", "HTTP/1.1 2OO OK\r\n\r\n", failed(NOT_HTTP)),
        ("below zero", "HTTP/1.1 -200 OK\r\n\r\n", failed(NOT_HTTP)),
        ("two digits", "HTTP/1.1 20 OK\r\n\r\n", failed(NOT_HTTP)),
        ("four digits", "HTTP/1.1 2000 OK\r\n\r\n", failed(NOT_HTTP)),
        ("zero", "HTTP/1.1 000 OK\r\n\r\n", failed(NOT_HTTP)),
        ("a NUL", "HTTP/1.1 200 O\x00K\r\n\r\n", failed(NOT_HTTP)),
        ("a body alone", "\r\n\r\nfine", failed(NOT_HTTP)),
        ("nothing but lines", "\r\n\r\n\r\n", failed(CLOSED)),
        ("no reason", "HTTP/1.1 200\r\n\r\nfine", succeeded(200, "fine")),
        ("bare line feeds", "HTTP/1.1 200 OK\nX: y\n\nfine", succeeded(200, "fine")),
        ("HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nfine", succeeded(200, "fine")),
        ("an empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\nfine", succeeded(200, "fine")),
        ("a status nobody knows", "HTTP/1.1 999 What\r\n\r\nwhat", answered(999, "what")),
        ("another", "HTTP/1.1 299 Yes\r\n\r\nfine", succeeded(299, "fine")),
    ]);
    Party::of(&[], cases).await.take_place(json!({})).await;
}

#[tokio::test]
async fn header_fields() {
    let cases = said(vec![
        ("a NUL in a value", "HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n", failed(NOT_HTTP)),
        ("a NUL in a name", "HTTP/1.1 200 OK\r\nX\x00Y: a\r\n\r\n", failed(NOT_HTTP)),
        ("no colon", "HTTP/1.1 200 OK\r\nnothing here\r\n\r\n", failed(NOT_HTTP)),
        ("no name", "HTTP/1.1 200 OK\r\n: nobody\r\n\r\n", failed(NOT_HTTP)),
        ("a bare return", "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", failed(NOT_HTTP)),
        ("bytes beyond ASCII", "HTTP/1.1 200 OK\r\nX: \u{15f}\r\n\r\nfine", succeeded(200, "fine")),
        ("an empty value", "HTTP/1.1 200 OK\r\nX:\r\n\r\nfine", succeeded(200, "fine")),
        // RFC 9112 §5.2: whoever receives one reads it as spaces.
        (
            "a folded value",
            "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\tc\r\nContent-Length: 4\r\n\r\nfine",
            succeeded(200, "fine"),
        ),
        (
            "a folded Location",
            "HTTP/1.1 307 Go\r\nLocation:\r\n ftp://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
            json!({"status": "failed", "lastResponseCode": 307, "lastResponseBody": "", "lastError":
                "the redirect cannot be followed: the Location is neither https nor http"}),
        ),
    ]);
    Party::of(&[], cases).await.take_place(json!({})).await;
}

#[tokio::test]
async fn lengths() {
    let cases = said(vec![
        ("too long", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfine", succeeded(200, "fine")),
        ("too short", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nfine", succeeded(200, "fi")),
        (
            "two that agree",
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nfine",
            succeeded(200, "fine"),
        ),
        (
            "two that do not",
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 2\r\n\r\nfine",
            failed(NOT_HTTP),
        ),
        ("two in one", "HTTP/1.1 200 OK\r\nContent-Length: 4, 2\r\n\r\nfine", failed(NOT_HTTP)),
        ("no number", "HTTP/1.1 200 OK\r\nContent-Length: four\r\n\r\nfine", failed(NOT_HTTP)),
        ("below zero", "HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nfine", failed(NOT_HTTP)),
        ("a sign", "HTTP/1.1 200 OK\r\nContent-Length: +4\r\n\r\nfine", failed(NOT_HTTP)),
        (
            "beyond all numbers",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nfine",
            failed(NOT_HTTP),
        ),
        (
            "none where there is no body",
            "HTTP/1.1 204 None\r\nContent-Length: 4\r\n\r\nfine",
            succeeded(204, ""),
        ),
        (
            "beside chunks, which count",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n",
            succeeded(200, "fine"),
        ),
    ]);
    Party::of(&[], cases).await.take_place(json!({})).await;
}

#[tokio::test]
async fn chunks() {
    let cases = [
        ("no number", "4\r\nhalf\r\nxyz\r\n", "half"),
        ("below zero", "4\r\nhalf\r\n-1\r\n", "half"),
        ("no size", "4\r\nhalf\r\n\r\nhalf", "half"),
        ("beyond all numbers", "4\r\nhalf\r\nFFFFFFFFFFFFFFFFFFFF\r\n", "half"),
        ("more than was said", "4\r\nhalf more\r\n0\r\n\r\n", "half"),
        ("less than was said", "9\r\nhalf\r\n0\r\n\r\n", "half\r\n0\r\n"),
        ("no last one", "4\r\nhalf\r\n", "half"),
        ("none at all", "fine", ""),
        ("a NUL", "4\r\nhalf\r\n\0", "half"),
    ];
    let framed = |(what, body, kept): (&'static str, &str, &str)| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        (what, saying(format!("{head}{body}")), succeeded(200, kept))
    };
    Party::of(&[], cases.into_iter().map(framed).collect()).await.take_place(json!({})).await;
}

#[tokio::test]
async fn a_retry_after_of_absurd_digits_is_a_wait_that_never_ends() {
    let with_digits = |status: &str, many: usize| {
        format!("HTTP/1.1 {status}\r\nRetry-After: {}\r\nContent-Length: 0\r\n\r\n", "9".repeat(many))
    };
    let dropped = |code: u16| {
        json!({"status": "dropped", "dropReason": "retry_after_too_late", "lastResponseCode": code,
               "lastResponseBody": "", "lastError": format!("the endpoint answered {code}")})
    };
    let cases = vec![
        ("20 digits", saying(with_digits("503 Later", 20)), dropped(503)),
        ("39 digits", saying(with_digits("429 Later", 39)), dropped(429)),
        ("12000 digits", saying(with_digits("503 Later", 12_000)), dropped(503)),
        ("a million digits", saying(with_digits("503 Later", 1_000_000)), failed(TOO_LARGE)),
        ("beside a 200", saying(with_digits("200 OK", 39)), succeeded(200, "")),
        ("beside a 404", saying(with_digits("404 No", 39)), answered(404, "")),
    ];
    Party::of(&[], cases).await.take_place(json!({})).await;
}
