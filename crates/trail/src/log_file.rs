//! One log file, from its bytes to its events.

use std::io::Read;

use flate2::bufread::GzDecoder;
use libdeflater::Decompressor;
use memchr::memmem;

use crate::{
    Problem, ProblemKind,
    event::{KmsEvent, Unreadable},
    scan::{Broken, KmsRecord, Scanner},
};

/// A text up to so long is decompressed in one piece, a longer one in pieces.
const ONE_PIECE: usize = 16 << 20;

/// The pieces.
const PIECE: usize = 1 << 20;

/// The longest text of a log file, uncompressed: CloudTrail's have some 50 MB.
pub const LONGEST_TEXT: u64 = 1 << 30;

/// A gzip member's first bytes: its mark and the one method there is.
const MEMBER: &[u8] = &[0x1f, 0x8b, 8];

/// Reads log files, one after the other, in the memory of the longest.
pub struct LogReader {
    decompressor: Decompressor,
    text: Vec<u8>,
    scanner: Scanner,
}

/// What came of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileReport {
    /// Bytes of text.
    pub text_bytes: u64,
    /// Records of all services.
    pub records: u64,
    /// Records of KMS.
    pub kms_records: u64,
    /// What is wrong with it, in the order in which it was found. At most [`MOST_PROBLEMS`] of them.
    pub problems: Vec<Problem>,
    /// How many there are in all.
    pub problem_count: u64,
}

/// So many problems of a file are told, and all are counted.
pub const MOST_PROBLEMS: usize = 16;

impl FileReport {
    fn problem(&mut self, kind: ProblemKind, offset: u64) {
        self.problem_count += 1;
        let problem = Problem { kind, offset };
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(problem);
        } else if kind.loses_records()
            && self.is_whole()
            && let Some(last) = self.problems.last_mut()
        {
            // That records are lost must be told, however many lesser problems stand before.
            *last = problem;
        }
    }

    /// Says that the file has no `Records`, though its name is that of a log file.
    pub fn lacks_records(&mut self) {
        self.problem(ProblemKind::NoRecords, 0);
    }

    /// Whether all that the file says is known.
    pub fn is_whole(&self) -> bool {
        !self.problems.iter().any(|problem| problem.kind.loses_records())
    }
}

impl Default for LogReader {
    fn default() -> Self {
        Self::new()
    }
}

impl LogReader {
    /// With the fastest ways that this processor has.
    pub fn new() -> Self {
        Self { decompressor: Decompressor::new(), text: Vec::new(), scanner: Scanner::new() }
    }

