//! What can go wrong with a query, in the words of the person who wrote it.

use std::fmt::Write as _;

use datafusion::{
    arrow::error::ArrowError,
    common::{SchemaError, utils::datafusion_strsim::levenshtein},
    error::DataFusionError,
    sql::sqlparser::parser::ParserError,
};

use crate::text::printable;

/// Why a query has no result, or not all of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The lake holds no published run.
    #[error("{lake} holds no published snapshot: make one with `kms-insights collect --lake {lake}`, or try `kms-insights demo --lake {lake}`")]
    EmptyLake {
        /// The lake, as it was named.
        lake: String,
    },
    /// The lake cannot be read.
    #[error(transparent)]
    Lake(#[from] kms_insights_lake::LakeError),
    /// The statement is not SQL.
    #[error("syntax error{}: {message}{excerpt}", position.map(|(line, column)| format!(" at line {line}, column {column}")).unwrap_or_default())]
    Syntax {
        /// What the parser expected and found.
        message: String,
        /// Line and column, both from 1, where the parser knows them.
        position: Option<(usize, usize)>,
        /// The line with a mark below the place; empty where the position is not known. Begins with a line break.
        excerpt: String,
    },
    /// There is no statement.
    #[error("there is no SQL statement to run")]
    NoStatement,
    /// There are several statements.
    #[error("{count} statements were given; one query is run at a time")]
    SeveralStatements {
        /// How many.
        count: usize,
    },
    /// The statement is longer than any query needs to be.
    #[error("the statement has {bytes} bytes; at most {limit} are accepted")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// What is accepted.
        limit: usize,
    },
    /// The statement chains or nests more operators than any query needs.
    #[error("the statement has more than {limit} operators; a list of values is better written as IN (…)")]
    TooComplex {
        /// What is accepted.
        limit: usize,
    },
    /// The statement does something other than to read.
    #[error("{statement} is not accepted: the lake is only read (SELECT, WITH, VALUES, EXPLAIN, SHOW TABLES, SHOW COLUMNS, DESCRIBE)")]
    ReadOnly {
        /// What the statement does, such as `DROP`.
        statement: String,
    },
    /// A table or view that does not exist.
    #[error("there is no table or view {name}{}\nTables and views: {}", did_you_mean(suggestions), known.join(", "))]
    UnknownTable {
        /// The name as written.
        name: String,
        /// Names like it.
        suggestions: Vec<String>,
        /// Every table and view.
        known: Vec<String>,
    },
    /// A column that does not exist.
    #[error("there is no column {name}{}\nColumns: {}", did_you_mean(suggestions), known.join(", "))]
    UnknownColumn {
        /// The name as written.
        name: String,
        /// Names like it.
        suggestions: Vec<String>,
        /// The columns that can be named there.
        known: Vec<String>,
    },
    /// The statement is SQL, but has no meaning: types that do not fit, a column neither grouped nor aggregated, an unknown function.
    #[error("the query cannot be planned: {message}")]
    Invalid {
        /// The engine's words.
        message: String,
    },
    /// The query needs more memory than it may use, and could not spill.
    #[error("the query needs more than the {} MiB of memory it may use: narrow it, or raise the limit\n{message}", limit / (1024 * 1024))]
    OutOfMemory {
        /// The limit in bytes.
        limit: usize,
        /// The engine's words.
        message: String,
    },
    /// A file of the lake cannot be read.
    #[error("a file of the lake cannot be read: {message}")]
    Storage {
        /// The store's words.
        message: String,
    },
    /// The query failed while it ran, such as by a division by zero.
    #[error("the query failed: {message}")]
    Failed {
        /// The engine's words.
        message: String,
    },
    /// Athena gave no answer, or not all of it.
    #[error(transparent)]
    Athena(#[from] kms_insights_athena::AthenaError),
    /// The result cannot be written.
    #[error("the result cannot be written: {0}")]
    Output(#[from] std::io::Error),
}

fn did_you_mean(suggestions: &[String]) -> String {
    if suggestions.is_empty() { String::new() } else { format!(": did you mean {}?", suggestions.join(" or ")) }
}

/// The names most like `name`, three at most.
pub(crate) fn suggestions<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let name = name.to_lowercase();
    let mut ranked: Vec<(usize, &str)> = known
        .into_iter()
        .filter_map(|candidate| {
            let lower = candidate.to_lowercase();
            let distance = levenshtein(&name, &lower);
            let related = name.len() > 3 && lower.len() > 3 && (lower.contains(&name) || name.contains(&lower));
            (distance <= 1 + name.len() / 4 || related).then_some((distance, candidate))
        })
        .collect();
    ranked.sort_unstable();
    ranked.dedup();
    ranked.into_iter().take(3).map(|(_, candidate)| candidate.to_owned()).collect()
}

