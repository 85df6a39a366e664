//! The JSON door: routes, wire shapes, errors in the contract's words, and the document that describes
//! them. It sees actions only; what an actor may do is decided there.

mod admin;
mod app;
mod callers;
mod describe;
mod docs;
mod health;
mod platform;
mod problem;
mod request;
mod router;
mod shapes;

pub use app::{ApiParts, Health};
pub use problem::Problem;
pub use router::{lengthen, openapi, router};
