//! One file per screen.

pub(crate) mod delivery_attempts;
pub(crate) mod delivery_curl;
pub(crate) mod delivery_filter;
pub(crate) mod delivery_list;
pub(crate) mod delivery_request;
pub(crate) mod delivery_show;
pub(crate) mod delivery_words;
pub(crate) mod event_picker;
pub(crate) mod keys;
pub(crate) mod redeliver;
pub(crate) mod redeliver_job;
pub(crate) mod span;
pub(crate) mod test_event;
pub(crate) mod url_check;
pub(crate) mod webhook_change;
pub(crate) mod webhook_charts;
pub(crate) mod webhook_draft;
pub(crate) mod webhook_edit;
pub(crate) mod webhook_form;
pub(crate) mod webhook_list;
pub(crate) mod webhook_new;
pub(crate) mod webhook_numbers;
pub(crate) mod webhook_place;
pub(crate) mod webhook_rotate;
pub(crate) mod webhook_secret;
pub(crate) mod webhook_show;
