//! JSON: an array of objects, or an object per line.

use std::io::Write;

use datafusion::arrow::{array::RecordBatch, datatypes::Schema};

use super::{
    FirstRows,
    cell::{Cell, cell},
    distinct_names,
};
use crate::{engine::QueryResult, error::QueryError};

/// One document that any parser reads, and one row per line for those who look at lines.
pub(super) async fn write_array<W: Write>(mut result: QueryResult, out: &mut W) -> Result<u64, QueryError> {
    let names = keys(&result)?;
    let mut rows = 0_u64;
    let mut text = String::from("[");
    while let Some(batch) = result.next().await {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            text.push_str(if rows == 0 { "\n" } else { ",\n" });
            push_object(&mut text, &names, &batch, row)?;
            out.write_all(text.as_bytes())?;
            text.clear();
            rows += 1;
        }
    }
    text.push_str(if rows == 0 { "]\n" } else { "\n]\n" });
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(rows)
}

pub(super) async fn write_lines<W: Write>(mut result: QueryResult, out: &mut W) -> Result<u64, QueryError> {
    let names = keys(&result)?;
    let mut rows = 0_u64;
    let mut text = String::new();
    while let Some(batch) = result.next().await {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            push_object(&mut text, &names, &batch, row)?;
            text.push('\n');
            out.write_all(text.as_bytes())?;
            text.clear();
            rows += 1;
        }
    }
    out.flush()?;
    Ok(rows)
}

pub(super) async fn first_rows(mut result: QueryResult, most_rows: usize, most_bytes: usize) -> Result<FirstRows, QueryError> {
    let names = keys(&result)?;
    let mut first = FirstRows::default();
    let (mut text, mut bytes) = (String::new(), 0);
    while let Some(batch) = result.next().await {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            text.clear();
            push_object(&mut text, &names, &batch, row)?;
            bytes += text.len();
            if first.rows.len() == most_rows || bytes > most_bytes {
                first.is_cut = true;
                return Ok(first);
            }
            first.rows.push(serde_json::from_str(&text).map_err(|error| QueryError::Output(error.into()))?);
        }
    }
    Ok(first)
}

pub(super) fn objects(batch: &RecordBatch) -> Result<Vec<String>, QueryError> {
    let names = names(&batch.schema())?;
    let object = |row| {
        let mut text = String::new();
        push_object(&mut text, &names, batch, row).map(|()| text)
    };
    (0..batch.num_rows()).map(object).collect()
}

fn keys(result: &QueryResult) -> Result<Vec<String>, QueryError> {
    names(result.schema())
}

/// The names of the columns as they stand in each object: quoted, with their colon.
fn names(schema: &Schema) -> Result<Vec<String>, QueryError> {
    distinct_names(schema).iter().map(|name| Ok(format!("{}:", json_text(name)?))).collect()
}

fn json_text(text: &str) -> Result<String, QueryError> {
    serde_json::to_string(text).map_err(|error| QueryError::Output(error.into()))
}

fn push_object(text: &mut String, names: &[String], batch: &RecordBatch, row: usize) -> Result<(), QueryError> {
    text.push('{');
    for (at, (name, column)) in names.iter().zip(batch.columns()).enumerate() {
        if at > 0 {
            text.push(',');
        }
        text.push_str(name);
        match cell(column, row)? {
            Cell::Null => text.push_str("null"),
            Cell::Text(value) => text.push_str(&json_text(&value)?),
            Cell::Number(number) => text.push_str(&number),
            Cell::Boolean(value) => text.push_str(if value { "true" } else { "false" }),
            Cell::Nested(value) => text.push_str(&value.to_string()),
        }
    }
    text.push('}');
    Ok(())
}
