//! What bounds an event type and the catalogue, each with its reason.

/// A name is a column, a header and a label in the panel: longer ones fit none of them.
pub const NAME_MAX_CHARS: usize = 64;

/// A description is one sentence and a family one heading; this is room for a long-winded one.
pub const TEXT_FIELD_MAX_CHARS: usize = 500;

/// An example is sent as a test event and shown on a page: a quarter of what `data` may be is ample.
pub const EXAMPLE_MAX_BYTES: usize = 64 * 1024;

/// Holds the largest example twice over and a schema of some thousand lines; anything larger was
/// put into the folder by mistake.
pub const FILE_MAX_BYTES: usize = 256 * 1024;

/// The catalogue is listed on one page of the panel and its schemas stay compiled in memory.
pub const TYPES_MAX: usize = 1000;
