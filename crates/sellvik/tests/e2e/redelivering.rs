//! redelivering
