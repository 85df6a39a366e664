//! Several processes of the service on one PostgreSQL, and what befalls them: each takes over what another leaves,
//! and whatever breaks, what was accepted arrives.

mod accounts;
mod changes;
mod cluster;
mod cuts;
mod killed;
mod proxy;
mod servers;
mod sharing;
mod starting;
mod traffic;
