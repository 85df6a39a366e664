//! What the end-to-end tests stand on: a scripted webhook receiver, certificates to serve it with, and
//! a small client for JSON APIs.
//!
//! Everything runs on real sockets of 127.0.0.1 and is owned by the value that started it; nothing is
//! kept process-wide. A mistake in a test, and a wait that takes too long, is a panic that says so.

#![expect(clippy::unwrap_used, reason = "test support may panic")]

mod client;
mod clock;
mod connection;
mod postgres;
mod received;
mod receiver;
mod reply;
mod stranger;
mod tls;

pub use client::{Answer, Client};
pub use clock::ManualClock;
pub use postgres::Postgres;
pub use received::Received;
pub use receiver::Receiver;
pub use reply::{Gate, Reply};
pub use stranger::{Move, Stranger};
pub use tls::{TestCa, TestTls};
