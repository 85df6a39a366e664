//! What the door is made of, and what every handler has at hand.

use std::sync::Arc;

use sellvik_actions::Actions;

/// What the dispatcher says of itself; asked on every health request.
pub type Health = Arc<dyn Fn() -> bool + Send + Sync>;

/// What the door needs.
pub struct ApiParts {
    /// What callers may do.
    pub actions: Arc<Actions>,
    /// What the dispatcher says of itself.
    pub dispatch_is_alive: Health,
    /// Scheme, host and port that browsers reach the service by; panel links start with it.
    pub public_url: String,
}

/// What every handler has at hand.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) actions: Arc<Actions>,
    pub(crate) dispatch_is_alive: Health,
    pub(crate) public_url: Arc<str>,
}