impl QueryError {
    /// An error of the parser, with the position that it gives only in its message.
    pub(crate) fn syntax(sql: &str, error: &ParserError) -> Self {
        let text = match error {
            ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.clone(),
            ParserError::RecursionLimitExceeded => "the statement is nested too deeply".to_owned(),
        };
        let (message, position) = match text.rsplit_once(" at Line: ") {
            Some((message, place)) => match place.split_once(", Column: ").map(|(line, column)| (line.parse(), column.parse())) {
                Some((Ok(line), Ok(column))) => (message.to_owned(), Some((line, column))),
                _ => (text.clone(), None),
            },
            None => (text.clone(), None),
        };
        let excerpt = position.map(|(line, column)| excerpt(sql, line, column)).unwrap_or_default();
        Self::Syntax { message: printable(&message), position, excerpt }
    }

    /// An error of planning.
    pub(crate) fn planning(error: &DataFusionError) -> Self {
        match root(error) {
            DataFusionError::SchemaError(schema, _) => Self::schema(schema),
            other => Self::Invalid { message: words(other) },
        }
    }

    fn schema(error: &SchemaError) -> Self {
        match error {
            SchemaError::FieldNotFound { field, valid_fields } => {
                // Columns are named as a person would: with the table only where that person named one.
                let name = match &field.relation {
                    Some(relation) => format!("{}.{}", relation.table(), field.name),
                    None => field.name.clone(),
                };
                let in_scope: Vec<_> = match &field.relation {
                    Some(relation) => valid_fields.iter().filter(|valid| valid.relation.as_ref().is_some_and(|of| of.table() == relation.table())).collect(),
                    None => Vec::new(),
                };
                let in_scope = if in_scope.is_empty() { valid_fields.iter().collect() } else { in_scope };
                let mut known: Vec<String> = in_scope.iter().map(|valid| valid.name.clone()).collect();
                known.dedup();
                Self::UnknownColumn {
                    suggestions: suggestions(&field.name, known.iter().map(String::as_str)),
                    name: printable(&name),
                    known: known.iter().map(|name| printable(name)).collect(),
                }
            }
            other => Self::Invalid { message: printable(&other.to_string()) },
        }
    }

    /// An error of a running query; `memory_limit` is what it may use.
    pub(crate) fn running(error: &DataFusionError, memory_limit: usize) -> Self {
        match root(error) {
            DataFusionError::ResourcesExhausted(message) => Self::OutOfMemory { limit: memory_limit, message: printable(message) },
            DataFusionError::SchemaError(schema, _) => Self::schema(schema),
            other @ (DataFusionError::Plan(_) | DataFusionError::NotImplemented(_)) => Self::Invalid { message: words(other) },
            other @ (DataFusionError::ObjectStore(_) | DataFusionError::ParquetError(_) | DataFusionError::IoError(_)) => {
                Self::Storage { message: words(other) }
            }
            other => Self::Failed { message: words(other) },
        }
    }
}

impl From<ArrowError> for QueryError {
    fn from(error: ArrowError) -> Self {
        Self::running(&DataFusionError::from(error), 0)
    }
}

fn root(error: &DataFusionError) -> &DataFusionError {
    match error.find_root() {
        DataFusionError::Collection(errors) => errors.first().map_or(error, root),
        root => root,
    }
}

fn words(error: &DataFusionError) -> String {
    let mut text = error.message().into_owned();
    if text.is_empty() {
        text = error.strip_backtrace();
    }
    if text.contains("OuterReferenceColumn") {
        // Trino and Athena plan these; the engine's own words are about its insides.
        return "UNNEST of a column, or a subquery that refers to a table beside it, is beyond the embedded engine: use contains, element_at or array_join, or ask Athena"
            .to_owned();
    }
    printable(&text)
}

/// The line of the error with a mark below the column, cut to what a terminal shows.
fn excerpt(sql: &str, line: usize, column: usize) -> String {
    const WINDOW: usize = 100;
    let Some(text) = line.checked_sub(1).and_then(|line| sql.lines().nth(line)) else { return String::new() };
    let at = column.saturating_sub(1);
    let from = at.saturating_sub(WINDOW / 2);
    let shown: String = text.chars().skip(from).take(WINDOW).collect();
    // The mark stands below the printable form, in which a tab has two characters.
    let before: String = shown.chars().take(at - from).collect();
    let mut excerpt = String::new();
    let _ = write!(excerpt, "\n    {}\n    {}^", printable(&shown), " ".repeat(crate::text::width(&printable(&before))));
    excerpt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_suggested_by_likeness_and_by_part() {
        let known = ["keys", "key_last_used", "kms_keys_table", "grants", "accounts"];
        assert_eq!(suggestions("kyes", known), ["keys"]);
        assert_eq!(suggestions("KEYS_TABLE", known), ["kms_keys_table", "keys"]);
        assert!(suggestions("zzzzzz", known).is_empty());
    }
}
