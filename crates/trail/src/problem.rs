//! What can be wrong with a log file: a closed list.

use std::fmt;

use serde::Serialize;

/// What is wrong with the JSON of a log file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Malformation {
    /// It is no object.
    NoObject,
    /// It is no JSON.
    NoJson,
    /// What stands among the records is none.
    NoRecord,
    /// It ends in the midst of something.
    Ends,
    /// One record is longer than may be held in memory.
    TooLong,
}

/// What is wrong with a log file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// Neither gzip nor JSON.
    NotALog,
    /// The compressed data ends too early. The records before the end count.
    Truncated,
    /// The checksum is not that of the text. Nothing of the gzip member counts: any byte of it may be wrong.
    BadChecksum,
    /// The compressed data is damaged. Nothing of the gzip member counts.
    Damaged,
    /// Behind the compressed data stands something that is none. What stands before counts.
    TrailingBytes,
    /// The text is longer than a log file may be. Nothing counts.
    TooLarge,
    /// The text is no `{"Records": […]}` from here on. The records before count.
    NotRecords(Malformation),
    /// The text has no `Records` at all, though the file's name is that of a log file.
    NoRecords,
    /// The file could not be fetched. The next scan tries again.
    NotFetched,
    /// One record of KMS has no sound time, name or id, or is no JSON. The others count.
    BadRecord,
    /// One record of KMS is not UTF-8. It counts, with a replacement for what is not.
    NotUtf8,
}

impl ProblemKind {
    /// The value in the tables and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotALog => "not_a_log",
            Self::Truncated => "truncated",
            Self::BadChecksum => "bad_checksum",
            Self::Damaged => "damaged",
            Self::TrailingBytes => "trailing_bytes",
            Self::TooLarge => "too_large",
            Self::NotRecords(_) => "not_records",
            Self::NoRecords => "no_records",
            Self::NotFetched => "not_fetched",
            Self::BadRecord => "bad_record",
            Self::NotUtf8 => "not_utf8",
        }
    }

    /// Whether something that the file should have said is not known.
    pub const fn loses_records(self) -> bool {
        !matches!(self, Self::NotUtf8 | Self::TrailingBytes)
    }

    /// Whether nothing is known of the text from there on, so that it ends where it would not.
    pub(crate) const fn loses_rest(self) -> bool {
        matches!(self, Self::Truncated | Self::BadChecksum | Self::Damaged | Self::TooLarge)
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotALog => "it is neither gzip nor a JSON object",
            Self::Truncated => "its compressed data ends too early: what stands before the end counts",
            Self::BadChecksum => "its checksum is not that of its text: nothing of it counts",
            Self::Damaged => "its compressed data is damaged: nothing of it counts",
            Self::TrailingBytes => "behind its compressed data stands something else: all before that counts",
            Self::TooLarge => "its text is longer than a log file may be: nothing of it counts",
            Self::NotRecords(Malformation::NoObject) => "its text is no JSON object: what stands before counts",
            Self::NotRecords(Malformation::NoJson) => "its text is no JSON from here on: what stands before counts",
            Self::NotRecords(Malformation::NoRecord) => "what stands among its records is none: those before count",
            Self::NotRecords(Malformation::Ends) => "its text ends in the midst of something: the records before count",
            Self::NotRecords(Malformation::TooLong) => "a record is longer than may be held in memory: those before count",
            Self::NoRecords => "it is named as a log file, and has no `Records`",
            Self::NotFetched => "it could not be fetched",
            Self::BadRecord => "a record of KMS cannot be read: the others count",
            Self::NotUtf8 => "a record of KMS is not UTF-8: it counts, with a replacement for what is not",
        })
    }
}

/// Something that is wrong with a log file, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Problem {
    /// What is wrong.
    pub kind: ProblemKind,
    /// How many bytes into the text, or into the file where the text cannot be known.
    pub offset: u64,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.offset, self.kind)
    }
}
