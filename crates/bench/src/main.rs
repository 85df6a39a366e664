//! Never shipped: measures the service from outside, as a process of its own, on loopback.
//!
//! A keep-alive sink and a publisher run in this process, the service in another, so that the kernel's
//! own accounting tells what the service costs. A workload ends when every delivery has arrived; each
//! must have arrived exactly once.

mod publisher;
mod service;
mod sink;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;

use publisher::Publisher;
use service::Service;
use sink::Sink;

#[derive(Parser)]
struct Args {
    /// The binary to measure.
    #[arg(long)]
    service: PathBuf,
    /// Deliveries per workload.
    #[arg(long, default_value_t = 20_000)]
    deliveries: usize,
}

/// How events are published.
struct Workload {
    name: &'static str,
    fan_out: usize,
    batch: usize,
    /// Publishing connections.
    connections: usize,
    /// Events a second, if not as fast as they are taken.
    rate: Option<u32>,
}

const WORKLOADS: [Workload; 4] = [
    Workload { name: "a: fan-out 1, single", fan_out: 1, batch: 1, connections: 64, rate: None },
    Workload { name: "b: fan-out 1, batches of 100", fan_out: 1, batch: 100, connections: 8, rate: None },
    Workload { name: "c: fan-out 10, batches of 100", fan_out: 10, batch: 100, connections: 4, rate: None },
    Workload { name: "d: 500 events/s", fan_out: 1, batch: 1, connections: 16, rate: Some(500) },
];

/// Longest a workload may take before it counts as lost deliveries.
const PATIENCE: Duration = Duration::from_mins(2);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    println!("| workload | deliveries/s | CPU-s per 1000 | p50 ms | p95 ms | p99 ms | max ms | RSS MiB |");
    println!("|---|---|---|---|---|---|---|---|");
    for workload in WORKLOADS {
        println!("{}", measure(&args, &workload).await?);
    }
    Ok(())
}

async fn measure(args: &Args, workload: &Workload) -> anyhow::Result<String> {
    let sink = Sink::start().await?;
    let service = Service::start(&args.service).await?;
    let publisher = Arc::new(Publisher::new(&service, sink.address(), workload.fan_out).await?);
    let seconds = if workload.rate.is_some() { 10 } else { 1 };
    let wanted = workload.rate.map_or(args.deliveries / workload.fan_out, |rate| rate as usize * seconds);
    let events = wanted / workload.batch * workload.batch;

    let (cpu, started) = (service.cpu()?, Instant::now());
    publisher.run(workload, events).await?;
    let deliveries = events * workload.fan_out;
    sink.wait_for(deliveries, PATIENCE).await?;
    publisher.wait_until_settled(PATIENCE).await?;
    let (took, cpu) = (started.elapsed(), service.cpu()?.saturating_sub(cpu));

    let latencies = sink.latencies(&publisher.sent());
    let at = |share: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index into a list of measurements"
        )]
        let index = ((latencies.len() - 1) as f64 * share) as usize;
        latencies[index].as_secs_f64() * 1000.0
    };
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let many = deliveries as f64;
    Ok(format!(
        "| {} | {:.0} | {:.3} | {:.1} | {:.1} | {:.1} | {:.1} | {} |",
        workload.name,
        many / took.as_secs_f64(),
        cpu.as_secs_f64() / many * 1000.0,
        at(0.5),
        at(0.95),
        at(0.99),
        at(1.0),
        service.rss_mib()?,
    ))
}
