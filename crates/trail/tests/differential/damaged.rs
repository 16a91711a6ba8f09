use kms_insights_trail::{LogReader, ProblemKind};
use proptest::{
    prelude::*,
    sample::{Index, select},
};

use crate::{
    compared::gzip,
    full_parse::{Event, Log, contradicts, read},
    generated::log,
};

/// A change of some bytes.
#[derive(Clone, Debug)]
enum Change {
    Flip(Index, u8),
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Cut(Index),
    /// What stands at one place is written over another.
    Copy(Index, Index, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let telling = select(b"\"\\{}[],:x0 \n\0\xc3\xef\x1f".to_vec());
    let piece = select(vec![
        "\"",
        "\\",
        "\\\"",
        "{",
        "}",
        "]",
        ",",
        "\":\"",
        "},{",
        "]}",
        "]}{\"Records\":[",
        "\"eventSource\":\"kms.amazonaws.com\",",
        "\"eventSource\":\"s3.amazonaws.com\",",
        "\\u006b",
        "\u{feff}",
        "null",
    ])
    .prop_map(|piece| piece.as_bytes().to_vec());
    prop_oneof![
        3 => (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Change::Flip(at, 1 << bit)),
        3 => (any::<Index>(), telling).prop_map(|(at, byte)| Change::Set(at, byte)),
        3 => (any::<Index>(), prop_oneof![piece, prop::collection::vec(any::<u8>(), 1..9)]).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        2 => (any::<Index>(), 1..40_usize).prop_map(|(at, len)| Change::Remove(at, len)),
        1 => any::<Index>().prop_map(Change::Cut),
        1 => (any::<Index>(), any::<Index>(), 1..100_usize).prop_map(|(from, to, len)| Change::Copy(from, to, len)),
    ]
}

/// Makes the change, and says how many bytes before it are as they were.
fn make(change: &Change, bytes: &mut Vec<u8>) -> usize {
    if bytes.is_empty() {
        return 0;
    }
    let len = bytes.len();
    match change {
        Change::Flip(at, bits) => {
            bytes[at.index(len)] ^= bits;
            at.index(len)
        }
        Change::Set(at, byte) => {
            bytes[at.index(len)] = *byte;
            at.index(len)
        }
        Change::Insert(at, new) => {
            bytes.splice(at.index(len)..at.index(len), new.iter().copied());
            at.index(len)
        }
        Change::Remove(at, count) => {
            bytes.drain(at.index(len)..len.min(at.index(len) + count));
            at.index(len)
        }
        Change::Cut(at) => {
            bytes.truncate(at.index(len));
            at.index(len)
        }
        Change::Copy(from, to, count) => {
            let piece = bytes[from.index(len)..len.min(from.index(len) + count)].to_vec();
            let end = len.min(to.index(len) + piece.len());
            bytes.splice(to.index(len)..end, piece);
            to.index(len)
        }
    }
}

proptest! {
    #[test]
    fn what_stands_before_the_damage_is_read_and_what_is_read_is_what_it_says(text in log(), changes in prop::collection::vec(change(), 1..4)) {
        let mut damaged = text.clone().into_bytes();
        let intact = changes.iter().map(|change| make(change, &mut damaged)).min().unwrap_or(0);
        let mut events = Vec::new();
        let mut contradicted = None;
        let report = LogReader::new().read(&damaged, |event, record| {
            let event = Event::from(event);
            if contradicts(record, &event) {
                contradicted = Some(record.to_owned());
            }
            events.push(event);
        });
        prop_assert_eq!(contradicted, None);
        prop_assert!(report.kms_records <= report.records && events.len() as u64 <= report.kms_records);
        prop_assert!(report.problems.iter().all(|problem| problem.offset <= damaged.len() as u64));

        // The records that end before the damage are read as before.
        let before = Log::parse(text.as_bytes()).unwrap().within(intact).outcome().unwrap();
        prop_assert!(report.records >= before.report.records);
        let expected: Vec<Event> = before.events.into_iter().map(|(event, _)| event).collect();
        prop_assert_eq!(&events[..expected.len().min(events.len())], &expected[..]);

        // If it is a log all the same, it is read as one.
        if let Some(expected) = Log::parse(&damaged).and_then(|log| log.outcome()) {
            prop_assert_eq!(read(&damaged), expected);
        }
    }

    #[test]
    fn whatever_the_bytes_are_the_reader_comes_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..600), within in 0..5_usize) {
        let file = match within {
            0 => bytes,
            1 => gzip(&bytes, 1),
            2 => [&b"\x1f\x8b\x08"[..], &bytes].concat(),
            3 => [&b"{\"Records\":[{"[..], &bytes].concat(),
            _ => gzip(&[&b"{\"Records\":[{\"eventSource\":\"kms.amazonaws.com\","[..], &bytes].concat(), 1),
        };
        let report = LogReader::new().read(&file, |_, _| {});
        prop_assert!(report.problem_count >= report.problems.len() as u64);
    }

    #[test]
    fn of_damaged_gzip_nothing_is_read_but_what_is_not_known_to_be_wrong(text in log(), level in 0..10_u32, changes in prop::collection::vec(change(), 1..4)) {
        let sound = gzip(text.as_bytes(), level);
        let mut file = sound.clone();
        for change in &changes {
            make(change, &mut file);
        }
        let (whole, found) = (read(&sound), read(&file));
        let first = found.report.problems.first().map(|problem| (problem.kind, problem.offset));
        match first {
            Some((ProblemKind::BadChecksum | ProblemKind::Damaged, 0)) => prop_assert_eq!((found.report.records, found.events.len()), (0, 0)),
            // Nothing can be known to be wrong of what was cut, or follows a checksum.
            Some((ProblemKind::Truncated | ProblemKind::TrailingBytes | ProblemKind::BadChecksum | ProblemKind::Damaged | ProblemKind::NotALog, _)) => {}
            // Or the text is what it was.
            _ if file.starts_with(&[0x1f, 0x8b, 8]) => prop_assert_eq!(found, whole),
            _ => {}
        }
    }
}