    /// Reads a file, `.json.gz` or `.json`. Each event that is sound is handed on, with the text of its record; of a file whose checksum is wrong that is none.
    pub fn read(&mut self, file: &[u8], mut found: impl FnMut(&KmsEvent<'_>, &str)) -> FileReport {
        let mut report = FileReport::default();
        self.scanner.restart();
        if MEMBER.starts_with(file) {
            // Cut within the mark, or before it.
            report.problem(ProblemKind::Truncated, file.len() as u64);
        } else if !file.starts_with(MEMBER) {
            let start = file.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(file.len());
            match file[start..].first() {
                Some(b'{' | 0xef) => self.text(file, 0, true, &mut report, &mut found).map_or((), drop),
                _ => report.problem(ProblemKind::NotALog, 0),
            }
            report.text_bytes = file.len() as u64;
        } else if let Some(len) = self.in_one_piece(file) {
            let text = std::mem::take(&mut self.text);
            self.text(&text[..len], 0, true, &mut report, &mut found);
            self.text = text;
            report.text_bytes = len as u64;
        } else {
            self.in_pieces(file, &mut report, &mut found);
        }
        let counted = self.scanner.counted();
        (report.records, report.kms_records) = (counted.records, counted.kms);
        report
    }

    /// Whether the last file had `Records`, be it without any.
    pub const fn found_records(&self) -> bool {
        self.scanner.found_records()
    }

    /// Decompresses a file that is what nearly all are: one sound gzip member of moderate length and nothing else.
    fn in_one_piece(&mut self, file: &[u8]) -> Option<usize> {
        // The last four bytes are the text's length if the file is sound, and anything if it is not.
        let claimed = u32::from_le_bytes(*file.last_chunk()?) as usize;
        if claimed > ONE_PIECE {
            return None;
        }
        if self.text.len() < claimed {
            self.text.resize(claimed, 0);
        }
        let len = self.decompressor.gzip_decompress(file, &mut self.text[..claimed]).ok()?;
        (len == claimed && !has_more(file, &self.text[..len])).then_some(len)
    }

    /// Decompresses any other file: several members, a long text, damage, more behind it. Once to know what is sound, and once more to read that.
    fn in_pieces(&mut self, file: &[u8], report: &mut FileReport, found: &mut impl FnMut(&KmsEvent<'_>, &str)) {
        let sound = sound_text(file, report);
        let mut text = std::mem::take(&mut self.text);
        let mut decoder = Members { rest: file, decoder: None };
        let (mut held, mut consumed, mut left) = (0_usize, 0_u64, sound);
        let mut outcome = Ok(0);
        while outcome.is_ok() {
            text.resize(text.len().max(held + PIECE), 0);
            let want = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE);
            let got = decoder.fill(&mut text[held..held + want]);
            left -= got as u64;
            held += got;
            let is_last = left == 0 || got == 0;
            outcome = self.text(&text[..held], consumed, is_last, report, found).ok_or(());
            if let Ok(done) = outcome {
                text.copy_within(done..held, 0);
                held -= done;
                consumed += done as u64;
            }
            if is_last {
                break;
            }
        }
        report.text_bytes = sound;
        text.truncate(ONE_PIECE);
        text.shrink_to(ONE_PIECE);
        self.text = text;
    }

    /// Goes over a piece of the text; `None` where nothing can be read behind it.
    fn text(&mut self, piece: &[u8], start: u64, is_last: bool, report: &mut FileReport, found: &mut impl FnMut(&KmsEvent<'_>, &str)) -> Option<usize> {
        let outcome = self.scanner.piece(piece, is_last, |record: KmsRecord<'_>| {
            let offset = start + record.at as u64;
            match KmsEvent::read(record) {
                Ok(event) => {
                    if record.is_mended {
                        report.problem(ProblemKind::NotUtf8, offset);
                    }
                    found(&event, record.text);
                }
                Err(Unreadable::Malformed(malformed)) => report.problem(ProblemKind::BadRecord, offset + malformed.at as u64),
                Err(Unreadable::Incomplete) => report.problem(ProblemKind::BadRecord, offset),
            }
        });
        match outcome {
            Ok(consumed) => Some(consumed),
            Err(Broken { at, what }) => {
                // A text of which the rest is lost ends in the midst of something, as was said already.
                let is_told = what == crate::Malformation::Ends && report.problems.iter().any(|problem| problem.kind.loses_rest());
                if !is_told {
                    report.problem(ProblemKind::NotRecords(what), start + at as u64);
                }
                None
            }
        }
    }
}

/// Whether there is more in a file than the gzip member with which it begins, whose text this is.
fn has_more(file: &[u8], text: &[u8]) -> bool {
    let Some((_, len)) = file.split_last_chunk::<4>() else { return false };
    // A member ends with the checksum and the length of its text, and nothing else does but by a rare chance. To look for the length takes less than to compute the checksum once more.
    let ends = memmem::Finder::new(len);
    let mut checksum = None;
    let mut from = 0;
    // The length with which the file ends is not looked at.
    while let Some(at) = ends.find(&file[from..file.len() - 1]).map(|at| from + at) {
        let checksum = checksum.get_or_insert_with(|| libdeflater::crc32(text).to_le_bytes());
        if file[..at].ends_with(&*checksum) {
            return true;
        }
        from = at + 1;
    }
    false
}

/// How much of the text is sound: up to the first member that is not.
fn sound_text(file: &[u8], report: &mut FileReport) -> u64 {
    let mut rest = file;
    let mut sound = 0;
    let mut sink = vec![0; 64 << 10];
    while !rest.is_empty() {
        let at = (file.len() - rest.len()) as u64;
        if !rest.starts_with(MEMBER) {
            let (kind, offset) = if MEMBER.starts_with(rest) { (ProblemKind::Truncated, file.len() as u64) } else { (ProblemKind::TrailingBytes, at) };
            report.problem(kind, offset);
            break;
        }
        let mut decoder = GzDecoder::new(rest);
        let mut member = 0;
        let ended = loop {
            match decoder.read(&mut sink) {
                Ok(0) => break Ok(()),
                Ok(got) => member += got as u64,
                Err(error) => break Err(error),
            }
            if sound + member > LONGEST_TEXT {
                report.problem(ProblemKind::TooLarge, LONGEST_TEXT);
                return 0;
            }
        };
        match ended {
            Ok(()) => {
                sound += member;
                rest = past_padding(decoder.into_inner());
            }
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                report.problem(ProblemKind::Truncated, file.len() as u64);
                return sound + member;
            }
            Err(error) => {
                let kind = if error.to_string().contains("checksum") { ProblemKind::BadChecksum } else { ProblemKind::Damaged };
                report.problem(kind, at);
                return sound;
            }
        }
    }
    sound
}

/// The texts of gzip members, one after the other.
struct Members<'f> {
    rest: &'f [u8],
    decoder: Option<GzDecoder<&'f [u8]>>,
}

impl Members<'_> {
    /// Fills the buffer, unless the texts end before. How much of it is filled.
    ///
    /// As a whole and not with what one member gives: what is read is gone over from the beginning of a record, and members may be tiny.
    fn fill(&mut self, into: &mut [u8]) -> usize {
        let mut filled = 0;
        while filled < into.len() {
            let decoder = match &mut self.decoder {
                Some(decoder) => decoder,
                None if self.rest.starts_with(MEMBER) => self.decoder.insert(GzDecoder::new(self.rest)),
                None => break,
            };
            // What was sound before is so again.
            match decoder.read(&mut into[filled..]).unwrap_or(0) {
                0 => self.rest = self.decoder.take().map_or(&[], |decoder| past_padding(decoder.into_inner())),
                got => filled += got,
            }
        }
        filled
    }
}

/// Without the blocks of zeros behind a member: that is how tapes, and tools that think of them, fill up.
fn past_padding(behind: &[u8]) -> &[u8] {
    let zeros = behind.iter().position(|byte| *byte != 0).unwrap_or(behind.len());
    &behind[zeros..]
}
