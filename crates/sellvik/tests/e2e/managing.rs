//! managing
