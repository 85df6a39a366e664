//! The JSON door: routes, wire shapes, errors in the contract's words, and the document that describes
//! them. It sees actions only; what an actor may do is decided there.

mod admin;
mod callers;
mod describe;
mod docs;
mod health;
mod platform;
mod problem;
mod request;
mod router;
mod shapes;
mod throttle;

pub use health::Health;
pub use problem::Problem;
pub use router::{ApiParts, openapi, router, short_form};
