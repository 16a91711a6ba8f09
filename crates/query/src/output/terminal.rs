//! What keeps values from being obeyed by a terminal.

use std::io::{Result, Write};

use crate::text::printable_lines;

/// Passes text on with control characters, and those that reorder or hide text, replaced by their escapes: for formats that are made for files and pipes, where
/// bytes stay as they are, when they are sent to a terminal.
#[derive(Debug)]
pub struct TerminalWriter<W> {
    out: W,
    /// The beginning of a character whose end is still to come, or a carriage return whose line feed may be.
    held: Vec<u8>,
}

impl<W: Write> TerminalWriter<W> {
    /// Writes to `out`.
    pub const fn new(out: W) -> Self {
        Self { out, held: Vec::new() }
    }

    fn pass_on(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(printable_lines(&String::from_utf8_lossy(bytes)).as_bytes())
    }
}

impl<W: Write> Write for TerminalWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.held.extend_from_slice(bytes);
        let whole = whole(&self.held);
        let rest = self.held.split_off(whole);
        let text = std::mem::replace(&mut self.held, rest);
        self.pass_on(&text)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        let rest = std::mem::take(&mut self.held);
        self.pass_on(&rest)?;
        self.out.flush()
    }
}

/// How many bytes can be judged without those that follow.
fn whole(bytes: &[u8]) -> usize {
    let text = match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    };
    if text == bytes.len() && bytes.last() == Some(&b'\r') { text - 1 } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_comes_in_pieces_is_judged_as_a_whole() {
        let text = "schlüssel 鍵 \u{1b}]0;x\u{7}\u{9b}31m\u{202e}\r\nend\r";
        let shown = "schlüssel 鍵 \\u001b]0;x\\u0007\\u009b31m\\u202e\r\nend\\u000d";
        for size in 1..=text.len() {
            let mut out = Vec::new();
            let mut writer = TerminalWriter::new(&mut out);
            for piece in text.as_bytes().chunks(size) {
                writer.write_all(piece).unwrap();
            }
            writer.flush().unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), shown, "in pieces of {size}");
        }
    }
}
