//! One address, two doors: the panel for people, the API for everything else.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use tower::ServiceExt as _;

/// Leads each request to its door.
#[derive(Clone)]
pub(crate) struct Doors {
    pub(crate) api: Router,
    pub(crate) panel: Router,
}

impl Doors {
    /// Answers a request.
    pub(crate) async fn answer(self, mut request: Request<Body>) -> Result<Response, Infallible> {
        if sellvik_panel::serves(request.uri().path()) {
            return self.panel.oneshot(request).await;
        }
        sellvik_api::lengthen(request.uri_mut());
        self.api.oneshot(request).await
    }
}
