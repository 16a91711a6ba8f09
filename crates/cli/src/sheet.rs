//! An answer for people, or its rows for programs: on stdout or in a file.

use std::{io::Write as _, path::PathBuf};

use clap::{Args, ValueEnum};
use kms_insights_query::{
    QueryResult,
    output::{self, Format as RowFormat, TableLayout},
};

use crate::{exit::Trouble, output_file::OutputFile, query, terminal};

/// How an answer is written, and where.
#[derive(Debug, Args)]
pub(crate) struct SheetArguments {
    /// The form of the answer
    #[arg(long, value_enum, default_value = "table", value_name = "FORMAT")]
    pub(crate) format: Format,
    /// Write to this file instead of stdout
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How much memory the lake's engine may use before it spills to disk, in MiB
    #[arg(long, default_value = "512", value_name = "MIB", value_parser = clap::value_parser!(u32).range(16..))]
    memory: u32,
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Headings and aligned columns
    Table,
    /// A line for each row
    Csv,
    /// One object
    Json,
    /// For a page or a ticket
    Markdown,
}

impl SheetArguments {
    /// How the engine runs.
    pub(crate) fn engine(&self) -> kms_insights_query::EngineOptions {
        kms_insights_query::EngineOptions { memory_limit: (self.memory as usize) << 20, ..kms_insights_query::EngineOptions::default() }
    }

    /// Puts text where it was asked for.
    pub(crate) fn put(&self, text: &str) -> Result<(), Trouble> {
        match (&self.output, self.format) {
            (Some(path), _) => {
                let mut file = OutputFile::create(path)?;
                file.writer().write_all(text.as_bytes()).map_err(|error| query::trouble(&error.into()))?;
                file.keep()
            }
            (None, Format::Json) => terminal::print(&terminal::printable_json(text)),
            (None, _) => terminal::print(text),
        }
    }

    /// Puts rows where they were asked for, as CSV.
    pub(crate) async fn put_rows(&self, result: QueryResult) -> Result<(), Trouble> {
        let Some(path) = &self.output else { return query::write_stdout(result, RowFormat::Csv).await.map(drop) };
        let mut file = OutputFile::create(path)?;
        output::write(result, RowFormat::Csv, TableLayout::default(), file.writer()).await.map_err(|error| query::trouble(&error))?;
        file.keep()
    }
}
