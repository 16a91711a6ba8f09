//! From the text of a log file, `{"Records": […]}`, to its records.
//!
//! The text may come in pieces. A piece is gone over once, but for the record that it ends in, which is looked at again when there is more of it.

use std::borrow::Cow;

use memchr::memmem;

use super::shape::{Measure, Shape};
use crate::problem::Malformation;

/// The longest record, or member beside `Records`, that is held in memory. CloudTrail's own records have at most 256 KiB.
pub(crate) const LONGEST_VALUE: usize = 16 << 20;

/// What of a text was gone over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Records of all services.
    pub(crate) records: u64,
    /// Records of KMS.
    pub(crate) kms: u64,
}

/// The text is no log file from there on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// How many bytes into the piece.
    pub(crate) at: usize,
    /// What is wrong there.
    pub(crate) what: Malformation,
}

/// A record of KMS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KmsRecord<'r> {
    /// How many bytes into the piece it begins.
    pub(crate) at: usize,
    /// The object.
    pub(crate) text: &'r str,
    /// Where its quotes and brackets are.
    pub(crate) marks: &'r [u32],
    /// Whether its strings may have escapes.
    pub(crate) may_escape: bool,
    /// Whether it is not what stands in the file: that is not UTF-8.
    pub(crate) is_mended: bool,
}

/// What may come next within an object or a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    ValueOrEnd,
    CommaOrEnd,
    Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the very beginning.
    Begin,
    /// Between two objects: files that were strung together are read one after the other.
    Outside,
    /// Among the members of the outermost object.
    Members(Next),
    /// Among the records.
    Records(Next),
}

/// Goes over the text of one file.
#[derive(Debug)]
pub(crate) struct Scanner {
    measure: Measure,
    state: State,
    shape: Shape,
    counted: Counted,
    found_records: bool,
    /// Finds what may stand for a letter.
    letters: memmem::Finder<'static>,
}

/// How an escape that can stand for a letter begins.
const SPELT_LETTER: &[u8] = b"\\u00";

/// A step: how far it went, or that the piece ends before it could be made.
type Step = Result<Option<usize>, Broken>;

impl Scanner {
    /// With the fastest way that this processor has.
    pub(crate) fn new() -> Self {
        Self {
            measure: super::fastest(),
            state: State::Begin,
            shape: Shape::default(),
            counted: Counted::default(),
            found_records: false,
            letters: memmem::Finder::new(SPELT_LETTER),
        }
    }

    /// Before a new file.
    pub(crate) fn restart(&mut self) {
        self.state = State::Begin;
        self.counted = Counted::default();
        self.found_records = false;
    }

    /// Whether this file has `Records`, be it without any.
    pub(crate) const fn found_records(&self) -> bool {
        self.found_records
    }

    /// What was gone over of this file.
    pub(crate) const fn counted(&self) -> Counted {
        self.counted
    }

