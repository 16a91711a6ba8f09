//! Headings, sentences and tables, for a terminal or as Markdown. Whatever is put in may come from AWS, and is escaped where it is shown.

use std::fmt::Write as _;

use kms_insights_query::text::{fit, printable, width};

/// The widest that a cell is shown; what is longer is cut with `…`.
const WIDEST: usize = 100;

/// A page of headings, sentences and tables.
#[derive(Clone, Debug, Default)]
pub struct Sheet {
    blocks: Vec<Block>,
}

#[derive(Clone, Debug)]
enum Block {
    Heading(String),
    Sentence(String),
    Table { columns: Vec<Column>, rows: Vec<Vec<String>> },
    Group { title: String, rows: Vec<Vec<String>> },
}

/// A table's column.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Column {
    /// Text, to the left.
    Text(&'static str),
    /// Numbers, to the right.
    Number(&'static str),
}

impl Column {
    const fn name(self) -> &'static str {
        match self {
            Self::Text(name) | Self::Number(name) => name,
        }
    }
}

impl Sheet {
    pub(crate) fn heading(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Heading(text.into()));
    }

    pub(crate) fn sentence(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Sentence(text.into()));
    }

    pub(crate) fn table(&mut self, columns: &[Column], rows: Vec<Vec<String>>) {
        self.blocks.push(Block::Table { columns: columns.to_vec(), rows });
    }

    /// What belongs to one thing, which the title names.
    pub(crate) fn group(&mut self, title: impl Into<String>, rows: Vec<Vec<String>>) {
        self.blocks.push(Block::Group { title: title.into(), rows });
    }

    /// For a terminal: nothing in it is obeyed by one.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (at, block) in self.blocks.iter().enumerate() {
            if at > 0 && !matches!((&self.blocks[at - 1], block), (Block::Sentence(_), Block::Sentence(_))) {
                out.push('\n');
            }
            match block {
                Block::Heading(text) | Block::Sentence(text) => add(&mut out, &[&printable(text), "\n"]),
                Block::Table { columns, rows } => {
                    let names: Vec<String> = columns.iter().map(|column| column.name().to_owned()).collect();
                    let right: Vec<bool> = columns.iter().map(|column| matches!(column, Column::Number(_))).collect();
                    let rows = shown(rows);
                    let widths = widths(std::iter::once(&names).chain(&rows));
                    line(&mut out, "", &names, &widths, &right);
                    line(&mut out, "", &widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>(), &widths, &right);
                    for row in &rows {
                        line(&mut out, "", row, &widths, &right);
                    }
                }
                Block::Group { title, rows } => {
                    add(&mut out, &[&printable(title), "\n"]);
                    let rows = shown(rows);
                    let widths = widths(&rows);
                    for row in &rows {
                        line(&mut out, "  ", row, &widths, &[]);
                    }
                }
            }
        }
        out
    }

    /// As Markdown, in which no value is markup.
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        for (at, block) in self.blocks.iter().enumerate() {
            if at > 0 {
                out.push('\n');
            }
            match block {
                Block::Heading(text) => add(&mut out, &["## ", &literal(text), "\n"]),
                Block::Sentence(text) => add(&mut out, &[&literal(text), "\n"]),
                Block::Table { columns, rows } => {
                    let cells = |cells: &mut dyn Iterator<Item = String>| format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "));
                    out.push_str(&cells(&mut columns.iter().map(|column| literal(column.name()))));
                    out.push_str(&cells(&mut columns.iter().map(|column| if matches!(column, Column::Number(_)) { "---:" } else { "---" }.to_owned())));
                    for row in rows {
                        out.push_str(&cells(&mut row.iter().map(|cell| literal(&fit(&printable(cell), WIDEST)))));
                    }
                }
                Block::Group { title, rows } => {
                    add(&mut out, &["### ", &literal(title), "\n\n"]);
                    for row in rows {
                        let cells: Vec<String> = row.iter().filter(|cell| !cell.is_empty()).map(|cell| literal(&fit(&printable(cell), WIDEST))).collect();
                        add(&mut out, &["- ", &cells.join(" · "), "\n"]);
                    }
                }
            }
        }
        out
    }
}

fn add(out: &mut String, pieces: &[&str]) {
    out.extend(pieces.iter().copied());
}

fn shown(rows: &[Vec<String>]) -> Vec<Vec<String>> {
    rows.iter().map(|row| row.iter().map(|cell| fit(&printable(cell), WIDEST)).collect()).collect()
}

fn widths<'a>(rows: impl IntoIterator<Item = &'a Vec<String>>) -> Vec<usize> {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(width(cell));
        }
    }
    widths
}

fn line(out: &mut String, indent: &str, cells: &[String], widths: &[usize], right: &[bool]) {
    let mut line = indent.to_owned();
    for (at, (cell, widest)) in cells.iter().zip(widths).enumerate() {
        let padding = " ".repeat(widest.saturating_sub(width(cell)));
        if at > 0 {
            line.push_str("  ");
        }
        // Writing to a String cannot fail.
        let _ = if right.get(at) == Some(&true) { write!(line, "{padding}{cell}") } else { write!(line, "{cell}{padding}") };
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

/// A text of which Markdown, and the HTML in it, shows every character: whatever is punctuation of ASCII may be escaped, says `CommonMark`.
fn literal(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in printable(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '!' => {
                escaped.push('\\');
                escaped.push(c);
            }
            // What a page makes a link of by itself, or a mention of a person.
            ':' if escaped.ends_with("http") || escaped.ends_with("https") => escaped.push_str("&#58;"),
            '@' => escaped.push_str("&#64;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> Sheet {
        let mut sheet = Sheet::default();
        sheet.heading("Totals");
        sheet.sentence("Two <b>sentences</b>.");
        sheet.sentence("The second.");
        sheet.table(
            &[Column::Text("what"), Column::Number("dollars")],
            vec![vec!["a|b".to_owned(), "1.00".to_owned()], vec!["*".to_owned(), "12.00".to_owned()]],
        );
        sheet.group("arn:aws:kms:eu-central-1:111122223333:key/\u{1b}[31m", vec![vec!["state".to_owned(), String::new(), "a → [b](http://c)".to_owned()]]);
        sheet
    }

    #[test]
    fn a_terminal_is_shown_aligned_columns_and_obeys_nothing() {
        insta::assert_snapshot!(sheet().text());
    }

    #[test]
    fn markdown_takes_no_value_for_markup() {
        insta::assert_snapshot!(sheet().markdown());
    }

    #[test]
    fn a_long_value_is_cut() {
        let mut sheet = Sheet::default();
        sheet.table(&[Column::Text("policy")], vec![vec!["x".repeat(5000)]]);
        assert_eq!(sheet.text().lines().last().map(width), Some(WIDEST));
    }
}
