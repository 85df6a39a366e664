//! The command line.

use std::io::Write as _;

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser, Subcommand};
use sellvik_clock::World;

use crate::{ServeArgs, Service, Settings, telemetry};

/// Webhooks for a multi-tenant commerce platform: registered, signed, delivered, retried, visible.
#[derive(Debug, Parser)]
#[command(version, about, after_help = "Start with `sellvik serve --dev`: it prints what to try next.")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service: Admin API, platform API, panel and dispatcher.
    Serve(Box<ServeArgs>),
    /// Print every setting as it would be used, with secrets masked.
    Config(Box<ServeArgs>),
    /// Print the OpenAPI document.
    Openapi,
}

impl Cli {
    /// Does what was asked.
    pub fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Serve(args) => serve(&args),
            Command::Config(args) => {
                Settings::resolve(&args)?;
                print(&args.listing())
            }
            Command::Openapi => print(&serde_json::to_string_pretty(&sellvik_api::openapi())?),
        }
    }

    /// Every setting as a Markdown table, for the documentation.
    pub fn settings_table() -> String {
        let mut command = Self::command();
        command.build();
        let serve = command.find_subcommand("serve");
        crate::settings::markdown(serve.into_iter().flat_map(clap::Command::get_arguments))
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

fn serve(args: &ServeArgs) -> anyhow::Result<()> {
    let settings = Settings::resolve(args)?;
    telemetry::start(&settings.log)?;
    // Every connection and attempt is a file; the soft limit is often 1024.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(error = %error, "the limit on open files could not be raised");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let stop = stop_signal().context("signals cannot be listened for")?;
        let service = Service::start(settings, World::system()).await?;
        if let Some(welcome) = service.welcome() {
            print(welcome)?;
        }
        stop.await;
        tracing::info!("stopping: finishing what is in flight");
        service.shutdown().await;
        tracing::info!("stopped");
        Ok(())
    })
}

/// Resolves at SIGTERM or SIGINT. Listened for from here on, not from the first poll.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_readme_lists_every_setting() {
        let readme = include_str!("../../../README.md");
        assert!(
            readme.contains(&Cli::settings_table()),
            "put this into README.md:\n{}",
            Cli::settings_table()
        );
    }
}
