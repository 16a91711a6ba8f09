//! The `kms-insights` program: its commands, wired to the crates that do the work.

#![forbid(unsafe_code)]

mod athena;
mod collect;
#[cfg(feature = "sql")]
mod costs;
#[cfg(feature = "sandbox")]
mod demo;
#[cfg(feature = "sql")]
mod diff;
pub mod exit;
#[cfg(feature = "sql")]
mod export;
mod lake;
#[cfg(feature = "sql")]
mod ledger;
#[cfg(feature = "sql")]
mod mcp;
#[cfg(feature = "sql")]
mod output_file;
mod pipeline;
mod policy;
mod progress;
#[cfg(feature = "sql")]
mod query;
#[cfg(feature = "sql")]
mod report;
#[cfg(feature = "sandbox")]
mod sandbox;
mod selection;
pub mod settings;
#[cfg(feature = "sql")]
mod sheet;
mod summary;
mod terminal;
#[cfg(feature = "sql")]
mod trace;
mod trail;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::{
    exit::{Exit, Trouble},
    settings::Settings,
};

/// Every AWS KMS key of an organization: who can use it, whether it is used, what it costs, and what dies with it.
///
/// Exit codes: 0 done; 1 failed; 2 wrong usage; 3 done, but partial: something could not be read, and the lake says what;
/// 4 done, and `policy check --fail-on` found something as bad as that, or worse.
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
    /// Key policies in files: who they let in, and what is wrong with them
    Policy(policy::PolicyArguments),
    /// CloudTrail log files: who used which key when, for what
    Trail(trail::TrailArguments),
    /// What a key was made for, by whom, and what uses it
    #[cfg(feature = "sql")]
    Trace(trace::TraceArguments),
    /// Ask a lake in SQL
    #[cfg(feature = "sql")]
    Query(query::QueryArguments),
    /// What a snapshot says and does not say, for people who were not there: a page for a browser, or findings and numbers
    #[cfg(feature = "sql")]
    Report(report::ReportArguments),
    /// What changed between two snapshots: keys, policies, grants, findings
    #[cfg(feature = "sql")]
    Diff(diff::DiffArguments),
    /// What the keys cost a month, by account and tag, and what of it can be saved
    #[cfg(feature = "sql")]
    Costs(costs::CostsArguments),
    /// Findings for other tools: code scanning, security lakes, AWS Security Hub
    #[cfg(feature = "sql")]
    Export(export::ExportArguments),
    /// Amazon Athena: its database, tables, views and saved queries over a lake on S3
    Athena(athena::AthenaCommand),
    /// Serve a lake to assistants that speak MCP, on stdin and stdout
    #[cfg(feature = "sql")]
    Mcp(mcp::McpArguments),
    /// Serve a simulated organization on loopback, for trying things out
    #[cfg(feature = "sandbox")]
    Sandbox(sandbox::SandboxArguments),
}

/// Runs the program with its command line, and says how it ended.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = settings::without_empty_variables(Program::command());
    let parse = |matches| Program::from_arg_matches(&matches).map_err(|error| error.format(&mut Program::command()));
    let program = match command.try_get_matches_from(arguments).and_then(parse) {
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
            terminal::say(&trouble);
            trouble.exit.into()
        }
    }
}

/// Threads for what blocks: a local lake's files, the look-up of names. Each keeps memory of its own, so that many are dear and these are enough.
const BLOCKING_THREADS: usize = 8;

fn run(program: Program) -> Result<Exit, Trouble> {
    let settings = Settings::load(program.config.as_deref())?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().max_blocking_threads(BLOCKING_THREADS).build().map_err(|error| Trouble::failed(format_args!("no runtime: {error}")))?;
    // On the runtime's own threads: what collecting leaves of their memory, publishing uses again.
    let work = runtime.spawn(async {
        match program.command {
            #[cfg(feature = "sandbox")]
            Command::Demo(arguments) => demo::run(arguments).await,
            Command::Collect(arguments) => Box::pin(collect::run(arguments, settings)).await,
            Command::Policy(arguments) => policy::run(arguments, &settings),
            Command::Trail(arguments) => trail::run(arguments, settings).await,
            #[cfg(feature = "sql")]
            Command::Trace(arguments) => trace::run(arguments, settings).await,
            #[cfg(feature = "sql")]
            Command::Query(arguments) => query::run(arguments, settings).await,
            #[cfg(feature = "sql")]
            Command::Export(arguments) => export::run(arguments, settings).await,
            #[cfg(feature = "sql")]
            Command::Mcp(arguments) => mcp::run(arguments, settings).await,
            #[cfg(feature = "sql")]
            Command::Report(arguments) => report::run(arguments, settings).await,
            Command::Athena(command) => athena::run(command, settings).await,
            #[cfg(feature = "sql")]
            Command::Diff(arguments) => diff::run(arguments, settings).await,
            #[cfg(feature = "sql")]
            Command::Costs(arguments) => costs::run(arguments, settings).await,
            #[cfg(feature = "sandbox")]
            Command::Sandbox(arguments) => sandbox::run(arguments).await,
        }
    });
    let exit = runtime.block_on(work).unwrap_or_else(|error| Err(Trouble::failed(format_args!("the program has a defect: {error}"))));
    // Tasks that still wait, for a signal or an idle connection, must not hold up the end.
    runtime.shutdown_background();
    exit
}
