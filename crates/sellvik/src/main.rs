//! `sellvik`: see `sellvik --help`.

use std::process::ExitCode;

use clap::Parser as _;
use sellvik::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sellvik: {error:#}");
            ExitCode::FAILURE
        }
    }
}
