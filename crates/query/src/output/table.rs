//! Aligned columns for a terminal.

use std::io::Write;

use datafusion::arrow::{array::RecordBatch, datatypes::SchemaRef};

use super::{
    TableLayout,
    cell::{Cell, cell, is_number},
};
use crate::{
    engine::QueryResult,
    error::QueryError,
    text::{fit, printable, width},
};

/// How many rows are looked at to find the columns' widths; later rows keep to these.
const LOOK_AHEAD: usize = 1000;

/// Two blanks between columns.
const GAP: usize = 2;

/// The narrowest that a column is made for the table to fit the terminal.
const NARROWEST: usize = 12;

pub(super) async fn write<W: Write>(mut result: QueryResult, layout: TableLayout, out: &mut W) -> Result<u64, QueryError> {
    let schema = result.schema().clone();
    let mut ahead: Vec<Vec<String>> = Vec::new();
    let mut ended = true;
    while let Some(batch) = result.next().await {
        push_rows(&batch?, layout, &mut ahead)?;
        if ahead.len() >= LOOK_AHEAD {
            ended = false;
            break;
        }
    }
    let mut writer = Writer::new(&schema, &ahead, layout);
    writer.head(out)?;
    let mut rows = 0_u64;
    loop {
        for row in ahead.drain(..) {
            writer.row(&row, out)?;
            rows += 1;
        }
        if ended {
            break;
        }
        match result.next().await {
            Some(batch) => push_rows(&batch?, layout, &mut ahead)?,
            None => ended = true,
        }
    }
    writeln!(out, "({rows} {})", if rows == 1 { "row" } else { "rows" })?;
    out.flush()?;
    Ok(rows)
}

/// The rows as text, each cell already cut to what the widest column may have.
fn push_rows(batch: &RecordBatch, layout: TableLayout, rows: &mut Vec<Vec<String>>) -> Result<(), QueryError> {
    for row in 0..batch.num_rows() {
        rows.push(batch.columns().iter().map(|column| Ok(fit(&shown(cell(column, row)?), layout.max_cell_width))).collect::<Result<_, QueryError>>()?);
    }
    Ok(())
}

/// Null is `NULL`; the text `NULL` is shown in quotes, and so is empty text, so that nobody takes the one for the other.
fn shown(cell: Cell<'_>) -> String {
    match cell {
        Cell::Null => "NULL".to_owned(),
        Cell::Text(text) if text.is_empty() || text == "NULL" => format!("'{text}'"),
        Cell::Text(text) => printable(&text),
        Cell::Number(number) => number,
        Cell::Boolean(value) => value.to_string(),
        Cell::Nested(value) => printable(&value.to_string()),
    }
}

struct Writer {
    names: Vec<String>,
    right: Vec<bool>,
    widths: Vec<usize>,
    /// Rows are blocks of lines, because the columns do not fit beside each other.
    blocks: bool,
    row: u64,
}

impl Writer {
    fn new(schema: &SchemaRef, ahead: &[Vec<String>], layout: TableLayout) -> Self {
        let names: Vec<String> = schema.fields().iter().map(|field| printable(field.name())).collect();
        let right = schema.fields().iter().map(|field| is_number(field.data_type())).collect();
        let mut widths: Vec<usize> =
            names.iter().enumerate().map(|(at, name)| ahead.iter().map(|row| width(&row[at])).chain([width(name)]).max().unwrap_or_default()).collect();
        let blocks = layout.terminal_width.is_some_and(|available| !shrink(&mut widths, available));
        Self { names, right, widths, blocks, row: 0 }
    }

    fn head<W: Write>(&self, out: &mut W) -> std::io::Result<()> {
        if self.blocks {
            return Ok(());
        }
        self.line(&self.names, out)?;
        let rule: Vec<String> = self.widths.iter().map(|width| "─".repeat(*width)).collect();
        writeln!(out, "{}", rule.join("  "))
    }

    fn row<W: Write>(&mut self, cells: &[String], out: &mut W) -> std::io::Result<()> {
        self.row += 1;
        if !self.blocks {
            return self.line(cells, out);
        }
        writeln!(out, "── row {}", self.row)?;
        let widest = self.names.iter().map(|name| width(name)).max().unwrap_or_default();
        for (name, cell) in self.names.iter().zip(cells) {
            writeln!(out, "{name}{}  {cell}", " ".repeat(widest - width(name)))?;
        }
        Ok(())
    }

    fn line<W: Write>(&self, cells: &[String], out: &mut W) -> std::io::Result<()> {
        let mut line = String::new();
        for (at, cell) in cells.iter().enumerate() {
            let cell = fit(cell, self.widths[at]);
            let padding = " ".repeat(self.widths[at].saturating_sub(width(&cell)));
            if at > 0 {
                line.push_str("  ");
            }
            if self.right[at] {
                line.push_str(&padding);
                line.push_str(&cell);
            } else {
                line.push_str(&cell);
                line.push_str(&padding);
            }
        }
        writeln!(out, "{}", line.trim_end())
    }
}

/// Narrows the widest columns until the line fits; `false` where that would leave too little of them to read.
fn shrink(widths: &mut [usize], available: usize) -> bool {
    let gaps = GAP * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > available {
        let Some(widest) = widths.iter_mut().max() else { return true };
        if *widest <= NARROWEST {
            return false;
        }
        *widest -= 1;
    }
    true
}
