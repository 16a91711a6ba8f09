//! Text from AWS on a terminal.

use std::{borrow::Cow, fmt::Write as _, io::Write};

use crate::exit::Trouble;

/// Prints data on stdout. A reader that went away, such as `head`, is no failure.
pub(crate) fn print(text: &str) -> Result<(), Trouble> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Trouble::failed(format_args!("stdout: {error}"))),
        _ => Ok(()),
    }
}

/// Says something on stderr. A closed stderr must not end anything.
pub(crate) fn say(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Replaces what a terminal would obey instead of show: control characters, and the marks that turn the direction of text.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c != '\n' && is_obeyed(c) { '\u{fffd}' } else { c }).collect()
}

fn is_obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The same for text of JSON, where an escape keeps what the text says: programs that write JSON escape less than a terminal needs.
pub(crate) fn printable_json(text: &str) -> Cow<'_, str> {
    // What of ASCII is obeyed stands between the values, or is escaped in them already.
    if text.is_ascii() || !text.chars().any(|c| !c.is_ascii() && is_obeyed(c)) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if !c.is_ascii() && is_obeyed(c) {
            // All of them have four digits. Writing to a String cannot fail.
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    escaped.into()
}

/// The program as it was called, for commands that a person may copy: `kms-insights` from the search path, or the way to the file.
pub(crate) fn program() -> String {
    std::env::args().next().filter(|called| called.contains('/') && !called.contains(char::is_whitespace)).unwrap_or_else(|| "kms-insights".to_owned())
}

/// A path as a shell takes it.
pub(crate) fn quoted(path: &str) -> String {
    let plain = !path.is_empty() && path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-:=+@%".contains(c));
    if plain { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

/// A count with its noun: `1 key`, `2 keys`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{} {noun}s", grouped(count)) }
}

/// Digits in groups of three: `12,345`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_codes_of_an_account_name_do_not_reach_the_terminal() {
        assert_eq!(printable("\u{1b}[2Jpay\u{202e}roll"), "\u{fffd}[2Jpay\u{fffd}roll");
    }

    #[test]
    fn json_says_the_same_with_what_a_terminal_would_obey_escaped() {
        let said = serde_json::json!({ "resource": "\u{9b}2J\u{202e}é\u{1b}\u{7f}" });
        let text = said.to_string();
        let shown = printable_json(&text);
        assert_eq!(shown, "{\"resource\":\"\\u009b2J\\u202eé\\u001b\u{7f}\"}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), said);
    }

    #[test]
    fn a_path_is_quoted_for_the_shell_where_it_must_be() {
        assert_eq!([quoted("s3://audit/kms"), quoted("my lake"), quoted("it's")], ["s3://audit/kms", "'my lake'", r"'it'\''s'"]);
    }

    #[test]
    fn counts_agree_with_their_nouns() {
        assert_eq!([counted(0, "key"), counted(1, "key"), counted(1_234_567, "key")], ["0 keys", "1 key", "1,234,567 keys"]);
    }
}
