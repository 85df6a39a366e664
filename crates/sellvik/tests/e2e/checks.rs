//! What many tests ask of an answer.

use sellvik_testkit::{Answer, Client};
use serde_json::Value;

pub const WEBHOOKS: &str = "/api/v1/admin/webhooks";
pub const SHOPS: &str = "/api/v1/platform/shops";
pub const EVENTS: &str = "/api/v1/platform/events";

/// Ids that nothing has.
pub const NO_WEBHOOK: &str = "wh_00000000000070008000000000000000";
pub const NO_DELIVERY: &str = "del_00000000000070008000000000000000";
pub const NO_JOB: &str = "job_00000000000070008000000000000000";

/// The names of an object's members, sorted.
pub fn members(object: &Value) -> Vec<&str> {
    let mut names: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// The `error` of an answer that must be this refusal, in the envelope all refusals share.
#[track_caller]
pub fn refused(answer: &Answer, status: u16, code: &str) -> Value {
    let text = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, status, "{text}");
    assert_eq!(answer.headers["content-type"], "application/json", "{text}");
    let mut body = answer.json();
    assert_eq!(members(&body), ["error"]);
    let error = body["error"].take();
    assert_eq!(error["code"], code, "{text}");
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{text}");
    error
}

/// The paths of the problems of a body or query, sorted by their text.
#[track_caller]
pub fn paths(error: &Value) -> Vec<String> {
    let issues = error["issues"].as_array().unwrap();
    let mut paths: Vec<_> = issues
        .iter()
        .map(|issue| {
            assert_eq!(members(issue), ["message", "path"]);
            assert!(issue["message"].as_str().is_some_and(|message| !message.is_empty()));
            issue["path"].to_string()
        })
        .collect();
    paths.sort();
    paths
}

/// Refused as a body with problems at exactly these paths, each as JSON text.
#[track_caller]
pub fn bad_body(answer: &Answer, at: &[&str]) {
    let error = refused(answer, 400, "invalid_body");
    assert_eq!(members(&error), ["code", "issues", "message"]);
    assert_eq!(paths(&error), at, "{error}");
}

/// Refused as a query with problems at exactly these paths, each as JSON text.
#[track_caller]
pub fn bad_query(answer: &Answer, at: &[&str]) {
    let error = refused(answer, 400, "invalid_query");
    assert_eq!(members(&error), ["code", "issues", "message"]);
    assert_eq!(paths(&error), at, "{error}");
}

/// A POST or PATCH whose body and headers are the test's own, with this key.
pub async fn send(
    client: &Client,
    key: &str,
    method: &str,
    path: &str,
    kind: Option<&str>,
    body: &[u8],
) -> Answer {
    let bearer = format!("Bearer {key}");
    let mut headers = vec![("Authorization", bearer.as_str())];
    headers.extend(kind.map(|kind| ("Content-Type", kind)));
    client.send(method, path, &headers, body.to_vec()).await
}

/// The ids of a page's items.
pub fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}
