//! The program: settings, composition, and the service as one thing that starts and stops.
//!
//! The only crate that knows all rooms. A library beside its binary, so that tests run the very service
//! that ships, with a clock of their own.

pub mod cli;
mod dev;
mod dev_receiver;
mod doors;
mod error;
mod keys;
mod listener;
mod service;
mod settings;
pub mod telemetry;

pub use error::StartError;
pub use service::Service;
pub use settings::{Database, ServeArgs, Settings, SettingsError};
