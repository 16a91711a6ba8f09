//! The `kms-insights` program: its commands, wired to the crates that do the work.

mod collect;
#[cfg(feature = "sandbox")]
mod demo;
pub mod exit;
mod lake;
mod pipeline;
mod progress;
#[cfg(feature = "sql")]
mod query;
#[cfg(feature = "sandbox")]
mod sandbox;
mod selection;
pub mod settings;
mod summary;
mod terminal;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    exit::{Exit, Trouble},
    settings::Settings,
};

/// Every AWS KMS key of an organization: who can use it, whether it is used, what it costs, and what dies with it.
///
/// Exit codes: 0 done; 1 failed; 2 wrong usage; 3 done, but partial: something could not be read, and the lake says what.
#[derive(Debug, Parser)]
#[command(name = "kms-insights", version, max_term_width = 120)]
pub struct Program {
    /// Settings for many runs; kms-insights.toml is read where there is one
    #[arg(long, global = true, env = "KMS_INSIGHTS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A simulated organization, collected, analyzed and queried: see the answers before touching an account
    #[cfg(feature = "sandbox")]
    Demo(demo::DemoArguments),
    /// Read every key of every account into a lake
    Collect(collect::CollectArguments),
    /// Ask a lake in SQL
    #[cfg(feature = "sql")]
    Query(query::QueryArguments),
    /// Serve a simulated organization on loopback, for trying things out
    #[cfg(feature = "sandbox")]
    Sandbox(sandbox::SandboxArguments),
}

/// Runs the program with its command line, and says how it ended.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let program = match Program::try_parse_from(arguments) {
        Ok(program) => program,
        Err(error) => {
            // Help and version are asked for; all else is a mistake. A closed pipe changes neither.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    match run(program) {
        Ok(exit) => exit.into(),
        Err(trouble) => {
            eprintln!("{trouble}");
            trouble.exit.into()
        }
    }
}

fn run(program: Program) -> Result<Exit, Trouble> {
    let settings = Settings::load(program.config.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| Trouble::failed(format_args!("no runtime: {error}")))?;
    let exit = runtime.block_on(async {
        match program.command {
            #[cfg(feature = "sandbox")]
            Command::Demo(arguments) => demo::run(arguments).await,
            Command::Collect(arguments) => collect::run(arguments, settings).await,
            #[cfg(feature = "sql")]
            Command::Query(arguments) => query::run(arguments, settings).await,
            #[cfg(feature = "sandbox")]
            Command::Sandbox(arguments) => sandbox::run(arguments).await,
        }
    });
    // Tasks that still wait, for a signal or an idle connection, must not hold up the end.
    runtime.shutdown_background();
    exit
}
