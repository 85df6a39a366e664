//! One event type: what it is called, what its `data` looks like, and what is wrong with some.

use std::fmt;
use std::path::{Path, PathBuf};

use jsonschema::error::{ValidationError, ValidationErrorKind};
use jsonschema::{Draft, PatternOptions, ReferencingError, Validator};
use sellvik_domain::{Issue, PathPart};
use serde::Deserialize;
use serde_json::Value;

use crate::bounds::{EXAMPLE_MAX_BYTES, NAME_MAX_CHARS, TEXT_FIELD_MAX_CHARS};
use crate::cut::cut;
use crate::error::CatalogError;

/// How many problems of one `data` are reported. Nobody corrects more at a time, and an array of
/// thousands of bad elements must not make an answer of megabytes.
pub const ISSUES_MAX: usize = 50;

/// The validator collects every error before it hands out the first: some hundred bytes each, which a
/// hostile `data` of 256 KiB turns into hundreds of megabytes. Beyond this many values, far more than
/// an honest event holds, it is asked for one error only.
const VALUES_MAX_FOR_ALL_PROBLEMS: usize = 20_000;

/// The one dialect that is read; a schema may say so or say nothing.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// One kind of thing that happens in a shop, with its schema compiled.
pub struct EventType {
    definition: Definition,
    validator: Validator,
    origin: PathBuf,
}

/// What a file of the catalogue holds. Members it does not know are ignored, so that a folder may
/// serve a newer version too.
#[derive(Deserialize)]
struct Definition {
    name: String,
    description: String,
    family: String,
    schema: Value,
    example: Value,
}

impl EventType {
    /// Reads the content of `file`, all rules but those that concern several files. Opens nothing:
    /// `file` is for the error's words.
    pub fn parse(file: &Path, content: &[u8]) -> Result<Self, CatalogError> {
        let file = file.to_owned();
        let definition: Definition = match serde_json::from_slice(content) {
            Ok(definition) => definition,
            Err(source) => return Err(CatalogError::Malformed { file, source }),
        };
        if !is_name(&definition.name) {
            return Err(CatalogError::Name { file, name: cut(&definition.name) });
        }
        if !is_text(&definition.description) {
            return Err(CatalogError::Description { file });
        }
        if !is_text(&definition.family) {
            return Err(CatalogError::Family { file });
        }
        let validator = compile(&file, &definition.schema)?;
        if definition.example.to_string().len() > EXAMPLE_MAX_BYTES {
            return Err(CatalogError::ExampleTooLarge { file });
        }
        let event_type = Self { definition, validator, origin: file };
        match event_type.problems(event_type.example()).into_iter().next() {
            None => Ok(event_type),
            Some(Issue { path, message }) => Err(CatalogError::ExampleInvalid {
                file: event_type.origin,
                at: place("example", &path),
                reason: message,
            }),
        }
    }

    /// Such as `order.created`: what a webhook subscribes to and what an envelope's `type` says.
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// One plain sentence for the merchant.
    pub fn description(&self) -> &str {
        &self.definition.description
    }

    /// The heading it is listed under, such as `Orders`.
    pub fn family(&self) -> &str {
        &self.definition.family
    }

    /// The JSON Schema (draft 2020-12) of `data`.
    pub fn schema(&self) -> &Value {
        &self.definition.schema
    }

    /// A `data` that this type accepts.
    pub fn example(&self) -> &Value {
        &self.definition.example
    }

    /// The file it was read from, for the error of the next one with the same name.
    pub(crate) fn origin(&self) -> &Path {
        &self.origin
    }

    /// Whether `data` fits the schema. Much cheaper than [`problems`](Self::problems): ask this
    /// first, since nearly all events are good.
    pub fn accepts(&self, data: &Value) -> bool {
        self.validator.is_valid(data)
    }

