//! The whole service through its front door: real HTTP, a real ledger, scripted receivers on real
//! sockets, and a clock that only the test moves.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod harness;
mod program;

mod addresses;
mod catalogue;
mod chain;
mod checks;
mod clients;
mod clock_jumps;
mod conventions;
mod crowds;
mod deleting;
mod delivering;
mod described;
mod dns;
mod durability;
mod every_route;
mod failed_notices;
mod failures;
mod fairness;
mod fanning;
mod fuzzed;
mod holding;
mod hostile;
mod hostile_receivers;
mod listing;
mod managing;
mod manners;
mod nodes;
mod openapi;
mod outcomes;
mod panel;
mod platform;
mod proxies;
mod publishing;
mod raw_requests;
mod redelivering;
mod redirecting;
mod rotating;
mod secrecy;
mod state_machine;
mod storage_faults;
mod tenancy;
mod test_events;
mod throttling;
mod urls;
mod walking;
mod windows;
