//! Never shipped: measures the service from outside, as a process of its own, on loopback.
//!
//! The receivers and the publisher are processes too, so that the kernel's accounting tells what each costs.
//! A run ends when every delivery is settled; each must have come exactly once, or the run is an error.

mod accounting;
mod api;
mod ceiling;
mod child;
mod clock;
mod event;
mod figures;
mod lab;
mod ledger;
mod load;
mod machine;
mod publisher;
mod report;
mod seed;
mod service;
mod setup;
mod sink;
mod site;
mod verify;
mod wire;
mod workloads;
mod write;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::ensure;
use clap::Parser;

use accounting::Machine;
use lab::{Lab, Scale};
use ledger::Kind;
use workloads::ALL;

/// Measures a release build of the service: deliveries a second, what they cost in processor time, how long
/// they take, and what dead endpoints, backlogs and crowds do to that.
#[derive(Parser)]
#[command(name = "scripts/bench", after_help = help())]
struct Args {
    /// The binary to measure; the one beside this program without.
    #[arg(long)]
    service: Option<PathBuf>,
    /// Workloads to run, such as `a,b,e`; all of them without. Those that are held against b run it too.
    #[arg(long, value_delimiter = ',')]
    only: Vec<char>,
    /// Everything small, in a minute and a half: shows that it works, not how fast it is.
    #[arg(long)]
    quick: bool,
    /// Write what was measured to docs/BENCHMARKS.md, or docs/BENCHMARKS-POSTGRESQL.md.
    #[arg(long)]
    write: bool,
    /// Measure the service on a PostgreSQL server of its own instead of the embedded ledger.
    #[arg(long)]
    postgres: bool,
    /// Where the service's data folders are made; the system's temporary folder without.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Deliveries of a run at saturation.
    #[arg(long)]
    deliveries: Option<u32>,
    /// Length in seconds of each run of workload e.
    #[arg(long)]
    seconds: Option<u32>,
}

const QUICK: Scale =
    Scale { quick: true, deliveries: 5000, runs: 1, seconds: 2, pairs: 1, backlog: 50, shops: 400 };
const FULL: Scale =
    Scale { quick: false, deliveries: 40_000, runs: 3, seconds: 10, pairs: 5, backlog: 1000, shops: 20_000 };

fn help() -> String {
    let mut text = String::from("Workloads:\n");
    for (letter, what) in ALL {
        let _ = writeln!(text, "  {letter}  {what}");
    }
    text + "\nProgress goes to standard error, tables in Markdown to standard output. Keep the machine quiet \
            meanwhile. The command fails if a delivery is missing or comes twice."
}

/// Whether a workload belongs to all of a ledger's.
fn usual(kind: Kind, letter: char) -> bool {
    match kind {
        Kind::Sqlite => letter != workloads::ONLY_ON_POSTGRES,
        Kind::Postgres => workloads::ON_POSTGRES.contains(&letter),
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let mut words = std::env::args().skip(1);
    match (words.next().as_deref(), words.next()) {
        (Some("sink"), Some(config)) => sink::run(&config)?,
        (Some("publisher"), Some(_)) => publisher::run()?,
        (Some("ceiling"), Some(_)) => ceiling::run()?,
        _ => {
            let args = Args::parse();
            return tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(args));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn run(args: Args) -> anyhow::Result<ExitCode> {
    for letter in &args.only {
        ensure!(ALL.iter().any(|(known, _)| known == letter), "there is no workload {letter}");
    }
    let mut scale = if args.quick { QUICK } else { FULL };
    scale.deliveries = args.deliveries.unwrap_or(scale.deliveries) / 1000 * 1000;
    scale.seconds = args.seconds.unwrap_or(scale.seconds);
    ensure!(scale.deliveries > 0 && scale.seconds > 0, "at least 1000 deliveries, and a second");
    ensure!(!args.write || Path::new("docs").is_dir(), "no docs folder here");
    let place = args.folder.unwrap_or_else(std::env::temp_dir);
    let busy_before = Machine::now()?;
    let disk_before = machine::syncs(&place)?;
    let service = match args.service {
        Some(service) => service,
        None => std::env::current_exe()?.with_file_name("sellvik"),
    };
    let kind = if args.postgres { Kind::Postgres } else { Kind::Sqlite };
    let mut lab = Lab::open(service, (kind, place.clone()), scale).await?;
    for (letter, what) in ALL {
        let asked = if args.only.is_empty() { usual(kind, letter) } else { args.only.contains(&letter) };
        if asked {
            eprintln!("{letter}: {what}");
            if let Err(error) = workloads::run(&mut lab, letter).await {
                lab.report.failure(letter, &error);
            }
        }
    }
    let (others, stolen) = Machine::now()?.others_since(busy_before);
    let whose = if kind == Kind::Postgres { "PostgreSQL and other processes" } else { "other processes" };
    lab.report.note(format!(
        "meanwhile {whose} took {others} % of the machine's processors, and its host {stolen} %: \
         the more of what is not measured, the less these figures mean"
    ));
    let text = write::document(&lab, &disk_before, &machine::syncs(&place)?)?;
    println!("{text}");
    if args.write {
        std::fs::write(kind.document(), text)?;
    }
    Ok(if lab.report.has_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
