//! `docs/tables.md`, from the declarations.

use std::fmt::Write;

use crate::{column::ColumnType, table::Table, tables};

/// The page that describes every table.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Tables\n\n\
         Generated from the declarations in `crates/lake/src/tables`; `KMS_INSIGHTS_REGENERATE=1 cargo test -p kms-insights-lake generated` writes it anew.\n\n\
         The files are Parquet under `<lake>/<table>/snapshot_date=YYYY-MM-DD/`. Every table has the partition column `snapshot_date` (text, the day in UTC on which\n\
         the run began) beside its own. A run's rows are part of a snapshot only if `runs` has a row for it. Tables of scans of CloudTrail log files have another partition\n\
         column, named with each, and their rows count only if `trail_scans` has a row for their scan. Times are UTC, to the millisecond. *Source* names the API\n\
         actions that a column comes from; a column without one is kms-insights' own. Columns marked *null* admit null.\n\n",
    );
    for table in tables::every() {
        let _ = writeln!(page, "- [`{0}`](#{0}): {1}", table.name, first_sentence(table.description));
    }
    for table in tables::every() {
        section(&mut page, table);
    }
    page
}

fn section(page: &mut String, table: &Table) {
    let partition = if table.partition.is_of_scans() {
        format!(" Partitioned by `{}`: {}", table.partition.column(), table.partition.description())
    } else {
        String::new()
    };
    let _ = write!(page, "\n## {}\n\n{}{partition}\n\n| column | type | | description | source |\n|---|---|---|---|---|\n", table.name, table.description);
    for column in table.columns {
        let null = if column.nullable { "null" } else { "" };
        let source: Vec<String> = column.source.iter().map(|action| format!("`{action}`")).collect();
        let _ = writeln!(
            page,
            "| `{}` | {} | {null} | {} | {} |",
            column.name,
            type_name(column.column_type),
            column.description.replace('|', "\\|"),
            source.join(", ")
        );
    }
}

const fn type_name(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Text => "text",
        ColumnType::Boolean => "boolean",
        ColumnType::Integer => "integer",
        ColumnType::BigInt => "bigint",
        ColumnType::Double => "double",
        ColumnType::Timestamp => "timestamp",
        ColumnType::TextList => "list of text",
        ColumnType::TextMap => "map of text to text",
    }
}

fn first_sentence(text: &str) -> &str {
    text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.')
}
