//! `kms-insights export`: findings for other tools.

use std::{
    io::{BufWriter, IsTerminal, Write},
    path::PathBuf,
};

use clap::{Args, ValueEnum};
use kms_insights_findings::Severity;
use kms_insights_query::output::TerminalWriter;
use kms_insights_report::export::{self, ExportError, Standard};

use crate::{
    exit::{Exit, Trouble},
    lake::LakeArguments,
    output_file::OutputFile,
    query,
    settings::Settings,
    terminal::{counted, say},
};

/// What `export` takes.
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    lake: LakeArguments,
    /// The format: sarif (2.1.0), ocsf (Compliance Finding 1.8.0, a line each), asff (AWS Security Hub)
    #[arg(long, value_name = "FORMAT")]
    format: Standard,
    /// Only findings at least as bad
    #[arg(long, value_enum, default_value = "info", value_name = "SEVERITY")]
    at_least: AtLeast,
    /// Write to this file instead of stdout
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How much memory the question to the lake may use before it spills to disk, in MiB
    #[arg(long, default_value = "512", value_name = "MIB", value_parser = clap::value_parser!(u32).range(16..))]
    memory: u32,
}

/// How bad a finding must be.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum AtLeast {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

impl From<AtLeast> for Severity {
    fn from(at_least: AtLeast) -> Self {
        match at_least {
            AtLeast::Info => Self::Info,
            AtLeast::Low => Self::Low,
            AtLeast::Medium => Self::Medium,
            AtLeast::High => Self::High,
            AtLeast::Critical => Self::Critical,
        }
    }
}

/// Writes the findings of the runs that views show.
pub(crate) async fn run(arguments: ExportArguments, settings: Settings) -> Result<Exit, Trouble> {
    let lake = arguments.lake.open(&settings).await?;
    let engine = query::open(&lake, arguments.memory as usize).await?;
    let at_least = arguments.at_least.into();
    if let Some(path) = &arguments.output {
        let mut file = OutputFile::create(path)?;
        let written = export::write(&engine, arguments.format, at_least, file.writer()).await.map_err(|error| trouble(&error))?;
        file.keep()?;
        say(format_args!("{} in {}", counted(written, "finding"), path.display()));
        return Ok(Exit::Done);
    }
    let stdout = std::io::stdout();
    let mut out: Box<dyn Write + Send> =
        if stdout.is_terminal() { Box::new(TerminalWriter::new(BufWriter::new(stdout))) } else { Box::new(BufWriter::new(stdout)) };
    match export::write(&engine, arguments.format, at_least, &mut out).await {
        // A reader that went away, such as `head`, is no failure.
        Err(error) if error.is_broken_pipe() => Ok(Exit::Done),
        written => written.map(|_| Exit::Done).map_err(|error| trouble(&error)),
    }
}

fn trouble(error: &ExportError) -> Trouble {
    match error {
        ExportError::Query(error) => query::trouble(error),
        ExportError::NoSnapshot => Trouble::failed(error).next("read the organization's keys into it with `kms-insights collect`"),
        _ => Trouble::failed(error),
    }
}
