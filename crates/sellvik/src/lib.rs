//! sellvik
