//! The panel as merchants use it: a real browser, the real service, real receivers.
//!
//! The service's clock stands until a test moves it; what a page does by itself is waited for. Needs
//! Chromium, its driver and axe-core: `scripts/clients` installs them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod browser;
#[path = "../e2e/harness.rs"]
#[expect(dead_code, reason = "the end-to-end tests use all of it")]
mod harness;
mod page;
mod webdriver;

mod creating;
mod delivering;
mod entering;
mod gallery;
mod hostile;
mod keyboard;
mod keys;
mod looks;
mod pictures;
mod scriptless;
