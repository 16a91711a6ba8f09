//! A staged part: one zstd frame of JSON lines, written at once and never changed.

use std::{
    fmt,
    io::{BufRead, BufReader, Read, Write},
    str::FromStr,
};

use kms_insights_model::{AccountId, ApiAction, ErrorCode, Fact, FactName, Failure, KeyFacts, StagedRecord};
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use crate::LakeError;

/// The longest line that is written, and that is taken back: a key may have 50,000 grants (AWS KMS resource quotas).
pub const MAX_LINE_BYTES: usize = 64 << 20;
/// A part is written with as many bytes at most, decompressed, unless a single line is longer: a resumed run and a publication hold whole parts in memory.
const PART_BYTES: usize = 8 << 20;
/// The most that is taken back as one part, decompressed.
const MAX_PART_BYTES: u64 = (MAX_LINE_BYTES + PART_BYTES) as u64;
/// The largest compressed part that is fetched: text that does not compress at all, and some.
pub(super) const MAX_COMPRESSED_BYTES: u64 = MAX_PART_BYTES + (1 << 20);
/// The largest window that a frame may ask for (2^27 bytes), whatever its header says.
const MAX_WINDOW_LOG: u32 = 27;
const COMPRESSION_LEVEL: i32 = 1;

/// The kind of a part's records, in the order in which they must become durable: an account's record says that all the others are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// [`StagedRecord::Key`]
    Key,
    /// [`StagedRecord::Usage`]
    Usage,
    /// [`StagedRecord::History`]
    History,
    /// [`StagedRecord::Trails`]
    Trails,
    /// [`StagedRecord::Unit`]
    Unit,
    /// [`StagedRecord::Account`]
    Account,
}

impl Kind {
    /// Every kind, in the order of writing.
    pub(crate) const ALL: [Self; 6] = [Self::Key, Self::Usage, Self::History, Self::Trails, Self::Unit, Self::Account];

    /// The kind of a record.
    pub(super) const fn of(record: &StagedRecord) -> Self {
        match record {
            StagedRecord::Key(_) => Self::Key,
            StagedRecord::Usage(_) => Self::Usage,
            StagedRecord::History(_) => Self::History,
            StagedRecord::Trails(_) => Self::Trails,
            StagedRecord::Unit(_) => Self::Unit,
            StagedRecord::Account(_) => Self::Account,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Usage => "usage",
            Self::History => "history",
            Self::Trails => "trails",
            Self::Unit => "unit",
            Self::Account => "account",
        }
    }
}

/// The name of a part: `<kind>-<generation>-<sequence>.jsonl.zst`. Later generations win, and within one the later part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PartName {
    /// Which attempt at the run wrote the part.
    pub(super) generation: u32,
    /// The part's place among those of its kind.
    pub(super) sequence: u32,
    /// What the part holds.
    pub(super) kind: Kind,
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:04}-{:06}.jsonl.zst", self.kind.as_str(), self.generation, self.sequence)
    }
}

impl FromStr for PartName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut pieces = text.strip_suffix(".jsonl.zst").ok_or(())?.split('-');
        let (kind, generation, sequence) = (pieces.next().ok_or(())?, pieces.next().ok_or(())?, pieces.next().ok_or(())?);
        let kind = Kind::ALL.into_iter().find(|known| known.as_str() == kind).ok_or(())?;
        let name = Self { generation: generation.parse().map_err(|_| ())?, sequence: sequence.parse().map_err(|_| ())?, kind };
        // One name for one part: `key-1-1` is not `key-0001-000001`.
        if name.to_string() == text { Ok(name) } else { Err(()) }
    }
}

/// One record as a line. A key that takes more than readers take back loses its largest list, and says so in its place: one key must not end the run, and each attempt to
/// resume it.
pub(super) fn line(record: StagedRecord) -> Result<Vec<u8>, LakeError> {
    line_within(record, MAX_LINE_BYTES)
}

