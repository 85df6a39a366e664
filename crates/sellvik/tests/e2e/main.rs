//! The whole service through its front door: real HTTP, a real ledger, scripted receivers on real
//! sockets, and a clock that only the test moves.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

mod chain;
mod clients;
mod conventions;
mod delivering;
mod durability;
mod holding;
mod listing;
mod managing;
mod openapi;
mod outcomes;
mod platform;
mod publishing;
mod redelivering;
mod rotating;
mod throttling;
