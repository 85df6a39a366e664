//! Pages: `limit`, `cursor`, and walking on (CONTRACT §2).

use sellvik_domain::Issue;

use crate::Actions;
use crate::error::{ActionError, Result};

/// Items to a page unless asked otherwise.
const LIMIT_DEFAULT: u32 = 50;

/// Items to a page at most.
const LIMIT_MAX: u32 = 100;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// The way to the next page; none on the last.
    pub next_cursor: Option<String>,
}

/// What a query asks of a list.
pub(crate) struct Asked {
    /// Items wanted.
    pub(crate) limit: u32,
    /// Where the page before ended.
    pub(crate) position: Option<Vec<u8>>,
    list: String,
}

/// The parameters of a query string; of one given twice, the last.
pub(crate) fn parameter(query: &str, name: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes())
        .filter(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
        .last()
}

impl Actions {
    /// Reads `limit` and `cursor` of a query to the list that `list` names, with its shop and filter.
    /// `issues` are what else is wrong with the query.
    pub(crate) fn asked(&self, query: &str, list: String, mut issues: Vec<Issue>) -> Result<Asked> {
        let limit = match parameter(query, "limit") {
            None => LIMIT_DEFAULT,
            Some(text) => {
                let digits = matches!(text.len(), 1..=9) && text.bytes().all(|b| b.is_ascii_digit());
                let limit = digits.then(|| text.parse().ok()).flatten();
                limit.filter(|limit| (1..=LIMIT_MAX).contains(limit)).unwrap_or_else(|| {
                    issues.push(Issue::field("limit", "must be a whole number from 1 to 100"));
                    LIMIT_DEFAULT
                })
            }
        };
        let cursor = parameter(query, "cursor").filter(|cursor| !cursor.is_empty());
        let position = cursor.and_then(|cursor| {
            let position = self.cursors.open(&list, &cursor);
            if position.is_none() {
                let message = "must be a nextCursor of this list, asked with the same filter";
                issues.push(Issue::field("cursor", message));
            }
            position
        });
        if issues.is_empty() {
            Ok(Asked { limit, position, list })
        } else {
            Err(ActionError::InvalidQuery(issues))
        }
    }

    /// Makes a page of up to `limit + 1` items read, the last of which only says that there are more.
    pub(crate) fn page<T>(
        &self,
        asked: &Asked,
        mut items: Vec<T>,
        position: impl Fn(&T) -> Vec<u8>,
    ) -> Page<T> {
        let more = items.len() > asked.limit as usize;
        items.truncate(asked.limit as usize);
        let next_cursor = items.last().filter(|_| more).map(|last| self.cursor(asked, &position(last)));
        Page { items, next_cursor }
    }

    /// The way on behind a position of the list that was asked for.
    pub(crate) fn cursor(&self, asked: &Asked, position: &[u8]) -> String {
        self.cursors.seal(&asked.list, position)
    }
}

impl Asked {
    /// How many to read: one more than is shown.
    pub(crate) fn to_read(&self) -> u32 {
        self.limit + 1
    }

    /// The position as the 16 bytes of an id.
    pub(crate) fn id(&self) -> Option<[u8; 16]> {
        self.position.as_deref().and_then(|position| position.try_into().ok())
    }
}
