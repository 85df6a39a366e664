//! What a form sent: read within bounds, and only if it was one of ours.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::http::HeaderMap;
use axum::http::header::ORIGIN;
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Value, json};

use crate::refusal::Refusal;
use crate::visit::{CSRF_FIELD, Visit};
use crate::{Front, PanelParts};

/// A form's body, in bytes: all event types of a large catalogue, a URL and a name.
const FORM_BYTES_MAX: usize = 128 << 10;

/// How long a form may take to arrive.
const FORM_TIME_MAX: Duration = Duration::from_secs(30);

/// A form that one of this session's own pages sent. There is no other way to a form's fields, so no
/// handler can forget to ask.
pub(crate) struct Posted {
    pub(crate) visit: Visit,
    pub(crate) fields: Fields,
}

/// A form's fields in the order sent.
#[derive(Debug, Default, Clone)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    #[cfg(test)]
    pub(crate) fn of(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    /// The field, empty if it is not there.
    pub(crate) fn one(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    /// Every value of a field that may be sent several times.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// As JSON: the text, or null where it is empty.
    pub(crate) fn text_or_null(&self, name: &str) -> Value {
        match self.one(name).trim() {
            "" => Value::Null,
            text => json!(text),
        }
    }
}

impl FromRequest<PanelParts> for Posted {
    type Rejection = Refusal;

    async fn from_request(request: Request, panel: &PanelParts) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let visit = Visit::from_request_parts(&mut parts, panel).await?;
        if !comes_from(&parts.headers, &panel.front) {
            return Err(Refusal::not_ours());
        }
        let fields = read(body).await?;
        if !visit.is_ours(fields.one(CSRF_FIELD)) {
            return Err(Refusal::not_ours());
        }
        Ok(Self { visit, fields })
    }
}

/// Browsers name the page's origin with every POST.
fn comes_from(headers: &HeaderMap, front: &Front) -> bool {
    headers.get(ORIGIN).is_none_or(|origin| origin.as_bytes() == front.origin.as_bytes())
}

async fn read(body: Body) -> Result<Fields, Refusal> {
    let whole = tokio::time::timeout(FORM_TIME_MAX, Limited::new(body, FORM_BYTES_MAX).collect());
    let bytes = whole.await.ok().and_then(Result::ok).ok_or_else(Refusal::too_large)?.to_bytes();
    Ok(Fields(url::form_urlencoded::parse(&bytes).into_owned().collect()))
}