    /// Every way in which `data` breaks the schema, at most [`ISSUES_MAX`] of them; empty if
    /// [`accepts`](Self::accepts) holds.
    ///
    /// Of a `data` of more than 20,000 values only the first problem is reported.
    ///
    /// Paths start at the root of `data`. A missing property is reported at the place where it
    /// should be. Messages never repeat the values of `data`, which may be large or a customer's.
    pub fn problems(&self, data: &Value) -> Vec<Issue> {
        if count_values(data) > VALUES_MAX_FOR_ALL_PROBLEMS {
            return self.validator.validate(data).err().iter().map(|error| issue(data, error)).collect();
        }
        self.validator.iter_errors(data).take(ISSUES_MAX).map(|error| issue(data, &error)).collect()
    }
}

/// Leaves out the compiled schema, which prints as pages of tree.
impl fmt::Debug for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventType")
            .field("name", &self.name())
            .field("family", &self.family())
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// `^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$`, at most [`NAME_MAX_CHARS`] characters.
fn is_name(name: &str) -> bool {
    let word =
        |word: &str| !word.is_empty() && word.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    name.len() <= NAME_MAX_CHARS
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.contains('.')
        && name.split('.').all(word)
}

fn is_text(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= TEXT_FIELD_MAX_CHARS
}

fn compile(file: &Path, schema: &Value) -> Result<Validator, CatalogError> {
    let file = file.to_owned();
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        return Err(CatalogError::SchemaRoot { file });
    }
    match schema.get("$schema") {
        None => {}
        Some(Value::String(draft)) if draft.trim_end_matches('#') == DIALECT => {}
        Some(other) => {
            let draft = other.as_str().map_or_else(|| cut(other), cut);
            return Err(CatalogError::SchemaDraft { file, draft });
        }
    }
    // The crate is built without its network and file features; `offline` says so once more, where
    // a reader looks, and holds even if another crate of the build turned them on.
    let built = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .offline()
        .should_validate_formats(false)
        .with_pattern_options(PatternOptions::regex())
        .build(schema);
    built.map_err(|error| match error.kind() {
        ValidationErrorKind::Referencing(ReferencingError::Unretrievable { uri, .. }) => {
            CatalogError::SchemaReference { file, reference: cut(uri) }
        }
        _ => CatalogError::SchemaInvalid {
            file,
            at: place("schema", &steps(schema, error.instance_path().as_str())),
            reason: cut(&error),
        },
    })
}

fn issue(data: &Value, error: &ValidationError<'_>) -> Issue {
    let mut path = steps(data, error.instance_path().as_str());
    if let ValidationErrorKind::Required { property: Value::String(property) } = error.kind() {
        path.push(PathPart::Key(cut(property)));
        return Issue { path, message: "The property is required.".to_owned() };
    }
    Issue { path, message: cut(format_args!("{}.", error.masked_with("The value"))) }
}

fn count_values(value: &Value) -> usize {
    1 + match value {
        Value::Array(elements) => elements.iter().map(count_values).sum(),
        Value::Object(members) => members.values().map(count_values).sum(),
        _ => 0,
    }
}

/// A JSON pointer as steps into `root`. The walk tells an element of an array from a member whose
/// name happens to be a number, which the pointer alone does not.
fn steps(root: &Value, pointer: &str) -> Vec<PathPart> {
    let mut here = Some(root);
    let step = |escaped: &str| {
        let key = escaped.replace("~1", "/").replace("~0", "~");
        if let (Some(Value::Array(elements)), Ok(index)) = (here, key.parse::<usize>()) {
            here = elements.get(index);
            return PathPart::Index(index);
        }
        here = here.and_then(|value| value.get(&key));
        PathPart::Key(cut(key))
    };
    pointer.split('/').skip(1).map(step).collect()
}

/// A place for a sentence, such as `example.order.items[0]`.
fn place(root: &str, path: &[PathPart]) -> String {
    let mut place = root.to_owned();
    for part in path {
        match part {
            PathPart::Key(key) => place.extend([".", key]),
            PathPart::Index(index) => place.extend(["[", &index.to_string(), "]"]),
        }
    }
    cut(place)
}

#[cfg(test)]
mod tests;
