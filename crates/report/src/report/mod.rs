//! The report: everything that a snapshot says and does not say, in one document for people who were not there.
//!
//! All rows come from the views and tables by SQL, as a stream: nothing here knows how a judgement is made, and memory does not grow with the organization.

mod csv;
#[cfg(test)]
mod fixture;
mod html;
mod json;
mod markdown;
mod reading;
mod sections;
mod summary;
#[cfg(test)]
mod tests;
mod wording;

use std::{fmt, io::Write, str::FromStr, sync::Arc};

use kms_insights_query::{Engine, QueryError};

use self::reading::Reader;

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One self-contained page for a browser, which asks no network for anything.
    #[default]
    Html,
    /// One object, as docs/report.md describes it.
    Json,
    /// The findings, one row each, with what a spreadsheet needs to know of their keys.
    Csv,
    /// The summary, for a ticket or a wiki.
    Markdown,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Html, Self::Json, Self::Csv, Self::Markdown];

    /// The format's name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Markdown => "markdown",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that is not the name of a format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a format (html, json, csv, markdown)")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|format| format.as_str() == text).ok_or_else(|| UnknownFormat(text.chars().take(64).collect()))
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The lake holds scans of log files, and no inventory.
    #[error("the lake has no snapshot to report on: no run of `collect` was published in it")]
    NoSnapshot,
    /// The lake cannot be asked.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The report cannot be written.
    #[error("the report cannot be written: {0}")]
    Output(#[from] std::io::Error),
    /// An answer of the engine has another form than this program expects.
    #[error("{what}: {error}")]
    Unexpected {
        /// What was asked for.
        what: &'static str,
        /// What is wrong with it.
        error: serde_json::Error,
    },
}

impl ReportError {
    /// Whether whoever reads the output went away, as `head` does.
    pub fn is_broken_pipe(&self) -> bool {
        let (Self::Output(error) | Self::Query(QueryError::Output(error))) = self else { return false };
        error.kind() == std::io::ErrorKind::BrokenPipe
    }
}

/// Writes the report on the snapshots that the views show.
///
/// # Errors
/// When the lake cannot be read, has no snapshot, or `out` cannot be written; what was written before that remains.
pub async fn write<W: Write + Send>(engine: Arc<Engine>, format: Format, out: &mut W) -> Result<(), ReportError> {
    let reader = Reader::open(engine).await?;
    match format {
        Format::Html => html::write(&reader, out).await?,
        Format::Json => json::write(&reader, out).await?,
        Format::Csv => csv::write(&reader, out).await?,
        Format::Markdown => markdown::write(&reader, out).await?,
    }
    out.flush()?;
    Ok(())
}
