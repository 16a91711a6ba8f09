//! Athena's tables, from the declarations.

use std::fmt::Write;

use crate::table::{Partitioning, Table};

/// The database of the tables.
pub const DATABASE: &str = "kms_insights_database";
/// What stands for the lake's place in the generated statements: `athena setup` puts the real one in.
pub const LOCATION_PLACEHOLDER: &str = "${lake}";
/// The first day of partition projection: before it there was no snapshot.
const FIRST_DAY: &str = "2026-01-01";
/// The first day of events: AWS KMS came in November 2014, and few keep log files for longer than ten years.
const FIRST_EVENT_DAY: &str = "2014-11-01";

/// The statement that makes `table` known to Athena. `location` is the lake, such as `s3://bucket/prefix`, without a slash at its end.
///
/// Partition projection spares the crawler and `ADD PARTITION`: Athena computes the folders from the dates of the query. Source: "Use partition projection with
/// Amazon Athena" in the Athena User Guide.
pub fn create_table_sql(table: &Table, database: &str, location: &str) -> String {
    let location = location.trim_end_matches('/').replace('\'', "''");
    let mut sql = format!("CREATE EXTERNAL TABLE IF NOT EXISTS `{database}`.`{}` (\n", table.name);
    for (at, column) in table.columns.iter().enumerate() {
        let comma = if at + 1 < table.columns.len() { "," } else { "" };
        // Writing to a String cannot fail.
        let _ = writeln!(sql, "  `{}` {} COMMENT '{}'{comma}", column.name, column.column_type.athena(), comment(column.description));
    }
    let partition = table.partition.column();
    let _ = write!(
        sql,
        ")\nCOMMENT '{}'\nPARTITIONED BY (`{partition}` string COMMENT '{}')\nSTORED AS PARQUET\nLOCATION '{location}/{}/'\n",
        comment(table.description),
        table.partition.description(),
        table.name
    );
    let properties: Vec<String> = table_properties(table, &location).into_iter().map(|(name, value)| format!("  '{name}' = '{value}'")).collect();
    let _ = write!(sql, "TBLPROPERTIES (\n{}\n)", properties.join(",\n"));
    sql
}

/// The table's properties, as the catalog keeps them.
pub fn table_properties(table: &Table, location: &str) -> Vec<(String, String)> {
    let location = location.trim_end_matches('/');
    let partition = table.partition.column();
    // Events may be older than the first snapshot by as long as a trail's files are kept.
    let first_day = match table.partition {
        Partitioning::SnapshotDate | Partitioning::ScanDate => FIRST_DAY,
        Partitioning::LogDate | Partitioning::EventDate => FIRST_EVENT_DAY,
    };
    let projection = |name: &str| format!("projection.{partition}.{name}");
    vec![
        ("classification".to_owned(), "parquet".to_owned()),
        ("parquet.compression".to_owned(), "ZSTD".to_owned()),
        ("projection.enabled".to_owned(), "true".to_owned()),
        (projection("type"), "date".to_owned()),
        (projection("format"), "yyyy-MM-dd".to_owned()),
        // The days are UTC, and so is NOW: a day more would only be an empty folder.
        (projection("range"), format!("{first_day},NOW")),
        (projection("interval"), "1".to_owned()),
        (projection("interval.unit"), "DAYS".to_owned()),
        ("storage.location.template".to_owned(), format!("{location}/{}/{partition}=${{{partition}}}/", table.name)),
    ]
}

/// A description as the text of a comment: no Markdown, no quote, and within the 255 bytes that Glue admits for a column's comment.
pub fn comment(description: &str) -> String {
    const MAX_BYTES: usize = 255;
    let text = description.replace('`', "").replace('\'', "’").replace(';', ",");
    if text.len() <= MAX_BYTES {
        return text;
    }
    let ellipsis = '…';
    let mut end = MAX_BYTES - ellipsis.len_utf8();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    // Whole words.
    let end = text[..end].rfind(' ').unwrap_or(end);
    format!("{}{ellipsis}", text[..end].trim_end_matches([' ', ',', ':']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables;

    #[test]
    fn the_lake_is_named_in_location_and_template() {
        let sql = create_table_sql(&tables::grants::TABLE, DATABASE, "s3://kms-lake/inventory/");
        assert!(sql.contains("LOCATION 's3://kms-lake/inventory/grants/'"), "{sql}");
        assert!(sql.contains("'storage.location.template' = 's3://kms-lake/inventory/grants/snapshot_date=${snapshot_date}/'"), "{sql}");
        assert!(sql.contains("  `operations` array<string> COMMENT 'What the grantee may do.',"), "{sql}");
    }

    #[test]
    fn comments_are_short_and_cannot_end_the_statement() {
        let text = comment(&format!("it's `x`; {}", "wörd ".repeat(200)));
        assert!(text.len() <= 255 && text.ends_with('…') && text.starts_with("it’s x, "), "{text}");
    }
}
