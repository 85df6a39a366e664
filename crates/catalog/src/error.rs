//! Why a catalogue could not be loaded.

use std::io;
use std::path::PathBuf;

use crate::bounds::{EXAMPLE_MAX_BYTES, FILE_MAX_BYTES, NAME_MAX_CHARS, TEXT_FIELD_MAX_CHARS, TYPES_MAX};

/// Why a catalogue could not be loaded: which file, and what its author can do.
///
/// Loading stops at the first problem, files being read in the order of their names.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The operator's folder cannot be listed.
    #[error(
        "the event types' folder {} cannot be read: check that it exists, is a folder and is readable by this user",
        folder.display()
    )]
    FolderUnreadable {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the folder cannot be read.
    #[error("{} cannot be read: it must be a regular file that this user may read", file.display())]
    FileUnreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is larger than any event type needs to be.
    #[error("{} is larger than {FILE_MAX_BYTES} bytes: shorten its schema or its example", file.display())]
    FileTooLarge {
        /// The file.
        file: PathBuf,
    },
    /// A file is not JSON, or not the shape of an event type.
    #[error(
        "{} is not an event type: it must hold one JSON object with \"name\", \"description\" and \"family\" \
         as strings, \"schema\" and \"example\"",
        file.display()
    )]
    Malformed {
        /// The file.
        file: PathBuf,
        /// Where the parser stopped, and why.
        source: serde_json::Error,
    },
    /// A name that no event type may have.
    #[error(
        "{} names its event type \"{name}\": use at most {NAME_MAX_CHARS} characters, lower-case words of \
         letters, digits and underscores joined by dots, such as \"order.created\"",
        file.display()
    )]
    Name {
        /// The file.
        file: PathBuf,
        /// The name, cut if it is long.
        name: String,
    },
    /// A description that is blank or too long.
    #[error(
        "{} has a \"description\" that is blank or longer than {TEXT_FIELD_MAX_CHARS} characters: write one \
         plain sentence for the merchant",
        file.display()
    )]
    Description {
        /// The file.
        file: PathBuf,
    },
    /// A family that is blank or too long.
    #[error(
        "{} has a \"family\" that is blank or longer than {TEXT_FIELD_MAX_CHARS} characters: write the heading \
         to list the event type under, such as \"Orders\"",
        file.display()
    )]
    Family {
        /// The file.
        file: PathBuf,
    },
    /// A name that is taken, by a built-in type or by another file.
    #[error(
        "{} defines \"{name}\", which {} defines already: rename one of them; a built-in event type cannot be \
         redefined",
        file.display(), first.display()
    )]
    Duplicate {
        /// The later file.
        file: PathBuf,
        /// The name both give.
        name: String,
        /// The file that was first; built-in ones are shown in the folder `built-in`.
        first: PathBuf,
    },
    /// A schema whose root is not an object type.
    #[error(
        "{} has a \"schema\" whose root is not an object type: an event's data is a JSON object, so write \
         \"type\": \"object\" there",
        file.display()
    )]
    SchemaRoot {
        /// The file.
        file: PathBuf,
    },
    /// A schema written for another draft.
    #[error(
        "{} has a \"schema\" for \"{draft}\": rewrite it for https://json-schema.org/draft/2020-12/schema, or \
         leave \"$schema\" out",
        file.display()
    )]
    SchemaDraft {
        /// The file.
        file: PathBuf,
        /// What `$schema` says, cut if it is long.
        draft: String,
    },
    /// A schema that refers to a document outside itself.
    #[error(
        "{} has a \"schema\" that refers to {reference}, outside itself: nothing is ever fetched, so copy that \
         schema under \"$defs\" and refer to it as \"#/$defs/…\"",
        file.display()
    )]
    SchemaReference {
        /// The file.
        file: PathBuf,
        /// Where the `$ref` leads, cut if it is long.
        reference: String,
    },
    /// A schema that is not valid JSON Schema.
    #[error(
        "{} has a \"schema\" that is not valid JSON Schema 2020-12: correct {at} ({reason})",
        file.display()
    )]
    SchemaInvalid {
        /// The file.
        file: PathBuf,
        /// Where in the schema, such as `schema.properties.total`.
        at: String,
        /// What is wrong there.
        reason: String,
    },
    /// An example too large to send as a test event.
    #[error("{} has an \"example\" larger than {EXAMPLE_MAX_BYTES} bytes: shorten it", file.display())]
    ExampleTooLarge {
        /// The file.
        file: PathBuf,
    },
    /// An example that its own schema refuses.
    #[error("{} has an \"example\" that breaks its own schema: correct {at} ({reason})", file.display())]
    ExampleInvalid {
        /// The file.
        file: PathBuf,
        /// Where in the example, such as `example.order.items[0].price`.
        at: String,
        /// What is wrong there.
        reason: String,
    },
    /// More event types than one catalogue holds.
    #[error(
        "the folder {} brings the catalogue to {count} event types, more than {TYPES_MAX}: remove some of its files",
        folder.display()
    )]
    TooManyTypes {
        /// The operator's folder.
        folder: PathBuf,
        /// How many there would be, the built-in ones included.
        count: usize,
    },
}
