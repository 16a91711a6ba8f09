//! Lines for people: text that a terminal shows and does not obey, in columns that fit.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::terminal::printable;

/// What stands between columns.
const GAP: usize = 2;
/// No column that may be wrapped is made narrower than this.
const NARROWEST: usize = 16;

/// A text on one line.
pub(super) fn line(text: &str) -> String {
    printable(text).replace('\n', "\u{fffd}")
}

/// A text in lines of that width, broken at spaces where there are any, else anywhere.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        if used > 0 && used + 1 + word.width() > width {
            lines.push(String::new());
            used = 0;
        } else if used > 0 {
            push(&mut lines, ' ');
            used += 1;
        }
        for letter in word.chars() {
            let wide = letter.width().unwrap_or(0);
            if used + wide > width && used > 0 {
                lines.push(String::new());
                used = 0;
            }
            push(&mut lines, letter);
            used += wide;
        }
    }
    lines
}

fn push(lines: &mut [String], letter: char) {
    if let Some(line) = lines.last_mut() {
        line.push(letter);
    }
}

/// Rows of columns, indented by two; where there are several, all but the first are wrapped where they must be for the rows to fit.
pub(super) fn columns<const N: usize>(rows: &[[String; N]], width: usize) -> String {
    let mut widths: [usize; N] = std::array::from_fn(|column| rows.iter().map(|row| row[column].width()).max().unwrap_or(0));
    let room = width.saturating_sub(2 + GAP * (N - 1));
    while widths.iter().sum::<usize>() > room {
        let Some(widest) = widths.iter_mut().skip(usize::from(N > 1)).max_by_key(|width| **width).filter(|width| **width > NARROWEST) else { break };
        *widest -= 1;
    }
    let mut text = String::new();
    for row in rows {
        let cells: [Vec<String>; N] = std::array::from_fn(|column| wrapped(&row[column], widths[column].max(1)));
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        for at in 0..height {
            let mut shown = "  ".to_owned();
            for (cell, width) in cells.iter().zip(widths) {
                let part = cell.get(at).map_or("", String::as_str);
                shown += part;
                shown += &" ".repeat(width.saturating_sub(part.width()) + GAP);
            }
            text += shown.trim_end();
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fit_by_wrapping_the_widest_but_never_the_first() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned);
        let rows = [row(["2026-03-01 10:00", "grant to role platform-of-many: Decrypt, Encrypt", "Terraform"]), row(["2026-03-02 10:00", "disabled", "鍵"])];
        assert_eq!(
            columns(&rows, 62),
            "  2026-03-01 10:00  grant to role platform-of-many:  Terraform\n\
             \x20                   Decrypt, Encrypt\n\
             \x20 2026-03-02 10:00  disabled                         鍵\n"
        );
        assert!(columns(&rows, 62).lines().all(|line| line.width() <= 62));
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown_on_one_line() {
        assert_eq!(line("a\u{1b}[2J\nb\u{202e}"), "a\u{fffd}[2J\u{fffd}b\u{fffd}");
        assert_eq!(wrapped("abcdefgh ij", 4), ["abcd", "efgh", "ij"]);
    }
}
