//! Files whose compressed data ends too early: what stands before the end counts, in whole records.

use flate2::{Decompress, FlushDecompress};
use kms_insights_trail::{
    Malformation::Ends,
    ProblemKind::{NotRecords, Truncated},
};

use crate::sample::{all_of, before, gzip, log, mixed, read, reading, stored};

/// How much of the text a cut file of [`stored`] blocks holds.
fn text_before(cut: usize, block: usize, text: usize) -> usize {
    let behind_header = cut - 10;
    let (whole, rest) = (behind_header / (block + 5), behind_header % (block + 5));
    (whole * block + rest.saturating_sub(5)).min(text)
}

#[test]
fn the_whole_records_before_the_cut_count_wherever_it_is() {
    let text = log(&mixed(40));
    let file = stored(&text, 1000);
    for tenth in 1..10 {
        let cut = file.len() * tenth / 10;
        assert_eq!(read(&file[..cut]), before(&text, text_before(cut, 1000, text.len()), &[(Truncated, cut)]), "cut at {cut} of {}", file.len());
    }
}

#[test]
fn so_do_those_of_compressed_blocks() {
    let text = log(&mixed(4000));
    let file = gzip(&text);
    for tenth in 1..10 {
        let cut = file.len() * tenth / 10;
        let mut start = vec![0; text.len()];
        let mut inflate = Decompress::new(false);
        inflate.decompress(&file[10..cut], &mut start, FlushDecompress::Sync).unwrap();
        let len = usize::try_from(inflate.total_out()).unwrap();
        assert_eq!(start[..len], text.as_bytes()[..len]);
        assert!(len > text.len() * tenth / 20, "{len} of {} bytes before {cut}", text.len());
        assert_eq!(read(&file[..cut]), before(&text, len, &[(Truncated, cut)]), "cut at {cut} of {}", file.len());
    }
}

#[test]
fn a_cut_in_the_header_leaves_nothing() {
    let file = gzip(log(&mixed(3)));
    for cut in 1..10 {
        assert_eq!(read(&file[..cut]), reading(0, 0, [], &[(Truncated, cut)]), "cut at {cut}");
    }
    let mut named = vec![0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 0xff];
    named.extend(b"111122223333_CloudTrail_eu-central-1_20261122T1000Z_");
    assert_eq!(read(&named), reading(0, 0, [], &[(Truncated, named.len())]));
}

#[test]
fn a_cut_in_the_trailer_leaves_every_record_and_is_told_all_the_same() {
    let text = log(&mixed(7));
    for file in [gzip(&text), stored(&text, 1000)] {
        for cut in file.len() - 8..file.len() {
            let found = read(&file[..cut]);
            assert!(!found.report.is_whole());
            assert_eq!(found, before(&text, text.len(), &[(Truncated, cut)]), "cut at {cut} of {}", file.len());
        }
        assert_eq!(read(&file), all_of(&text, 7));
    }
}

#[test]
fn a_second_member_that_is_cut_keeps_what_stands_before_the_cut() {
    let (first, second) = (log(&mixed(4)), log(&mixed(7)));
    let mut file = stored(&first, 1000);
    let start = file.len();
    file.extend(stored(&second, 1000));
    let cut = start + 10 + 5 + 1000 + 5 + 900;
    let records_of_second = before(&second, 1900, &[]);
    let expected = reading(first.len() + 1900, 4 + records_of_second.report.records, [0, 3].into_iter().chain(records_of_second.events), &[(Truncated, cut)]);
    assert_eq!(read(&file[..cut]), expected);
    // In its header: nothing of it.
    assert_eq!(read(&file[..start + 4]), reading(first.len(), 4, [0, 3], &[(Truncated, start + 4)]));
    // In its mark.
    assert_eq!(read(&file[..start + 2]), reading(first.len(), 4, [0, 3], &[(Truncated, start + 2)]));
}

#[test]
fn a_text_that_was_cut_before_it_was_compressed_says_so() {
    let text = log(&mixed(40));
    let starts: Vec<usize> = text.match_indices(r#"{"eventVersion""#).map(|(at, _)| at).collect();
    for tenth in 1..10 {
        let cut = text.len() * tenth / 10;
        let found = read(gzip(&text[..cut]));
        assert!(!found.report.is_whole());
        // It is told where the record begins that is not whole.
        let whole = usize::try_from(found.report.records).unwrap();
        let offset = starts[whole].min(cut);
        assert_eq!(found, before(&text, cut, &[(NotRecords(Ends), offset)]));
        assert_eq!(read(&text[..cut]), found, "uncompressed");
    }
}
