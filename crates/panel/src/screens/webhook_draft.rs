//! What the form of a webhook holds while it is filled in: from the fields a browser sent to the body that
//! the actions read, and back with what they say is wrong.

use axum::http::StatusCode;
use sellvik_actions::{ActionError, CatalogEntry};
use sellvik_domain::{EventType, Issue, Name, PathPart, Webhook};
use serde_json::{Value, json};

use crate::form::Fields;
use crate::refusal::Refusal;

/// Longest search that is taken up, in characters: a line.
const SEARCH_CHARS_MAX: usize = 100;

/// An event that may be chosen.
#[derive(Clone, Copy)]
pub(crate) struct Event<'a> {
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
    pub(crate) family: &'a str,
    pub(crate) example: &'a Value,
}

impl<'a> From<&'a CatalogEntry> for Event<'a> {
    fn from(entry: &'a CatalogEntry) -> Self {
        Self {
            name: entry.name(),
            description: entry.description(),
            family: entry.family(),
            example: entry.example(),
        }
    }
}

impl Event<'_> {
    /// Whether it has every word of a search in its name, its sentence or its family.
    pub(crate) fn matches(&self, search: &str) -> bool {
        let text = format!("{} {} {}", self.name, self.description, self.family).to_lowercase();
        search.to_lowercase().split_whitespace().all(|word| text.contains(word))
    }
}

/// A webhook's form.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) url: String,
    pub(crate) name: String,
    pub(crate) search: String,
    /// The names of the chosen events, each once.
    pub(crate) chosen: Vec<String>,
    pub(crate) problems: Problems,
}

/// What a merchant wants done with the form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Save,
    /// Shown again, with everything kept.
    Again,
}

impl Draft {
    /// A webhook as it stands.
    pub(crate) fn of(webhook: &Webhook) -> Self {
        Self {
            url: webhook.url.as_sent().to_owned(),
            name: webhook.name.as_ref().map_or("", Name::as_str).to_owned(),
            chosen: webhook.events.iter().map(|event| event.as_str().to_owned()).collect(),
            ..Self::default()
        }
    }

    /// What a browser sent, after the step that its button stands for.
    pub(crate) fn sent(fields: &Fields, catalogue: &[Event<'_>]) -> (Self, Step) {
        let mut draft = Self {
            url: fields.one("url").to_owned(),
            name: fields.one("name").to_owned(),
            search: fields.one("search").trim().chars().take(SEARCH_CHARS_MAX).collect(),
            ..Self::default()
        };
        for event in fields.all("events") {
            draft.choose(event);
        }
        let step = match fields.one("step").split_once(':') {
            None => draft.plain_step(fields.one("step"), fields.one("searched")),
            Some((what, family)) => {
                let shown = |event: &&Event<'_>| event.family == family && event.matches(&draft.search);
                let of_family: Vec<&str> = catalogue.iter().filter(shown).map(|event| event.name).collect();
                match what {
                    "all" => of_family.into_iter().for_each(|event| draft.choose(event)),
                    "none" => draft.chosen.retain(|event| !of_family.contains(&event.as_str())),
                    _ => {}
                }
                Step::Again
            }
        };
        (draft, step)
    }

    fn plain_step(&mut self, step: &str, searched: &str) -> Step {
        match step {
            "" | "save" => Step::Save,
            // The Enter key: it searches if something was typed there since, and saves otherwise.
            "enter" if self.search == searched.trim() => Step::Save,
            "clear" => {
                self.search.clear();
                Step::Again
            }
            _ => Step::Again,
        }
    }

    fn choose(&mut self, event: &str) {
        if !self.has(event) {
            self.chosen.push(event.to_owned());
        }
    }

    /// Whether the event is chosen.
    pub(crate) fn has(&self, event: &str) -> bool {
        self.chosen.iter().any(|chosen| chosen == event)
    }

    /// The chosen ones that the catalogue does not have (any more).
    pub(crate) fn strangers<'a>(&'a self, catalogue: &[Event<'_>]) -> Vec<&'a str> {
        let known = |name: &str| catalogue.iter().any(|event| event.name == name);
        self.chosen.iter().map(String::as_str).filter(|name| !known(name)).collect()
    }

    /// The body that registers it.
    pub(crate) fn to_create(&self) -> Vec<u8> {
        json!({"url": self.url.trim(), "name": self.name_or_null(), "events": self.chosen})
            .to_string()
            .into_bytes()
    }

    /// The body that changes `webhook`. Its events keep their order. An address or events that are as before
    /// are left out: what was right when it was set is in nobody's way who only wants another name.
    pub(crate) fn to_update(&self, webhook: &Webhook) -> Vec<u8> {
        let mut body = json!({"name": self.name_or_null()});
        if self.url.trim() != webhook.url.as_sent() {
            body["url"] = json!(self.url.trim());
        }
        let before: Vec<&str> = webhook.events.iter().map(EventType::as_str).collect();
        let kept = before.iter().copied().filter(|event| self.has(event));
        let added = self.chosen.iter().map(String::as_str).filter(|event| !before.contains(event));
        let events: Vec<&str> = kept.chain(added).collect();
        if events != before {
            body["events"] = json!(events);
        }
        body.to_string().into_bytes()
    }

    fn name_or_null(&self) -> Value {
        match self.name.trim() {
            "" => Value::Null,
            name => json!(name),
        }
    }
}

/// What is wrong with a form, each problem at its field.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Problems {
    /// With none of the fields.
    pub(crate) form: Vec<String>,
    pub(crate) url: Vec<String>,
    pub(crate) name: Vec<String>,
    pub(crate) events: Vec<String>,
}

impl Problems {
    /// What an action refused the form for, and the status to say so with; anything that is not about the
    /// form is a page of its own.
    pub(crate) fn of(error: ActionError) -> Result<(StatusCode, Self), Refusal> {
        let mut problems = Self::default();
        let status = match error {
            ActionError::InvalidBody(issues) => {
                for issue in issues {
                    problems.add(issue);
                }
                StatusCode::BAD_REQUEST
            }
            ActionError::HttpUrlRejected => {
                problems.url.push("must use https; http:// is only for dev shops".to_owned());
                StatusCode::BAD_REQUEST
            }
            ActionError::DuplicateEndpoint => {
                problems.url.push("another webhook of your shop sends to this address already".to_owned());
                StatusCode::UNPROCESSABLE_ENTITY
            }
            ActionError::WebhookLimit { limit } => {
                problems.form.push(format!(
                    "your shop has all of the {limit} webhooks it may have; delete one you no longer need"
                ));
                StatusCode::UNPROCESSABLE_ENTITY
            }
            other => return Err(other.into()),
        };
        Ok((status, problems))
    }

    fn add(&mut self, Issue { path, message }: Issue) {
        let field = match path.first() {
            Some(PathPart::Key(field)) => field.as_str(),
            _ => "",
        };
        match field {
            "url" => self.url.push(message),
            "name" => self.name.push(message),
            "events" if path.len() == 1 => self.events.push("choose at least one".to_owned()),
            "events" => self.events.push(message),
            _ => self.form.push(message),
        }
    }

    /// Every problem with the id and the label of its field, in the order of the page.
    pub(crate) fn all(&self) -> Vec<(&'static str, &'static str, &str)> {
        let fields = [
            ("", "", &self.form),
            ("url", "Address", &self.url),
            ("name", "Name", &self.name),
            ("events", "Events", &self.events),
        ];
        fields
            .into_iter()
            .flat_map(|(id, label, problems)| {
                problems.iter().map(move |problem| (id, label, problem.as_str()))
            })
            .collect()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
