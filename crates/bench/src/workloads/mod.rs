//! The workloads, each in a file that says what it asks of the service.

mod backlog;
mod crowd;
mod fairness;
mod idle;
mod listing;
mod nodes;
mod recovery;
mod steady;
mod tls;

use crate::lab::Lab;

/// All of them, by the letter they are asked for with.
pub(crate) const ALL: [(char, &str); 12] = [
    ('a', "fan-out 1, single publishes from 64 connections, as fast as they are taken"),
    ('b', "fan-out 1, batches of 100, as fast as they are taken"),
    ('c', "fan-out 10, batches of 100, as fast as they are taken"),
    ('d', "500 events a second, published singly"),
    ('e', "fairness: endpoints that never answer beside healthy ones"),
    ('f', "a backlog of 1,000,000 deliveries for dead endpoints"),
    ('g', "1000 endpoints come back, each with 1000 deliveries that are due"),
    ('h', "100,000 webhooks in 20,000 shops"),
    ('i', "receivers with TLS 1.3"),
    ('j', "nothing to do"),
    ('k', "listing the deliveries of a webhook that has 1,000,000"),
    ('n', "three nodes that share a PostgreSQL"),
];

/// Those that a PostgreSQL ledger is measured with, where none are asked for; and those that need one.
pub(crate) const ON_POSTGRES: [char; 6] = ['a', 'b', 'c', 'd', 'f', 'n'];
pub(crate) const ONLY_ON_POSTGRES: char = 'n';

/// Runs one.
pub(crate) async fn run(lab: &mut Lab, letter: char) -> anyhow::Result<()> {
    match letter {
        'a' => steady::singles(lab).await,
        'b' => steady::batches(lab).await,
        'c' => steady::fan_out(lab).await,
        'd' => steady::paced(lab).await,
        'e' => fairness::run(lab).await,
        'f' => backlog::run(lab).await,
        'g' => recovery::run(lab).await,
        'h' => crowd::run(lab).await,
        'i' => tls::run(lab).await,
        'j' => idle::run(lab).await,
        'k' => listing::run(lab).await,
        'n' => nodes::run(lab).await,
        other => anyhow::bail!("there is no workload {other}"),
    }
}
