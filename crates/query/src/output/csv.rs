//! RFC 4180, safe to open in a spreadsheet, also in one whose lists are separated by semicolons or tabs.

use std::io::Write;

use super::cell::{Cell, cell};
use crate::{engine::QueryResult, error::QueryError};

pub(super) async fn write<W: Write>(mut result: QueryResult, out: &mut W) -> Result<u64, QueryError> {
    let mut line = String::new();
    for (at, field) in result.schema().fields().iter().enumerate() {
        separate(&mut line, at);
        push_text(&mut line, field.name());
    }
    end(&mut line);
    out.write_all(line.as_bytes())?;
    let mut rows = 0_u64;
    while let Some(batch) = result.next().await {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            line.clear();
            for (at, column) in batch.columns().iter().enumerate() {
                separate(&mut line, at);
                match cell(column, row)? {
                    Cell::Null => {}
                    Cell::Text(text) => push_text(&mut line, &text),
                    Cell::Number(number) => line.push_str(&number),
                    Cell::Boolean(value) => line.push_str(if value { "true" } else { "false" }),
                    Cell::Nested(value) => push_text(&mut line, &value.to_string()),
                }
            }
            end(&mut line);
            out.write_all(line.as_bytes())?;
            rows += 1;
        }
    }
    out.flush()?;
    Ok(rows)
}

fn separate(line: &mut String, at: usize) {
    if at > 0 {
        line.push(',');
    }
}

fn end(line: &mut String) {
    line.push_str("\r\n");
}

/// A text field. An apostrophe keeps a spreadsheet from running what begins like a formula: an alias or a description may be anybody's.
///
/// A field may hold the beginning of another cell: where semicolons or tabs separate, and where a line ends, for a quote that opens in the middle of what such a
/// spreadsheet takes for a cell does not hold its lines together. Quotes after the separator may go with the new cell's, so what follows them counts as its beginning too.
fn push_text(line: &mut String, text: &str) {
    let whitespace = text.starts_with(['\t', '\r', '\n']);
    let quoted = text.is_empty() || text.starts_with(' ') || text.ends_with(' ') || text.contains([',', '"', '\r', '\n']);
    if quoted {
        line.push('"');
    }
    if whitespace {
        line.push('\'');
    }
    let mut begins = true;
    for c in text.chars() {
        if begins && matches!(c, '=' | '+' | '-' | '@') {
            line.push('\'');
        }
        begins = matches!(c, ';' | '\t' | '\r' | '\n') || (begins && c == '"');
        if c == '"' {
            line.push('"');
        }
        line.push(c);
    }
    if quoted {
        line.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must_be_and_formulas_are_text() {
        for (text, field) in [
            ("plain", "plain"),
            ("", "\"\""),
            ("a,b", "\"a,b\""),
            ("say \"so\"", "\"say \"\"so\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=cmd|'/c calc'!A0", "'=cmd|'/c calc'!A0"),
            ("@SUM(1,2)", "\"'@SUM(1,2)\""),
            ("-1", "'-1"),
            ("+1", "'+1"),
            ("\t=1", "'\t'=1"),
            ("\r=1", "\"'\r'=1\""),
            ("a=1", "a=1"),
            ("harmless;=cmd|'/c calc'!A0", "harmless;'=cmd|'/c calc'!A0"),
            ("a;@b;+c;-d", "a;'@b;'+c;'-d"),
            ("a\t=1", "a\t'=1"),
            ("a;\t=1", "a;\t'=1"),
            ("a\r\n=1\n-2", "\"a\r\n'=1\n'-2\""),
            ("a;\"=1\"", "\"a;\"\"'=1\"\"\""),
            ("\"=1", "\"\"\"'=1\""),
            ("a,=1", "\"a,=1\""),
            ("Principal is account;External account", "Principal is account;External account"),
            ("{\n  \"a\": -1\n}", "\"{\n  \"\"a\"\": -1\n}\""),
            ("2026-11-20; a=b; -x", "2026-11-20; a=b; -x"),
        ] {
            let mut line = String::new();
            push_text(&mut line, text);
            assert_eq!(line, field);
        }
    }
}
