//! Damage within gzip: nothing of a member that cannot be trusted counts.

use kms_insights_trail::{
    LogReader, Problem,
    ProblemKind::{BadChecksum, Damaged, NotALog, Truncated},
};

use crate::sample::{all_of, gzip, log, mixed, read, reading, stored};

#[test]
fn nothing_counts_of_a_text_whose_checksum_is_wrong() {
    let file = gzip(log(&mixed(10)));
    for byte in file.len() - 8..file.len() - 4 {
        let mut file = file.clone();
        file[byte] ^= 0x10;
        assert_eq!(read(&file), reading(0, 0, [], &[(BadChecksum, 0)]), "byte {byte}");
    }
}

#[test]
fn nothing_counts_of_a_text_in_which_a_byte_is_not_that_which_was_compressed() {
    let text = log(&mixed(10));
    let mut file = stored(&text, 60_000);
    let digit = 15 + text.find("i-0abc").unwrap() + 2;
    file[digit] = b'1';
    assert_eq!(read(&file), reading(0, 0, [], &[(BadChecksum, 0)]));
}

#[test]
fn nothing_counts_of_a_text_whose_length_is_not_as_the_trailer_says() {
    let text = log(&mixed(10));
    let file = gzip(&text);
    let trailer = file.len() - 4;
    let len = u32::try_from(text.len()).unwrap();
    for claimed in [0, 1, len - 1, len + 1, len + 100_000, 16 << 20, (16 << 20) + 1, u32::MAX] {
        let mut file = file.clone();
        file[trailer..].copy_from_slice(&claimed.to_le_bytes());
        assert_eq!(read(&file), reading(0, 0, [], &[(BadChecksum, 0)]), "{claimed} for {len}");
    }
}

#[test]
fn nothing_counts_of_a_member_with_a_block_that_is_none() {
    let text = log(&mixed(40));
    let file = stored(&text, 1000);
    for block in 0..8 {
        let mut file = file.clone();
        // A block of type 3, which there is none of.
        file[10 + block * 1005] |= 0b110;
        assert_eq!(read(&file), reading(0, 0, [], &[(Damaged, 0)]), "block {block}");
        // A length that its complement does not agree with.
        file[10 + block * 1005] &= 1;
        file[10 + block * 1005 + 1] ^= 1;
        assert_eq!(read(&file), reading(0, 0, [], &[(Damaged, 0)]), "block {block}");
    }
}

#[test]
fn a_bit_that_fell_over_anywhere_never_makes_a_file_whole_that_is_not() {
    let text = log(&mixed(9));
    let file = gzip(&text);
    let sound = all_of(&text, 9).report;
    // Some bits make no difference to the text: what is repeated may be copied from elsewhere.
    let mut unharmed = 0;
    for at in 10..file.len() {
        let mut file = file.clone();
        file[at] ^= 1 << (at % 8);
        let mut ids = Vec::new();
        let report = LogReader::new().read(&file, |event, _| ids.push(event.id.to_string()));
        let is_unharmed = report == sound;
        // Where the data runs on over its end, it looks as if it were cut, and what is there of the text counts.
        let is_cut = matches!(report.problems[..], [Problem { kind: Truncated, .. }, ..]);
        let is_nothing = (ids.len(), report.records, report.text_bytes) == (0, 0, 0);
        assert!(is_unharmed || (!report.is_whole() && (is_cut || is_nothing)), "byte {at}: {report:?}");
        unharmed += usize::from(is_unharmed);
    }
    assert!(unharmed < file.len() / 20, "{unharmed} of {}", file.len());
}

#[test]
fn a_header_may_have_a_name_a_comment_and_more() {
    let text = log(&mixed(7));
    let member = gzip(&text);
    let optional: [(u8, &[u8]); 4] = [(4, b"\x06\0ab\x02\0\x1f\x8b"), (8, b"log \x1f\x8b\x08 .json\0"), (16, b"a comment\0"), (1, b"")];
    for (flag, field) in optional {
        let mut file = member[..10].to_vec();
        file[3] = flag;
        file.extend(field);
        file.extend(&member[10..]);
        assert_eq!(read(&file), all_of(&text, 7), "flag {flag}");
    }
}

#[test]
fn a_method_or_flag_that_there_is_not_is_no_log_or_damage() {
    let mut file = gzip(log(&mixed(7)));
    file[3] = 0x80;
    assert_eq!(read(&file), reading(0, 0, [], &[(Damaged, 0)]));
    file[2] = 7;
    let len = file.len();
    assert_eq!(read(&file), reading(len, 0, [], &[(NotALog, 0)]));
}
