//! The one stylesheet and the one script, part of the program.

use std::sync::LazyLock;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;

const STYLE: &str = concat!(
    include_str!("../assets/base.css"),
    include_str!("../assets/form.css"),
    include_str!("../assets/history.css")
);
const SCRIPT: &str = concat!(
    include_str!("../assets/base.js"),
    include_str!("../assets/form.js"),
    include_str!("../assets/history.js")
);

/// Their addresses change with their contents, so that browsers may keep them for ever.
static STYLE_PATH: LazyLock<String> = LazyLock::new(|| address(STYLE, "css"));
static SCRIPT_PATH: LazyLock<String> = LazyLock::new(|| address(SCRIPT, "js"));

pub(crate) fn style_path() -> &'static str {
    &STYLE_PATH
}

pub(crate) fn script_path() -> &'static str {
    &SCRIPT_PATH
}

/// Where browsers find them.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route(style_path(), get(|| async { asset("text/css; charset=utf-8", STYLE) }))
        .route(script_path(), get(|| async { asset("text/javascript; charset=utf-8", SCRIPT) }))
}

fn address(content: &str, extension: &str) -> String {
    let hash = digest::digest(&digest::SHA256, content.as_bytes());
    format!("/panel-assets/{}.{extension}", &URL_SAFE_NO_PAD.encode(hash)[..12])
}

fn asset(kind: &'static str, content: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, content).into_response()
}
