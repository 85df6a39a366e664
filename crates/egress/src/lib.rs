//! The only way out of Sellvik Webhooks.
//!
//! A merchant chooses where we connect to, so this room trusts nothing that comes from there: not the
//! name, not the addresses behind it, not the answer. A [`Request`] goes in and an
//! [`Outcome`](sellvik_domain::Outcome) comes out, whatever happens on the way.
//!
//! One attempt, hop by hop:
//!
//! 1. **Resolve** (`resolve`): every hop of every attempt asks again, through a cache that honours the
//!    answers' times to live.
//! 2. **Vet** (`resolve`): every address among the answers must pass the address rules. One refused
//!    address fails the attempt before a single packet is sent to any of them.
//! 3. **Pin** (`connect`, `pool`): we connect to a vetted address, never to a name, so nobody can change
//!    the answer between the check and the connection. An idle connection is taken up again only if
//!    its peer is among the addresses that were vetted just now.
//! 4. **Send** (`walk`, `redirect`): the same bytes and headers on each hop; up to two redirects are followed.
//! 5. **Keep** (`body`): the first 2 KiB of the answer's body, for the merchant's developer to read.
//!
//! One clock covers all of it up to the complete head of the final answer; the body has one more second
//! and cannot change the verdict.
//!
//! There are no background tasks per connection: a connection is advanced by whoever uses it and rests
//! in the pool otherwise, so dropping an [`Egress::send`] in the middle closes its connection and leaves
//! nothing behind. Nothing here is process-wide, and neither proxies nor any other environment setting
//! can lead a request elsewhere.

mod body;
mod client;
mod connect;
mod connection;
mod error;
mod failure;
mod pool;
mod redirect;
mod resolve;
mod stream;
#[cfg(test)]
mod tests;
mod tickets;
mod tls;
mod walk;

pub use client::{Egress, EgressSettings, Request, Vetting};
pub use error::EgressError;
