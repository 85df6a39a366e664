//! Reading JSON bodies: every problem becomes a row, and all rows are reported at once.

use std::collections::BTreeMap;

use sellvik_domain::{Issue, Name, Patch, Timestamp};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::{ActionError, Result};

/// Issues reported at most: enough to mend a body by, bounded whatever is sent.
const ISSUES_MAX: usize = 100;

/// The members of a JSON object, and what is wrong with them so far.
pub(crate) struct Body<'a> {
    fields: BTreeMap<String, &'a RawValue>,
    issues: Vec<Issue>,
}

impl<'a> Body<'a> {
    /// Reads an object; unknown members are ignored later, by nobody asking for them.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self> {
        let fields = serde_json::from_slice(bytes).map_err(|error| {
            let message = match error.classify() {
                serde_json::error::Category::Data => "must be a JSON object".to_owned(),
                _ if bytes.is_empty() => "must be a JSON object, but the body is empty".to_owned(),
                _ => format!("is not JSON: line {} column {}", error.line(), error.column()),
            };
            ActionError::InvalidBody(vec![Issue::body(message)])
        })?;
        Ok(Self { fields, issues: Vec::new() })
    }

    /// Reports a problem.
    pub(crate) fn reject(&mut self, issue: Issue) {
        if self.issues.len() < ISSUES_MAX {
            self.issues.push(issue);
        }
    }

    /// Whether nothing was reported so far.
    pub(crate) fn is_clean(&self) -> bool {
        self.issues.is_empty()
    }

    /// Ends the reading: everything reported, or what was read.
    pub(crate) fn finish<T>(self, read: Option<T>) -> Result<T> {
        match read {
            Some(read) if self.issues.is_empty() => Ok(read),
            _ => Err(ActionError::InvalidBody(self.issues)),
        }
    }

    /// Whether the member is there at all.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    /// The member as it was sent.
    pub(crate) fn raw(&self, field: &str) -> Option<&'a RawValue> {
        self.fields.get(field).copied()
    }

    /// Reports that a required member is missing.
    pub(crate) fn missing(&mut self, field: &str) {
        self.reject(Issue::field(field, "is required"));
    }

    /// The member as a value; none if absent or beyond reading.
    pub(crate) fn value(&mut self, field: &str) -> Option<Value> {
        let raw = self.raw(field)?;
        let value = serde_json::from_str(raw.get()).ok();
        if value.is_none() {
            self.reject(Issue::field(field, "is nested too deeply or holds a number out of range"));
        }
        value
    }

    /// A string member; an absent one is none, another type a problem.
    pub(crate) fn string(&mut self, field: &str) -> Option<String> {
        if let Value::String(text) = self.value(field)? {
            return Some(text);
        }
        self.reject(Issue::field(field, "must be a string"));
        None
    }

    /// A string member that `parse` must take.
    pub(crate) fn parsed<T>(
        &mut self,
        field: &str,
        parse: impl FnOnce(&str) -> std::result::Result<T, &'static str>,
    ) -> Option<T> {
        let text = self.string(field)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(message) => {
                self.reject(Issue::field(field, message));
                None
            }
        }
    }

    /// As [`Body::parsed`], and its absence is a problem too.
    pub(crate) fn required<T>(
        &mut self,
        field: &str,
        parse: impl FnOnce(&str) -> std::result::Result<T, &'static str>,
    ) -> Option<T> {
        if !self.has(field) {
            self.missing(field);
        }
        self.parsed(field, parse)
    }

    /// A boolean member.
    pub(crate) fn boolean(&mut self, field: &str) -> Option<bool> {
        let value = self.value(field)?.as_bool();
        if value.is_none() {
            self.reject(Issue::field(field, "must be true or false"));
        }
        value
    }

    /// A whole number within bounds.
    pub(crate) fn integer(&mut self, field: &str, least: u64, most: u64) -> Option<u64> {
        let value = self.value(field)?;
        // JSON has one kind of number: 60.0 is as whole as 60, and -0 is 0.
        let whole = |number: f64| (number + 0.0).to_string().parse().ok();
        let number = value.as_u64().or_else(|| value.as_f64().and_then(whole));
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.reject(Issue::field(field, format!("must be a whole number from {least} to {most}")));
        }
        number
    }

    /// A moment.
    pub(crate) fn moment(&mut self, field: &str) -> Option<Timestamp> {
        self.parsed(field, |text| {
            Timestamp::parse(text).ok_or("must be an RFC 3339 date and time such as 2026-05-27T13:45:00.000Z")
        })
    }

    /// A nullable name.
    pub(crate) fn name(&mut self) -> Patch<Name> {
        match self.value("name") {
            None => Patch::Leave,
            Some(Value::Null) => Patch::Clear,
            Some(Value::String(text)) => match Name::parse(&text) {
                Ok(name) => Patch::Set(name),
                Err(message) => {
                    self.reject(Issue::field("name", message));
                    Patch::Leave
                }
            },
            Some(_) => {
                self.reject(Issue::field("name", "must be a string or null"));
                Patch::Leave
            }
        }
    }

    /// A non-empty array of strings, each of which `parse` must take; duplicates are folded.
    pub(crate) fn set<T: PartialEq>(
        &mut self,
        field: &str,
        parse: impl Fn(&str) -> std::result::Result<T, String>,
    ) -> Option<Vec<T>> {
        let Value::Array(elements) = self.value(field)? else {
            self.reject(Issue::field(field, "must be an array of strings"));
            return None;
        };
        if elements.is_empty() {
            self.reject(Issue::field(field, "must not be empty"));
        }
        let mut set = Vec::new();
        for (index, element) in elements.iter().enumerate() {
            match element.as_str().ok_or_else(|| "must be a string".to_owned()).and_then(&parse) {
                Ok(value) if set.contains(&value) => {}
                Ok(value) => set.push(value),
                Err(message) => self.reject(Issue::element(field, index, message)),
            }
        }
        Some(set)
    }
}

