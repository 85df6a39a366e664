//! rotating
