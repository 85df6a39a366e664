//! What is wrong with a body, one row a problem (CONTRACT §2 `issues`).

use serde::Serialize;

/// One step into a JSON document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PathPart {
    /// A member of an object.
    Key(String),
    /// An element of an array.
    Index(usize),
}

impl From<&str> for PathPart {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for PathPart {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// One problem of a body: where it is and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// From the root of the body to the offending value; empty for the body itself.
    pub path: Vec<PathPart>,
    /// A sentence for the caller's developer.
    pub message: String,
}

impl Issue {
    /// A problem with the top-level field `field`.
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        Self { path: vec![field.into()], message: message.into() }
    }

    /// A problem with element `index` of the top-level array `field`.
    pub fn element(field: &str, index: usize, message: impl Into<String>) -> Self {
        Self { path: vec![field.into(), index.into()], message: message.into() }
    }

    /// A problem with the body as a whole.
    pub fn body(message: impl Into<String>) -> Self {
        Self { path: Vec::new(), message: message.into() }
    }

    /// The same problem seen from one level further out.
    #[must_use]
    pub fn under(mut self, outer: impl Into<PathPart>) -> Self {
        self.path.insert(0, outer.into());
        self
    }
}
