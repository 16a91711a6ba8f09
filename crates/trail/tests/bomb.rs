//! Compressed files that become very long: told as such, in little time and memory.
//!
//! Alone in a program of its own, so that the memory is that of this test.

// Clippy takes the functions that tests call for product code.
#![allow(clippy::unwrap_used)]

use std::io::Write as _;

use flate2::{Compress, Compression, FlushCompress, GzBuilder};
use kms_insights_trail::{FileReport, LONGEST_TEXT, LogReader, Malformation, Problem, ProblemKind};

const MIB: usize = 1 << 20;

/// A member of gzip, a MiB of one byte so many times, that says that it has ten bytes. A MiB is compressed once and repeated as it is.
fn bomb(byte: u8, mibs: usize) -> Vec<u8> {
    let mut block = Vec::with_capacity(MIB);
    Compress::new(Compression::best(), false).compress_vec(&vec![byte; MIB], &mut block, FlushCompress::Full).unwrap();
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    (0..mibs).for_each(|_| file.extend(&block));
    file.extend([3, 0]);
    file.extend([0, 0, 0, 0, 10, 0, 0, 0]);
    file
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut file = GzBuilder::new().write(Vec::new(), Compression::best());
    file.write_all(text).unwrap();
    file.finish().unwrap()
}

/// The most memory that this program ever had, in KiB; nothing where the system does not tell.
fn peak() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?.parse().ok()
}

fn report(kind: ProblemKind, offset: u64, text_bytes: u64, records: u64) -> FileReport {
    FileReport { text_bytes, records, problems: vec![Problem { kind, offset }], problem_count: 1, ..FileReport::default() }
}

#[test]
fn a_small_file_that_becomes_a_gib_takes_neither_its_memory_nor_long() {
    let mibs = usize::try_from(LONGEST_TEXT).unwrap() / MIB;
    let too_long = bomb(b' ', mibs + 1);
    let zeros = bomb(0, mibs + 1);
    let in_second_member = [gzip(br#"{"Records":[]}"#), bomb(b' ', mibs)].concat();
    // Not so long as to be no log file for that, and one string.
    let string = gzip(&[br#"{"Records":[{"a":""#, &*vec![b'k'; 100 * MIB]].concat());
    assert!(too_long.len() < 4 * MIB && zeros.len() < 4 * MIB && string.len() < MIB);
    let before = peak();
    let mut reader = LogReader::new();
    let mut read = |file: &[u8]| reader.read(file, |_, _| panic!("there is no record in it"));
    for file in [&too_long, &zeros, &in_second_member] {
        assert_eq!(read(file), report(ProblemKind::TooLarge, LONGEST_TEXT, 0, 0));
    }
    assert_eq!(read(&string), report(ProblemKind::NotRecords(Malformation::TooLong), 12, string_len(), 0));
    if let (Some(before), Some(after)) = (before, peak()) {
        assert!(after - before < 64 * 1024, "{before} KiB before, {after} KiB after");
    }
}

fn string_len() -> u64 {
    18 + 100 * MIB as u64
}
