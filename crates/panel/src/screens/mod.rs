//! One file per screen.

pub(crate) mod webhook_list;
