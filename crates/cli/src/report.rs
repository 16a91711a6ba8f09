//! `kms-insights report`.

use std::{
    io::{BufWriter, IsTerminal, Write},
    path::PathBuf,
    sync::Arc,
};

use clap::Args;
use kms_insights_query::output::TerminalWriter;
use kms_insights_report::report::{self, Format, ReportError};

use crate::{
    exit::{Exit, Trouble},
    lake::LakeArguments,
    output_file::OutputFile,
    query,
    settings::Settings,
};

/// What `report` takes.
#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    #[command(flatten)]
    lake: LakeArguments,
    /// How the report is written: html, json, csv (the findings), markdown (the summary)
    #[arg(long, default_value = "html", value_name = "FORMAT")]
    format: Format,
    /// Write to this file instead of stdout
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How much memory a question to the lake may use before it spills to disk, in MiB
    #[arg(long, default_value = "512", value_name = "MIB", value_parser = clap::value_parser!(u32).range(16..))]
    memory: u32,
}

/// Writes the report. That the snapshot is partial is told in it, and is no failure of it.
pub(crate) async fn run(arguments: ReportArguments, settings: Settings) -> Result<Exit, Trouble> {
    let on_terminal = arguments.output.is_none() && std::io::stdout().is_terminal();
    if on_terminal && arguments.format == Format::Html {
        return Err(Trouble::usage("a page for a browser is no text for a terminal")
            .next("name a file with --output, or redirect stdout; --format markdown is a summary to read"));
    }
    let lake = arguments.lake.open(&settings).await?;
    let engine = Arc::new(query::open(&lake, arguments.memory as usize).await?);
    if let Some(path) = &arguments.output {
        let mut file = OutputFile::create(path)?;
        report::write(engine, arguments.format, file.writer()).await.map_err(|error| trouble(&error))?;
        file.keep()?;
        return Ok(Exit::Done);
    }
    let stdout = BufWriter::new(std::io::stdout());
    let mut out: Box<dyn Write + Send> = if on_terminal { Box::new(TerminalWriter::new(stdout)) } else { Box::new(stdout) };
    match report::write(engine, arguments.format, &mut out).await {
        // A reader that went away, such as `head`, is no failure.
        Err(error) if error.is_broken_pipe() => {}
        written => written.map_err(|error| trouble(&error))?,
    }
    Ok(Exit::Done)
}

fn trouble(error: &ReportError) -> Trouble {
    match error {
        ReportError::Query(error) => query::trouble(error),
        ReportError::NoSnapshot => Trouble::failed(error).next("read the organization's keys into it with `kms-insights collect`"),
        _ => Trouble::failed(error),
    }
}
