//! `sellvik`: see `sellvik --help`.

use std::process::ExitCode;

use clap::Parser as _;
use mimalloc::MiMalloc;
use sellvik::cli::Cli;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sellvik: {error:#}");
            ExitCode::FAILURE
        }
    }
}
