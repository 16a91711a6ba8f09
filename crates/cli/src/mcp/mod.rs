//! `kms-insights mcp`: a lake for assistants that speak the Model Context Protocol, over stdin and stdout. Everything that it offers reads.
//!
//! Source: Model Context Protocol Specification, "Tools", "Resources", "Transports: stdio".

mod answer;
mod ask;
mod filter;
mod server;
mod shown;

use std::time::Duration;

use clap::Args;
use rmcp::{ServiceExt as _, transport::stdio_pipes};

use self::{answer::Limits, server::Server, shown::Shown};
use crate::{
    exit::{Exit, Trouble},
    lake::LakeArguments,
    settings::Settings,
    terminal,
};

/// What `mcp` takes.
#[derive(Debug, Args)]
pub(crate) struct McpArguments {
    #[command(flatten)]
    lake: LakeArguments,
    /// An answer has at most so many rows, whatever is asked for
    #[arg(long, default_value = "500", value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    max_rows: u32,
    /// An answer may take so long
    #[arg(long, default_value = "30", value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=3600))]
    max_seconds: u32,
    /// How much memory a query may use before it spills to disk, in MiB
    #[arg(long, default_value = "512", value_name = "MIB", value_parser = clap::value_parser!(u32).range(16..))]
    memory: u32,
}

/// Serves until stdin ends.
pub(crate) async fn run(arguments: McpArguments, settings: Settings) -> Result<Exit, Trouble> {
    let limits = Limits { rows: arguments.max_rows as usize, time: Duration::from_secs(arguments.max_seconds.into()) };
    // Opened before anybody asks: a lake that cannot be read is said to the person who starts this, not to an assistant.
    let shown = Shown::open(arguments.lake.open(&settings).await?, arguments.memory as usize).await?;
    terminal::say(format_args!("kms-insights mcp: {} is served on stdin and stdout, for reading; it ends with stdin", shown.place()));
    let failed = |error: &dyn std::fmt::Display| Trouble::failed(format_args!("the conversation on stdin and stdout: {error}"));
    let serving = match Server::new(shown, limits).serve(stdio_pipes()).await {
        Ok(serving) => serving,
        // Somebody who looks whether the program starts.
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => return Ok(Exit::Done),
        Err(error) => return Err(failed(&error).next("let an assistant start this command: docs/mcp.md says how")),
    };
    serving.waiting().await.map_err(|error| failed(&error))?;
    Ok(Exit::Done)
}
