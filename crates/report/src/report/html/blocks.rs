//! Rows as the page carries them: pieces of JSON, deflated, as base64 in elements that a browser neither shows nor runs.
//!
//! Nothing of a value can end its element or be taken for markup: base64 has no such letters.

use std::{
    collections::HashMap,
    io::{self, Write},
};

use base64::{prelude::BASE64_STANDARD, write::EncoderWriter};
use flate2::{Compression, write::ZlibEncoder};
use kms_insights_query::{
    QueryResult,
    output::{Cell, cell},
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::report::ReportError;

/// So many rows of a table are one piece: what a browser decodes without a pause.
const ROWS: usize = 4096;

/// Writes one piece. `first` is the place of its first row.
pub(super) fn write_piece<W: Write>(out: &mut W, part: &str, first: u64, json: &[u8]) -> io::Result<()> {
    write!(out, "<script type=\"application/x-kms-insights\" data-part=\"{part}\" data-first=\"{first}\">")?;
    let mut encoder = ZlibEncoder::new(EncoderWriter::new(&mut *out, &BASE64_STANDARD), Compression::default());
    encoder.write_all(json)?;
    encoder.finish()?.finish()?;
    out.write_all(b"</script>\n")
}

/// Writes one value as a piece of its own.
pub(super) fn write_value<W: Write>(out: &mut W, part: &str, value: &impl Serialize) -> io::Result<()> {
    write_piece(out, part, 0, &serde_json::to_vec(value)?)
}

/// A column of a piece: the texts that occur in it and, for each row, which one.
#[derive(Default)]
struct Column {
    texts: Vec<String>,
    places: HashMap<String, usize>,
    rows: Vec<Value>,
}

impl Column {
    fn push(&mut self, cell: Cell<'_>) {
        let value = match cell {
            Cell::Null => Value::Null,
            Cell::Text(text) => {
                let next = self.texts.len();
                let place = *self.places.entry(text.into_owned()).or_insert_with_key(|text| {
                    self.texts.push(text.clone());
                    next
                });
                json!(place)
            }
            Cell::Number(number) => serde_json::from_str(&number).unwrap_or(Value::String(number)),
            Cell::Boolean(value) => Value::Bool(value),
            Cell::Nested(value) => Value::String(value.to_string()),
        };
        self.rows.push(value);
    }

    /// As the script reads it: `[texts, places]` of a column of texts, else `[null, values]`.
    fn take(&mut self) -> Value {
        let texts = std::mem::take(&mut self.texts);
        self.places.clear();
        let rows = std::mem::take(&mut self.rows);
        if texts.is_empty() { json!([null, rows]) } else { json!([texts, rows]) }
    }
}

/// The columns of a table's next piece.
pub(super) struct Columns {
    parts: Vec<Column>,
    names: Vec<String>,
    rows: usize,
    first: u64,
}

impl Columns {
    /// Writes all rows of a table, a piece at least, so that the script knows the columns of an empty one.
    pub(super) async fn write_all<W: Write>(out: &mut W, part: &str, mut result: QueryResult) -> Result<(), ReportError> {
        let names: Vec<String> = result.schema().fields().iter().map(|field| field.name().clone()).collect();
        let mut columns = Self { parts: names.iter().map(|_| Column::default()).collect(), names, rows: 0, first: 0 };
        while let Some(batch) = result.next().await {
            let batch = batch?;
            for row in 0..batch.num_rows() {
                for (column, values) in columns.parts.iter_mut().zip(batch.columns()) {
                    column.push(cell(values, row).map_err(kms_insights_query::QueryError::from)?);
                }
                columns.rows += 1;
                if columns.rows == ROWS {
                    columns.write(out, part)?;
                }
            }
        }
        if columns.rows > 0 || columns.first == 0 {
            columns.write(out, part)?;
        }
        Ok(())
    }

    fn write<W: Write>(&mut self, out: &mut W, part: &str) -> io::Result<()> {
        let values: Vec<Value> = self.parts.iter_mut().map(Column::take).collect();
        let piece = json!({ "rows": self.rows, "names": self.names, "columns": values });
        write_piece(out, part, self.first, &serde_json::to_vec(&piece)?)?;
        self.first += self.rows as u64;
        self.rows = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::ZlibDecoder;

    use super::*;

    fn decoded(element: &str) -> Value {
        let (head, rest) = element.split_once('>').unwrap();
        assert_eq!(head, "<script type=\"application/x-kms-insights\" data-part=\"keys\" data-first=\"7\"");
        let body = rest.strip_suffix("</script>\n").unwrap();
        assert!(body.chars().all(|c| c.is_ascii_alphanumeric() || "+/=".contains(c)), "{body}");
        let bytes = base64::Engine::decode(&BASE64_STANDARD, body).unwrap();
        let mut text = String::new();
        ZlibDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_value_comes_back_as_it_was_and_cannot_end_its_element() {
        let hostile = json!({ "alias": "</script><script>alert(1)</script><!--\u{2028}\u{202e}\"'" });
        let mut out = Vec::new();
        write_piece(&mut out, "keys", 7, hostile.to_string().as_bytes()).unwrap();
        assert_eq!(decoded(&String::from_utf8(out).unwrap()), hostile);
    }

    #[test]
    fn a_column_holds_each_text_once() {
        let mut column = Column::default();
        for text in ["a", "b", "a"] {
            column.push(Cell::Text(text.into()));
        }
        column.push(Cell::Null);
        assert_eq!(column.take(), json!([["a", "b"], [0, 1, 0, null]]));
        column.push(Cell::Number("1.5".to_owned()));
        column.push(Cell::Boolean(true));
        assert_eq!(column.take(), json!([null, [1.5, true]]));
    }
}
