//! One statement, and only such as reads: what goes to Athena is not parsed here, for Athena knows more SQL than any parser of ours, but its first words say what it does.

use std::fmt;

use crate::error::AthenaError;

/// The longest statement that Athena takes, in bytes. Source: "Service Quotas" in the Amazon Athena User Guide.
const MAX_BYTES: usize = 262_144;

/// A statement that only reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement(String);

impl Statement {
    /// The statement of a person.
    ///
    /// # Errors
    /// When there is none, it is too long, or it does something other than to read.
    pub fn parse(sql: &str) -> Result<Self, AthenaError> {
        let text = sql.trim().trim_end_matches(|c: char| c == ';' || c.is_whitespace());
        if text.len() > MAX_BYTES {
            return Err(AthenaError::TooLong { bytes: text.len(), limit: MAX_BYTES });
        }
        let mut words = words(text);
        let mut first = words.next().ok_or(AthenaError::NoStatement)?;
        if first == "EXPLAIN" {
            // EXPLAIN ANALYZE runs what it explains.
            first = words
                .find(|word| {
                    !matches!(
                        word.as_str(),
                        "ANALYZE" | "VERBOSE" | "TYPE" | "FORMAT" | "LOGICAL" | "DISTRIBUTED" | "VALIDATE" | "IO" | "TEXT" | "JSON" | "GRAPHVIZ"
                    )
                })
                .unwrap_or_default();
        }
        match first.as_str() {
            "SELECT" | "WITH" | "VALUES" | "TABLE" | "SHOW" | "DESCRIBE" | "DESC" => Ok(Self(text.to_owned())),
            other => Err(AthenaError::ReadOnly { statement: other.chars().take(40).collect() }),
        }
    }

    /// All rows of a table or view.
    pub fn all_of(relation: &str) -> Self {
        Self(format!("SELECT * FROM \"{}\"", relation.replace('"', "\"\"")))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The words of a statement in upper case, without comments and punctuation. Enough for the words that a statement begins with: what stands in quotes comes later.
fn words(text: &str) -> impl Iterator<Item = String> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-' || c == '/'));
            if let Some(comment) = rest.strip_prefix("--") {
                rest = comment.split_once('\n').map_or("", |(_, after)| after);
            } else if let Some(comment) = rest.strip_prefix("/*") {
                rest = comment.split_once("*/").map_or("", |(_, after)| after);
            } else if rest.starts_with(['-', '/']) {
                rest = &rest[1..];
            } else {
                break;
            }
        }
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        (!word.is_empty()).then(|| word.to_ascii_uppercase())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_is_taken_without_its_semicolon() {
        for sql in [
            "SELECT 1",
            "-- who?\n/* and\n why */ (select 1)",
            "with x as (select 1) select * from x",
            "VALUES 1",
            "TABLE keys",
            "EXPLAIN SELECT 1",
            "explain analyze verbose select 1",
            "EXPLAIN (TYPE DISTRIBUTED, FORMAT JSON) SELECT 1",
            "SHOW TABLES",
            "DESCRIBE keys",
        ] {
            assert_eq!(Statement::parse(&format!(" {sql} ;\n")).unwrap().as_str(), sql);
        }
        assert_eq!(Statement::all_of("a\"b").as_str(), "SELECT * FROM \"a\"\"b\"");
    }

    #[test]
    fn what_writes_is_refused_wherever_its_word_stands() {
        for (sql, verb) in [
            ("DROP TABLE keys", "DROP"),
            ("/* SELECT */ insert into keys select 1", "INSERT"),
            ("EXPLAIN ANALYZE INSERT INTO keys SELECT 1", "INSERT"),
            ("UNLOAD (SELECT 1) TO 's3://x/' WITH (format = 'PARQUET')", "UNLOAD"),
            ("CREATE TABLE x AS SELECT 1", "CREATE"),
            ("EXECUTE prepared", "EXECUTE"),
            ("USING EXTERNAL FUNCTION f(x int) RETURNS int LAMBDA 'f' SELECT f(1)", "USING"),
        ] {
            let error = Statement::parse(sql).unwrap_err();
            assert!(matches!(&error, AthenaError::ReadOnly { statement } if statement == verb), "{sql}: {error}");
        }
        assert!(matches!(Statement::parse(" -- nothing\n;"), Err(AthenaError::NoStatement)));
        assert!(matches!(Statement::parse(&format!("SELECT '{}'", "x".repeat(MAX_BYTES))), Err(AthenaError::TooLong { .. })));
    }
}