fn line_within(mut record: StagedRecord, limit: usize) -> Result<Vec<u8>, LakeError> {
    loop {
        let mut line = serde_json::to_vec(&record).map_err(|source| LakeError::Encode { what: what(&record), source })?;
        if line.len() < limit {
            line.push(b'\n');
            return Ok(line);
        }
        let was_cut = match &mut record {
            StagedRecord::Key(key) => cut_largest(key, limit),
            _ => false,
        };
        if !was_cut {
            return Err(LakeError::RecordTooLarge { what: what(&record), bytes: line.len(), limit });
        }
    }
}

fn what(record: &StagedRecord) -> String {
    match record {
        StagedRecord::Key(key) => key.arn.to_string(),
        StagedRecord::Usage(usage) => usage.arn.to_string(),
        StagedRecord::History(history) => history.arn.to_string(),
        StagedRecord::Trails(trails) => format!("the trails of account {} in {}", trails.account, trails.region),
        StagedRecord::Unit(unit) => format!("account {} in {}", unit.account, unit.region),
        StagedRecord::Account(account) => format!("account {}", account.account.id),
    }
}

/// Replaces the largest of the key's lists by its failure; `false` where none is left.
fn cut_largest(key: &mut KeyFacts, limit: usize) -> bool {
    let sizes = [
        (FactName::Grants, size(&key.grants)),
        (FactName::Tags, size(&key.tags)),
        (FactName::Rotations, size(&key.rotations)),
        (FactName::Aliases, size(&key.aliases)),
    ];
    let Some((name, bytes)) = sizes.into_iter().filter_map(|(name, size)| Some((name, size?))).max_by_key(|(_, bytes)| *bytes) else { return false };
    // No code is for an answer that AWS may give and that cannot be kept: this one asks to report it.
    let failed = |action| Failure::new(action, ErrorCode::InvalidResponse, format!("left out: it takes {bytes} bytes, and all of a key may take {limit}"));
    match name {
        FactName::Grants => key.grants = Fact::Failed(failed(ApiAction::KmsListGrants)),
        FactName::Tags => key.tags = Fact::Failed(failed(ApiAction::KmsListResourceTags)),
        FactName::Rotations => key.rotations = Fact::Failed(failed(ApiAction::KmsListKeyRotations)),
        _ => key.aliases = Fact::Failed(failed(ApiAction::KmsListAliases)),
    }
    true
}

/// How long a list is as JSON; `None` where there is none.
fn size<T: Serialize>(fact: &Fact<T>) -> Option<u64> {
    let mut counter = Counter(0);
    // A counter takes everything, and the record has just been written as JSON.
    serde_json::to_writer(&mut counter, fact.observed()?).ok().map(|()| counter.0)
}

struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Cuts whole lines into parts that every reader takes back.
pub(super) fn split(mut lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    let end_of_line = |at| at + 1;
    std::iter::from_fn(move || {
        let end = match lines.len() {
            0 => return None,
            length if length <= PART_BYTES => length,
            length => {
                let last = lines[..PART_BYTES].iter().rposition(|byte| *byte == b'\n');
                last.or_else(|| lines.iter().position(|byte| *byte == b'\n')).map_or(length, end_of_line)
            }
        };
        let (part, rest) = lines.split_at(end);
        lines = rest;
        Some(part)
    })
}

/// A whole part: one frame with a checksum, so that a damaged or truncated part is told apart from a short one.
pub(super) fn compress(lines: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), COMPRESSION_LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.write_all(lines)?;
    encoder.finish()
}

/// The lines of a part, one by one, decompressed as they are asked for.
pub(super) struct Lines<'a> {
    reader: BufReader<std::io::Take<zstd::Decoder<'static, BufReader<&'a [u8]>>>>,
    path: &'a Path,
    buffer: Vec<u8>,
    read: u64,
    count: u32,
}

impl<'a> Lines<'a> {
    pub(super) fn new(path: &'a Path, bytes: &'a [u8]) -> Result<Self, LakeError> {
        if bytes.is_empty() {
            return Err(corrupt(path, "it is empty"));
        }
        let mut decoder = zstd::Decoder::new(bytes).map_err(|error| corrupt(path, error.to_string()))?;
        decoder.window_log_max(MAX_WINDOW_LOG).map_err(|error| corrupt(path, error.to_string()))?;
        Ok(Self { reader: BufReader::new(decoder.take(MAX_PART_BYTES + 1)), path, buffer: Vec::new(), read: 0, count: 0 })
    }

