//! Text for a terminal: values come from AWS and are hostile until they are printable.

use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How many columns of a terminal `text` takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Whether a terminal would do something else with `c` than show it: control characters, and those that reorder or hide text.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// `text` with every unprintable character replaced by its escape: `\n`, `\t`, `\u{1b}`.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if is_unprintable(c) => {
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
            }
            c => shown.push(c),
        }
    }
    shown
}

/// `text` with every unprintable character but line breaks and tabs replaced by its escape in JSON, which is none of a terminal's business: `\u001b`.
pub(crate) fn printable_lines(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        // A carriage return alone would let a line be written over.
        let kept = matches!(c, '\n' | '\t') || (c == '\r' && characters.peek() == Some(&'\n')) || !is_unprintable(c);
        if kept {
            shown.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(shown, "\\u{unit:04x}");
        }
    }
    shown
}

/// `text` cut to at most `columns` of the terminal, with `…` where something was cut.
pub fn fit(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut shown = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > columns {
            break;
        }
        used += wide;
        shown.push(c);
    }
    shown.push('…');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_controls_and_reordering_become_visible() {
        assert_eq!(printable("a\u{1b}[31mb\r\n\t\u{202e}c\u{9b}d"), "a\\u{1b}[31mb\\r\\n\\t\\u{202e}c\\u{9b}d");
        assert_eq!(printable("Schlüssel 鍵 🔑"), "Schlüssel 鍵 🔑");
    }

    #[test]
    fn lines_keep_their_breaks_and_json_its_meaning() {
        assert_eq!(printable_lines("a\r\n\tb\rc\u{1b}[2J\u{9b}\u{202e}\u{e0001}\n"), "a\r\n\tb\\u000dc\\u001b[2J\\u009b\\u202e\\udb40\\udc01\n");
        let hostile = "\u{7f}\u{9b}\u{e0001}鍵";
        let json = serde_json::to_string(hostile).unwrap();
        assert_eq!(serde_json::from_str::<String>(&printable_lines(&json)).unwrap(), hostile);
    }

    #[test]
    fn long_text_is_cut_by_its_width_on_the_terminal() {
        assert_eq!(fit("abcdef", 6), "abcdef");
        assert_eq!(fit("abcdefg", 6), "abcde…");
        assert_eq!(fit("鍵鍵鍵鍵", 6), "鍵鍵…");
    }
}
