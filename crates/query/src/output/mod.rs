//! Results as text or files. Rows are written as they come; only the table looks ahead, over a bounded number of rows, to find its widths.

mod cell;
mod csv;
mod json;
mod parquet;
mod table;
mod terminal;

use std::{collections::BTreeSet, fmt, io::Write, str::FromStr};

use datafusion::arrow::{array::RecordBatch, datatypes::Schema};

pub use cell::{Cell, cell};
pub use terminal::TerminalWriter;

use crate::{engine::QueryResult, error::QueryError};

/// How a result is written. Timestamps are ISO 8601 in UTC (`2026-11-22T06:03:00Z`) wherever they are text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Aligned columns for a terminal: control characters escaped, long cells cut with `…`, null as `NULL`, and the number of rows at the end. Where the columns
    /// do not fit the terminal, each row becomes a block of lines.
    #[default]
    Table,
    /// RFC 4180 with a header line. Null is an empty field, empty text is `""`. A text that a spreadsheet would take for a formula (it begins with `=`, `+`, `-`,
    /// `@`, a tab or a line break) gets a leading apostrophe. Lists and maps are JSON text.
    Csv,
    /// One array with an object per row, one row per line. Lists and maps are arrays and objects. A column name that occurs again gets a number: `keyid_2`.
    Json,
    /// The objects of [`Format::Json`], one per line, without the array.
    JsonLines,
    /// A Parquet file (zstd) with the result's types. A column name that occurs again gets a number.
    Parquet,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] = [Self::Table, Self::Csv, Self::Json, Self::JsonLines, Self::Parquet];

    /// The format's name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::JsonLines => "jsonl",
            Self::Parquet => "parquet",
        }
    }

    /// Whether the output is bytes that a terminal should not be sent.
    pub const fn is_binary(self) -> bool {
        matches!(self, Self::Parquet)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that is not the name of a format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a format (table, csv, json, jsonl, parquet)")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|format| format.as_str() == text).ok_or_else(|| UnknownFormat(text.chars().take(64).collect()))
    }
}

/// How the output of [`Format::Table`] is laid out; other formats do not look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableLayout {
    /// The width of the terminal; `None` where there is none, and nothing needs to fit.
    pub terminal_width: Option<usize>,
    /// The widest that a column may be before its cells are cut.
    pub max_cell_width: usize,
}

impl Default for TableLayout {
    fn default() -> Self {
        Self { terminal_width: None, max_cell_width: 80 }
    }
}

/// Writes a result and returns how many rows it had.
///
/// # Errors
/// When the query fails while it runs, or `out` does; what was written before that remains.
pub async fn write<W: Write + Send>(result: QueryResult, format: Format, layout: TableLayout, out: &mut W) -> Result<u64, QueryError> {
    match format {
        Format::Table => table::write(result, layout, out).await,
        Format::Csv => csv::write(result, out).await,
        Format::Json => json::write_array(result, out).await,
        Format::JsonLines => json::write_lines(result, out).await,
        Format::Parquet => parquet::write(result, out).await,
    }
}

/// The rows of a result that were asked for, each an object as [`Format::Json`] has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirstRows {
    /// The rows.
    pub rows: Vec<serde_json::Value>,
    /// Whether there are more.
    pub is_cut: bool,
}

/// The first rows of a result: at most so many, of at most so many bytes of JSON in all. The rest is not computed.
///
/// # Errors
/// When the query fails while it runs.
pub async fn first_rows(result: QueryResult, most_rows: usize, most_bytes: usize) -> Result<FirstRows, QueryError> {
    json::first_rows(result, most_rows, most_bytes).await
}

/// The rows of a batch, each the text of an object as [`Format::Json`] has it.
///
/// # Errors
/// When a column is of a type that cannot be shown, which no query's is.
pub fn objects(batch: &RecordBatch) -> Result<Vec<String>, QueryError> {
    json::objects(batch)
}

/// The columns' names, each once: SQL allows `SELECT a.keyid, b.keyid`, objects and files do not.
fn distinct_names(schema: &Schema) -> Vec<String> {
    let mut used: BTreeSet<String> = BTreeSet::new();
    let originals: BTreeSet<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    schema
        .fields()
        .iter()
        .map(|field| {
            let mut name = field.name().clone();
            let mut number = 2_usize;
            while used.contains(&name) || (name != *field.name() && originals.contains(name.as_str())) {
                name = format!("{}_{number}", field.name());
                number += 1;
            }
            used.insert(name.clone());
            name
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field};

    use super::*;

    #[test]
    fn a_name_that_occurs_again_gets_a_number_that_no_other_column_has() {
        let fields: Vec<Field> = ["a", "a", "a_2", "a", "b"].iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect();
        assert_eq!(distinct_names(&Schema::new(fields)), ["a", "a_3", "a_2", "a_4", "b"]);
    }

    #[test]
    fn formats_read_back_from_their_names() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        assert!("xml".parse::<Format>().is_err());
    }
}