    /// The next line with its number, from 0; `None` at the end of a sound part.
    pub(super) fn next(&mut self) -> Result<Option<(u32, &[u8])>, LakeError> {
        self.buffer.clear();
        let read =
            (&mut self.reader).take(MAX_LINE_BYTES as u64 + 1).read_until(b'\n', &mut self.buffer).map_err(|error| corrupt(self.path, error.to_string()))?;
        self.read += read as u64;
        if self.read > MAX_PART_BYTES {
            return Err(corrupt(self.path, format!("it holds more than {MAX_PART_BYTES} bytes")));
        }
        if read == 0 {
            return if self.count == 0 { Err(corrupt(self.path, "it holds no record")) } else { Ok(None) };
        }
        if self.buffer.pop() != Some(b'\n') {
            let reason = if read > MAX_LINE_BYTES { format!("a line exceeds {MAX_LINE_BYTES} bytes") } else { "its last line has no end".to_owned() };
            return Err(corrupt(self.path, reason));
        }
        let number = self.count;
        self.count += 1;
        Ok(Some((number, &self.buffer)))
    }
}

/// Reads one line as `T`.
pub(super) fn parse<'de, T: Deserialize<'de>>(path: &Path, number: u32, line: &'de [u8]) -> Result<T, LakeError> {
    serde_json::from_slice(line).map_err(|error| corrupt(path, format!("line {}: {error}", number + 1)))
}

/// Reads one line as a record of `account` and of the part's kind.
pub(super) fn record(path: &Path, account: AccountId, kind: Kind, number: u32, line: &[u8]) -> Result<StagedRecord, LakeError> {
    let record: StagedRecord = parse(path, number, line)?;
    if record.account() != account || Kind::of(&record) != kind {
        return Err(corrupt(path, format!("line {} does not belong into this part", number + 1)));
    }
    Ok(record)
}

