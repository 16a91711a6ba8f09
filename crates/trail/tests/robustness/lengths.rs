//! Long records and long files.

use std::time::{Duration, Instant};

use kms_insights_trail::{
    LogReader,
    Malformation::{Ends, TooLong},
    ProblemKind::{BadRecord, NotRecords},
};
use serde_json::{Value, json};

use crate::sample::{all_of, gzip, joined, kms, log, mixed, read, reading, s3, stored};

const MIB: usize = 1 << 20;

/// A record with a member of so many bytes, full of what has a meaning elsewhere.
fn long(mut record: Value, len: usize) -> Value {
    let words = r#"kms.amazonaws.com "eventSource":"kms.amazonaws.com" \ {[ ]} "#;
    record["additionalEventData"] = json!({ "notes": words.repeat(len / words.len()) });
    record
}

#[test]
fn a_record_of_4_mb_is_one_like_others() {
    let text = log(&[kms(0), long(kms(1), 4_000_000), long(s3(2), 4_000_000), kms(3)]);
    assert!(text.len() > 8_000_000);
    let expected = || reading(text.len(), 4, [0, 1, 3], &[]);
    assert_eq!(read(gzip(&text)), expected());
    assert_eq!(read(&text), expected(), "uncompressed");
    // In two members it is read in pieces.
    let (first, second) = text.split_at(3 * MIB + 17);
    assert_eq!(read([gzip(first), gzip(second)].concat()), expected(), "in pieces");
}

#[test]
fn a_file_of_40_mb_is_read_in_pieces_as_it_is_in_one() {
    let some = mixed(3000);
    let count = some.len() * (40 * MIB).div_ceil(log(&some).len());
    let records: Vec<String> = some.iter().map(Value::to_string).collect();
    let text = joined(&(0..count).map(|at| &records[at % records.len()]).collect::<Vec<_>>());
    assert!(text.len() > 40 * MIB);
    let numbers = (0..count).map(|at| at % records.len()).filter(|at| at % 3 == 0);
    let in_pieces = read(gzip(&text));
    assert_eq!(in_pieces, reading(text.len(), count as u64, numbers, &[]));
    assert_eq!(in_pieces, read(&text));
}

#[test]
fn a_record_longer_than_is_held_in_memory_ends_the_reading_there() {
    let long = long(s3(1), 20 * MIB).to_string();
    let [first, last] = [0, 3].map(|number| kms(number).to_string());
    let text = joined(&[&first, &long, &last]);
    let problem = (NotRecords(TooLong), r#"{"Records":["#.len() + first.len() + 1);
    let expected = || reading(text.len(), 1, [0], &[problem]);
    assert_eq!(read(stored(&text, 60_000)), expected());
    assert_eq!(read(&text), expected(), "uncompressed");
    // The same of another member of the document.
    let text = format!(r#"{{"Records":[{first}],"more":[{long}]}}"#);
    let problem = (NotRecords(TooLong), text.find(r#""more""#).unwrap());
    assert_eq!(read(stored(&text, 60_000)), reading(text.len(), 1, [0], &[problem]));
}

#[test]
fn whether_a_record_is_too_long_does_not_depend_on_where_it_stands() {
    let bound = 16 * MIB;
    let frame = long(s3(1), 0).to_string().len();
    for (len, records) in [(bound, 3), (bound + 1, 1)] {
        let mut record = s3(1);
        record["additionalEventData"] = json!({ "notes": " ".repeat(len - frame) });
        let record = record.to_string();
        assert_eq!(record.len(), len);
        for before in [0, MIB - 400] {
            let text = format!(r#"{{{}"Records":[{},{record},{}]}}"#, " ".repeat(before), kms(0), kms(3));
            let found = read(stored(&text, 60_000));
            assert_eq!((found.report.records, found.events), (records, if records == 3 { vec![0, 3] } else { vec![0] }), "{len} bytes behind {before}");
        }
    }
}

#[test]
fn problems_are_told_by_their_place_in_the_whole_text() {
    let mut nameless = kms(1);
    nameless["eventName"] = Value::Null;
    let text = format!("{}{}", " ".repeat(5 * MIB), log(&[kms(0), nameless, kms(3)]));
    let bad = text.find("eventVersion").unwrap() - 2 + kms(0).to_string().len() + 1;
    let (first, second) = text.split_at(2 * MIB);
    let expected = || reading(text.len(), 3, [0, 3], &[(BadRecord, bad)]);
    assert_eq!(read([gzip(first), gzip(second)].concat()), expected());
    assert_eq!(read(gzip(&text)), expected(), "in one piece");
    // The same of what ends the reading.
    let cut = text.len() - 2;
    let expected = reading(cut, 3, [0, 3], &[(BadRecord, bad), (NotRecords(Ends), cut)]);
    assert_eq!(read([gzip(first), gzip(&second[..second.len() - 2])].concat()), expected);
}

#[test]
fn a_text_handed_out_in_many_tiny_members_takes_no_longer_for_it() {
    // Each member gives one byte. Were the record before it gone over for each of them, that would be 20,000 million bytes.
    let text = log(&[kms(0), long(s3(1), 200_000), kms(3)]);
    let file: Vec<u8> = text.as_bytes().chunks(1).flat_map(|byte| stored(byte, 1)).collect();
    let start = Instant::now();
    assert_eq!(read(&file), reading(text.len(), 3, [0, 3], &[]));
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[test]
fn a_reader_that_met_a_long_file_reads_a_short_one() {
    let short = log(&mixed(4));
    let long = format!("{}{short}", " ".repeat(20 * MIB));
    let mut reader = LogReader::new();
    let mut report = |text: &str| reader.read(&gzip(text), |_, _| {});
    assert_eq!([report(&long), report(&short), report(&long)], [&long, &short, &long].map(|text| all_of(text, 4).report));
}
