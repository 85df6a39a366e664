//! The panel: Settings → Webhooks for merchants who never write code (CONTRACT §7).
//!
//! Pages are made on the server from the same actions as the Admin API, so both ways write the same row.
//! Everything works without JavaScript but live updates; the one script only adds comfort. Every page
//! lives below `/panel/{shop}`, which is also how far its session's cookie reaches: one browser may hold
//! the panels of several shops side by side.

mod assets;
mod chart;
mod components;
mod document;
mod entrance;
mod form;
mod layout;
mod refusal;
mod router;
mod screens;
mod snippets;
mod time;
mod visit;
mod words;

use std::sync::Arc;

use sellvik_actions::Actions;

pub use router::{router, serves};

/// What the panel needs.
#[derive(Clone)]
pub struct PanelParts {
    /// What a merchant may do.
    pub actions: Arc<Actions>,
    /// How browsers reach it.
    pub front: Arc<Front>,
}

/// How browsers reach the panel.
#[derive(Debug, Clone)]
pub struct Front {
    /// Scheme, host and port, as a browser writes them in `Origin`.
    pub origin: String,
    /// Origins that may embed the panel; none may if empty.
    pub frame_ancestors: Vec<String>,
}

impl Front {
    /// Whether cookies may be marked `Secure`.
    fn is_https(&self) -> bool {
        self.origin.starts_with("https://")
    }

    /// Whether the panel may be shown inside another site.
    fn is_embedded(&self) -> bool {
        !self.frame_ancestors.is_empty()
    }
}