pub(super) fn corrupt(path: &Path, reason: impl Into<String>) -> LakeError {
    LakeError::CorruptPart { path: path.to_string(), reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use kms_insights_model::Tag;

    use super::*;
    use crate::sample;

    #[test]
    fn a_key_loses_its_largest_lists_until_its_line_is_short_enough() {
        let mut key = sample::key(sample::arn(1, "eu-central-1", 1));
        key.tags = Fact::Observed(vec![Tag { key: "k".to_owned(), value: "x".repeat(10_000) }]);
        if let Fact::Observed(grants) = &mut key.grants {
            *grants = vec![grants[0].clone(); 100];
        }
        let whole = line_within(StagedRecord::Key(Box::new(key.clone())), 1 << 20).unwrap();
        let lacking = |limit| {
            let line = line_within(StagedRecord::Key(Box::new(key.clone())), limit).unwrap();
            assert!(line.len() <= limit && line.ends_with(b"\n"));
            let StagedRecord::Key(kept) = serde_json::from_slice(&line).unwrap() else { panic!("a key stays a key") };
            kept
        };
        assert_eq!(*lacking(whole.len()), key);
        let grants = serde_json::to_vec(key.grants.observed().unwrap()).unwrap().len();
        let limit = whole.len() - 1;
        let failure =
            Failure::new(ApiAction::KmsListGrants, ErrorCode::InvalidResponse, format!("left out: it takes {grants} bytes, and all of a key may take {limit}"));
        assert_eq!(*lacking(limit), KeyFacts { grants: Fact::Failed(failure), ..key.clone() });
        let kept = lacking(10_000);
        assert_eq!(
            kept.failures().map(|(name, failure)| (name, failure.code)).collect::<Vec<_>>(),
            [(FactName::Grants, ErrorCode::InvalidResponse), (FactName::Tags, ErrorCode::InvalidResponse)]
        );
    }

    #[test]
    fn a_record_that_cannot_be_cut_is_an_error_that_names_it() {
        let mut key = sample::key(sample::arn(1, "eu-central-1", 1));
        key.policy = Fact::Observed(kms_insights_model::PolicyText("x".repeat(5_000)));
        let mut unit = sample::unit(1, "eu-central-1", 1);
        unit.key_listing = Some(sample::denied(ApiAction::KmsListKeys));
        for (record, name) in [
            (StagedRecord::Key(Box::new(key.clone())), key.arn.to_string()),
            (StagedRecord::Unit(Box::new(unit)), "account 000000000001 in eu-central-1".to_owned()),
        ] {
            let error = line_within(record, 100).unwrap_err();
            assert!(matches!(&error, LakeError::RecordTooLarge { what, limit: 100, .. } if *what == name), "{error}");
        }
    }

    fn read(bytes: &[u8]) -> Result<Vec<Vec<u8>>, LakeError> {
        let path = Path::from("part");
        let mut lines = Lines::new(&path, bytes)?;
        let mut all = Vec::new();
        while let Some((_, line)) = lines.next()? {
            all.push(line.to_vec());
        }
        Ok(all)
    }

    #[test]
    fn names_read_back_and_foreign_names_are_not_parts() {
        let name = PartName { generation: 3, sequence: 17, kind: Kind::Usage };
        assert_eq!(name.to_string(), "usage-0003-000017.jsonl.zst");
        assert_eq!(name.to_string().parse(), Ok(name));
        for text in ["", "usage-3-17.jsonl.zst", "usage-0003-000017.jsonl", "other-0003-000017.jsonl.zst", "usage-0003-000017.jsonl.zst#1", "run.json"] {
            assert!(text.parse::<PartName>().is_err(), "{text}");
        }
    }

    #[test]
    fn lines_are_cut_at_their_ends_into_parts_of_bounded_size_or_of_one_line() {
        let sizes = [PART_BYTES / 2, PART_BYTES / 2, 10, PART_BYTES * 2, 1, PART_BYTES - 2];
        let lines: Vec<u8> = sizes.iter().flat_map(|size| [vec![b'x'; size - 1], vec![b'\n']].concat()).collect();
        let parts: Vec<&[u8]> = split(&lines).collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [PART_BYTES, 10, PART_BYTES * 2, PART_BYTES - 1]);
        assert!(parts.iter().all(|part| part.ends_with(b"\n")) && parts.concat() == lines);
        assert_eq!(split(b"").count(), 0);
    }

    #[test]
    fn lines_come_back_as_written() {
        assert_eq!(read(&compress(b"a\n\nccc\n").unwrap()).unwrap(), [b"a".to_vec(), b"".to_vec(), b"ccc".to_vec()]);
    }

    #[test]
    fn a_part_cut_off_anywhere_is_an_error() {
        let bytes = compress("{\"key\":\"0123456789\"}\n".repeat(1000).as_bytes()).unwrap();
        for length in 0..bytes.len() {
            assert!(matches!(read(&bytes[..length]), Err(LakeError::CorruptPart { .. })), "{length}");
        }
    }

    #[test]
    fn a_part_with_a_flipped_bit_is_an_error() {
        let lines: Vec<u8> = (0..500).flat_map(|n| format!("{{\"n\":{}}}\n", n * 7919 % 1013).into_bytes()).collect();
        let bytes = compress(&lines).unwrap();
        let sound = read(&bytes).unwrap();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            // A bit of the frame's header may be without meaning; then nothing is lost.
            if let Ok(lines) = read(&damaged) {
                assert_eq!(lines, sound, "byte {at}");
            }
        }
    }

    #[test]
    fn decompression_is_bounded() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        let zeros = vec![b'0'; 1 << 20];
        for _ in 0..80 {
            encoder.write_all(&zeros).unwrap();
        }
        let error = read(&encoder.finish().unwrap()).unwrap_err().to_string();
        assert!(error.contains("a line exceeds"), "{error}");
    }

    #[test]
    fn a_last_line_without_end_is_an_error() {
        assert!(read(&compress(b"a\nb").unwrap()).is_err());
    }
}