    /// Goes over a piece, which begins where the last one was consumed up to. How much of it is consumed: all of the last piece, or the file is broken.
    pub(crate) fn piece(&mut self, piece: &[u8], is_last: bool, mut found: impl FnMut(KmsRecord<'_>)) -> Result<usize, Broken> {
        let mut at = 0;
        loop {
            at = past_space(piece, at);
            let Some(byte) = piece.get(at) else {
                return match self.state {
                    State::Outside => Ok(at),
                    _ if is_last => Err(Broken { at, what: Malformation::Ends }),
                    _ => Ok(at),
                };
            };
            let step = match self.state {
                State::Begin | State::Outside => self.document(piece, at, *byte),
                State::Members(next) => self.member(piece, at, *byte, next),
                State::Records(next) => self.record(piece, at, *byte, next, &mut found),
            };
            match step? {
                Some(next) if next - at <= LONGEST_VALUE => at = next,
                None if piece.len() - at <= LONGEST_VALUE => return if is_last { Err(Broken { at, what: Malformation::Ends }) } else { Ok(at) },
                // Even if it is there as a whole: whether it is depends on where the pieces begin.
                _ => return Err(Broken { at, what: Malformation::TooLong }),
            }
        }
    }

    fn document(&mut self, piece: &[u8], at: usize, byte: u8) -> Step {
        const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
        if byte == BYTE_ORDER_MARK[0] {
            let mark = &piece[at..piece.len().min(at + BYTE_ORDER_MARK.len())];
            return if mark == BYTE_ORDER_MARK {
                Ok(Some(at + mark.len()))
            } else if BYTE_ORDER_MARK.starts_with(mark) {
                Ok(None)
            } else {
                Err(Broken { at, what: Malformation::NoObject })
            };
        }
        if byte != b'{' {
            return Err(Broken { at, what: Malformation::NoObject });
        }
        self.state = State::Members(Next::ValueOrEnd);
        Ok(Some(at + 1))
    }

    fn member(&mut self, piece: &[u8], at: usize, byte: u8, next: Next) -> Step {
        match (byte, next) {
            (b'}', Next::ValueOrEnd | Next::CommaOrEnd) => {
                self.state = State::Outside;
                Ok(Some(at + 1))
            }
            (b',', Next::CommaOrEnd) => {
                self.state = State::Members(Next::Value);
                Ok(Some(at + 1))
            }
            (b'"', Next::ValueOrEnd | Next::Value) => {
                let Some(end) = past_string(piece, at) else { return Ok(None) };
                let colon = past_space(piece, end);
                match piece.get(colon) {
                    None => return Ok(None),
                    Some(b':') => {}
                    Some(_) => return Err(Broken { at: colon, what: Malformation::NoJson }),
                }
                let value = past_space(piece, colon + 1);
                let Some(first) = piece.get(value) else { return Ok(None) };
                let is_records = is_named_records(&piece[at + 1..end - 1]);
                self.found_records |= is_records;
                let end = match first {
                    b'[' if is_records => {
                        self.state = State::Records(Next::ValueOrEnd);
                        return Ok(Some(value + 1));
                    }
                    // Nothing but a list has records, and only `null` has none.
                    _ if is_records && *first != b'n' => return Err(Broken { at: value, what: Malformation::NoRecord }),
                    b'{' | b'[' => (self.measure)(&piece[value..], &mut self.shape).map(|len| value + len),
                    b'"' => past_string(piece, value),
                    _ => past_scalar(piece, value)?,
                };
                if end.is_some() {
                    self.state = State::Members(Next::CommaOrEnd);
                }
                Ok(end)
            }
            _ => Err(Broken { at, what: Malformation::NoJson }),
        }
    }

    #[inline]
    fn record(&mut self, piece: &[u8], at: usize, byte: u8, next: Next, found: &mut impl FnMut(KmsRecord<'_>)) -> Step {
        match (byte, next) {
            (b'{', Next::ValueOrEnd | Next::Value) => {
                let Some(len) = (self.measure)(&piece[at..], &mut self.shape) else { return Ok(None) };
                if len > LONGEST_VALUE {
                    return Ok(Some(at + len));
                }
                let bytes = &piece[at..at + len];
                self.counted.records += 1;
                let may_be_spelt_out = self.shape.has_escapes && self.letters.find(bytes).is_some();
                if self.shape.is_kms || may_be_spelt_out {
                    self.candidate(at, bytes, may_be_spelt_out, found);
                }
                self.state = State::Records(Next::CommaOrEnd);
                Ok(Some(at + len))
            }
            (b',', Next::CommaOrEnd) => {
                self.state = State::Records(Next::Value);
                Ok(Some(at + 1))
            }
            (b']', Next::ValueOrEnd | Next::CommaOrEnd) => {
                self.state = State::Members(Next::CommaOrEnd);
                Ok(Some(at + 1))
            }
            _ => Err(Broken { at, what: Malformation::NoRecord }),
        }
    }

    /// A record that is of KMS, or may turn out to be.
    fn candidate(&mut self, at: usize, bytes: &[u8], may_be_spelt_out: bool, found: &mut impl FnMut(KmsRecord<'_>)) {
        let mut text = std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed);
        let is_mended = matches!(text, Cow::Owned(_));
        if may_be_spelt_out {
            text = Cow::Owned(plainly_spelt(&text));
        }
        if matches!(text, Cow::Owned(_)) && (self.measure)(text.as_bytes(), &mut self.shape).is_none() {
            return;
        }
        if self.shape.is_kms {
            self.counted.kms += 1;
            let may_escape = self.shape.has_escapes;
            found(KmsRecord { at, text: &text, marks: self.shape.marks(text.len()), may_escape, is_mended });
        }
    }
}

/// The record with its names and values in plain letters. String by string and not as JSON, so that whatever else it has is no matter, and stays as it is.
#[cold]
fn plainly_spelt(record: &str) -> String {
    let mut plain = String::with_capacity(record.len());
    let mut rest = record;
    while let Some(start) = memchr::memchr(b'"', rest.as_bytes())
        && let Some(end) = past_string(rest.as_bytes(), start)
    {
        let written = &rest[start..end];
        let spelt_out = memmem::find(written.as_bytes(), SPELT_LETTER).is_some().then(|| serde_json::from_str(written)).and_then(Result::ok);
        plain.push_str(&rest[..start]);
        match spelt_out {
            Some(text) => plain.push_str(&serde_json::Value::String(text).to_string()),
            None => plain.push_str(written),
        }
        rest = &rest[end..];
    }
    plain + rest
}

fn past_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// Whether a name, as it is written, is `Records`.
fn is_named_records(name: &[u8]) -> bool {
    name == b"Records" || std::str::from_utf8(name).is_ok_and(|name| super::Raw::new(name).is("Records"))
}

/// The end of the string that begins at `start`.
fn past_string(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        match bytes[at] {
            b'"' => return Some(at + 1),
            _ => at += 2,
        }
    }
}

/// The end of the number or word that begins at `start`.
fn past_scalar(bytes: &[u8], start: usize) -> Step {
    let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace();
    match bytes[start..].iter().position(is_end) {
        Some(0) => Err(Broken { at: start, what: Malformation::NoJson }),
        len => Ok(len.map(|len| start + len)),
    }
}