/// A caller's word inside a message: short, so that an answer does not echo what was sent at length, and
/// left out if it may be a key or a secret put in the wrong place.
pub(crate) fn quoted(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    /// Fewer than any key or secret has in a row, more than a word of a name.
    const RUN_MAX: usize = 31;
    let of_a_key = |c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c);
    if text.split(|c| !of_a_key(c)).any(|run| run.len() > RUN_MAX) {
        return "\"…\"".to_owned();
    }
    let mut cut: String = text.chars().take(CHARS_MAX).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    format!("{cut:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_may_be_a_key_is_not_quoted() {
        assert_eq!(quoted("order.creatd"), "\"order.creatd\"");
        assert_eq!(quoted("webhooks:reed"), "\"webhooks:reed\"");
        let random = "q7+2".repeat(10);
        for key in [format!("whsec_{random}="), format!("see sk_live_0a1b2c_{random}."), random] {
            assert_eq!(quoted(&key), "\"…\"");
        }
    }

    fn issues(bytes: &[u8]) -> Vec<Issue> {
        match Body::parse(bytes) {
            Err(ActionError::InvalidBody(issues)) => issues,
            _ => Vec::new(),
        }
    }

    #[test]
    fn only_an_object_is_a_body() {
        for bad in
            [&b""[..], b"[]", b"null", b"\"x\"", b"{", b"{\"a\":}", b"\xff", b"{\"a\":\"\xff\"}", b"{} {}"]
        {
            let issues = issues(bad);
            assert_eq!(issues.len(), 1, "{bad:?}");
            assert!(issues[0].path.is_empty());
        }
        assert!(Body::parse(b" {\"a\": 1, \"unknown\": [[]]} ").is_ok());
    }

    #[test]
    fn deep_and_huge_values_are_problems_of_their_field() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
        for text in [deep.as_str(), "{\"a\":1e999}"] {
            let Ok(mut body) = Body::parse(text.as_bytes()) else { panic!("{text}") };
            assert!(body.value("a").is_none() && !body.is_clean());
        }
    }
}
