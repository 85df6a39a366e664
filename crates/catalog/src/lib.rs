//! The event catalogue: what can happen in a shop, written down as data (CONTRACT §6).
//!
//! An event type is one JSON file: a name, a sentence for the merchant, a family to group it by, a
//! JSON Schema of `data` and an example. The platform's own types are compiled in from `events/`;
//! an operator adds more from a folder. Both take the same road through the same checks, so a
//! built-in type has no privileges and a mistake in either stops the start with the file's name and
//! what to do about it. Nothing is read after loading: a [`Catalog`] never changes.
//!
//! How the schemas are read:
//!
//! - **Draft 2020-12**, compiled once. Validating an event touches no file and no network, and
//!   loading does neither beyond the folder: a `$ref` that leads out of the schema is an error.
//! - **`format` is an annotation.** It tells a reader what to expect; it refuses nothing. An order
//!   whose customer typed an odd e-mail address is still an order, and its event must go out.
//! - **`pattern` runs in linear time.** No look-around and no back-references, so that no `data`,
//!   however contrived, can hold a publishing thread.
//! - **Openness.** Among the built-in types only `order.created` and `webhook.failed` are documented
//!   in full and require anything. The others describe optional properties, and none of them, these
//!   two included, forbids a property it does not know.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test may panic"))]

mod bounds;
mod cut;
mod error;
mod event_type;
mod load;

pub use error::CatalogError;
pub use event_type::{EventType, ISSUES_MAX};
pub use load::Catalog;
