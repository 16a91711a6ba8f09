//! Who can use the key, as a table for people: one row for each way in, with all of its capabilities.

use std::{collections::HashMap, rc::Rc};

use kms_insights_policy::{
    Capability,
    access::{Certainty, Kind, WayIn},
};
use unicode_width::UnicodeWidthStr;

use crate::terminal::printable;

const HEADS: [&str; 5] = ["who", "trust", "capabilities", "fence", "certainty"];
/// What stands between columns.
const GAP: usize = 2;
/// No column is made narrower than this.
const NARROWEST: usize = 14;

/// What a row is about; ways that differ in nothing of it are one.
#[derive(PartialEq, Eq, Hash)]
struct Row {
    who: String,
    trust: &'static str,
    fence: String,
    certainty: String,
}

/// The table, at most so wide where that can be; nothing where nobody can use the key.
pub(super) fn text(ways: &[WayIn], width: usize) -> Option<String> {
    let rows = rows(ways);
    if rows.is_empty() {
        return None;
    }
    let cells: Vec<[String; 5]> = std::iter::once(HEADS.map(str::to_owned)).chain(rows).collect();
    let widths = widths(&cells, width);
    let mut lines = Vec::new();
    for (at, row) in cells.iter().enumerate() {
        let columns: Vec<Vec<String>> = row.iter().zip(widths).map(|(cell, width)| wrapped(cell, width)).collect();
        let height = columns.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            let padded = columns.iter().zip(widths).map(|(column, width)| {
                let text = column.get(line).map_or("", String::as_str);
                format!("{text}{}", " ".repeat(width.saturating_sub(text.width()) + GAP))
            });
            lines.push(format!("  {}", padded.collect::<String>()).trim_end().to_owned());
        }
        if at == 0 {
            lines.push(format!("  {}", widths.map(|width| "-".repeat(width)).join(&" ".repeat(GAP))));
        }
    }
    Some(lines.join("\n"))
}

fn rows(ways: &[WayIn]) -> Vec<[String; 5]> {
    // A key may have fifty thousand grants: the rows are found by what they are about.
    let mut known: HashMap<Rc<Row>, usize> = HashMap::new();
    let mut rows: Vec<(Rc<Row>, Vec<&'static str>)> = Vec::new();
    for way in ways.iter().filter(|way| way.kind != Kind::Intent) {
        let row = Row {
            who: match way.kind {
                Kind::Delegation => format!("{}, by its IAM", way.who),
                Kind::Access | Kind::Intent => way.who.to_string(),
            },
            trust: way.trust.as_str(),
            fence: if way.fence.is_empty() { "none".to_owned() } else { way.fence.to_string() },
            certainty: match &way.certainty {
                Certainty::Certain => "certain".to_owned(),
                Certainty::Unknown(reason) => format!("unknown: {reason}"),
            },
        };
        let capabilities = way.actions.capabilities().map(Capability::as_str);
        let row = Rc::new(row);
        let at = *known.entry(Rc::clone(&row)).or_insert(rows.len());
        if at == rows.len() {
            rows.push((row, Vec::new()));
        }
        if let Some((_, of_row)) = rows.get_mut(at) {
            capabilities.for_each(|capability| {
                if !of_row.contains(&capability) {
                    of_row.push(capability);
                }
            });
        }
    }
    let cells = |(row, capabilities): (Rc<Row>, Vec<&'static str>)| {
        let line = |text: &str| printable(text).replace('\n', "\u{fffd}");
        [line(&row.who), row.trust.to_owned(), capabilities.join(", "), line(&row.fence), line(&row.certainty)]
    };
    rows.into_iter().map(cells).collect()
}

/// As wide as the cells are, or as narrow as the widest of them must become for all to have room.
fn widths(cells: &[[String; 5]], width: usize) -> [usize; 5] {
    let mut widths = std::array::from_fn(|column| cells.iter().map(|row| row[column].width()).max().unwrap_or(0));
    let room = width.saturating_sub(2 + GAP * (widths.len() - 1));
    while widths.iter().sum::<usize>() > room {
        let Some(widest) = widths.iter_mut().max_by_key(|width| **width).filter(|width| **width > NARROWEST) else { break };
        *widest -= 1;
    }
    widths
}

/// The text in lines of that width, broken at spaces where there are any, else anywhere.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.width();
        if used > 0 && used + 1 + length > width {
            lines.push(String::new());
            used = 0;
        }
        let line = lines.last_mut();
        if used > 0
            && let Some(line) = line
        {
            line.push(' ');
            used += 1;
        }
        for c in word.chars() {
            let wide = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
            if used + wide > width && used > 0 {
                lines.push(String::new());
                used = 0;
            }
            if let Some(line) = lines.last_mut() {
                line.push(c);
            }
            used += wide;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{
        super::check::tests::{OPEN, checked, policy, question},
        *,
    };

    const FENCED: &str = r#"{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::222233334444:role/app"}, "Action": ["kms:Decrypt", "kms:Encrypt", "kms:GetKeyPolicy"],
        "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}"#;

    fn of(statements: &[&str], width: usize) -> String {
        text(&checked(&question(), policy(statements)).analysis.ways, width).unwrap()
    }

    #[test]
    fn a_way_in_is_one_row_with_all_of_its_capabilities() {
        let table = of(&[OPEN, FENCED], 200);
        let row = |start: &str| table.lines().find(|line| line.trim_start().starts_with(start)).unwrap_or_else(|| panic!("{table}")).to_owned();
        assert!(row("account 111122223333, by its IAM").contains("own_account"), "{table}");
        assert!(row("everyone").contains("public") && row("everyone").contains("decrypt, "), "{table}");
        let fenced = row("arn:aws:iam::222233334444:role/app");
        assert!(fenced.contains("aws:SourceIp is in 192.0.2.0/24") && fenced.contains("encrypt") && fenced.contains("unknown: "), "{table}");
        assert_eq!(table.matches("role/app").count(), 1, "what KMS does not offer to other accounts is nobody's: {table}");
    }

    #[test]
    fn a_narrow_table_loses_nothing() {
        let (wide, narrow) = (of(&[OPEN, FENCED], 400), of(&[OPEN, FENCED], 100));
        assert!(narrow.lines().all(|line| line.width() <= 100), "{narrow}");
        let letters = |table: &str| {
            let mut letters: Vec<char> = table.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
            letters.sort_unstable();
            letters
        };
        assert_eq!(letters(&wide), letters(&narrow));
    }

    #[test]
    fn where_nobody_comes_in_there_is_no_table() {
        assert_eq!(text(&[], 80), None);
    }

    #[test]
    fn what_a_policy_says_does_not_move_the_cursor() {
        let table = of(&[&FENCED.replace("192.0.2.0/24", "192.0.2.0/24\\u001b[2J\\n\\u202e")], 200);
        assert!(!table.contains(['\u{1b}', '\u{202e}']), "{table:?}");
    }
}
