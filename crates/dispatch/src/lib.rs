//! The courier: claim → sign → send → judge → settle.
//!
//! One lane per webhook, with a window of attempts in flight that grows while the endpoint answers and
//! shrinks to a single probe when it does not, so that one dead endpoint can hold neither the sockets
//! nor the memory of the others. What finds no room waits in the ledger; what is held in memory is
//! leased, and a lease that is lost runs out. Nothing is remembered here that the ledger does not know.

mod attempt;
mod bounds;
mod claimer;
mod courier;
mod dispatch;
mod holds;
mod keeper;
mod lanes;
mod notice;
mod settler;
mod window;

pub use courier::DispatchSettings;
pub use dispatch::Dispatch;
