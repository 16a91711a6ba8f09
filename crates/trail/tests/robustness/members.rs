//! What may follow a member of gzip: other members, zeros, garbage.

use kms_insights_trail::ProblemKind::{BadChecksum, Damaged, TrailingBytes};

use crate::sample::{all_of, before, gzip, log, mixed, read, reading, stored};

fn concatenated(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[test]
fn the_records_of_all_members_count_wherever_the_text_was_divided() {
    let text = log(&mixed(20));
    for pieces in [2, 3, 7, text.len() / 100, text.len()] {
        let file: Vec<u8> = text.as_bytes().chunks(text.len().div_ceil(pieces)).flat_map(gzip).collect();
        assert_eq!(read(&file), all_of(&text, 20), "in {pieces} members");
    }
}

#[test]
fn a_log_in_each_member_counts_too() {
    let (first, second) = (log(&mixed(4)), log(&mixed(7)));
    let file = concatenated(&[&gzip(&first), &gzip(&second), &gzip("\n")]);
    assert_eq!(read(&file), reading(first.len() + second.len() + 1, 11, [0, 3, 0, 3, 6], &[]));
}

#[test]
fn members_that_are_the_same_are_each_read() {
    let text = log(&mixed(4));
    let file = concatenated(&[&gzip(&text), &gzip(&text), &gzip(&text)]);
    assert_eq!(read(&file), reading(3 * text.len(), 12, [0, 3, 0, 3, 0, 3], &[]));
}

#[test]
fn a_member_without_text_is_as_if_it_were_not_there() {
    let text = log(&mixed(4));
    for file in [concatenated(&[&gzip(""), &gzip(&text)]), concatenated(&[&gzip(&text), &gzip(""), &gzip("")])] {
        assert_eq!(read(&file), all_of(&text, 4));
    }
}

#[test]
fn of_a_member_that_is_damaged_nothing_counts_and_of_those_before_it_everything() {
    let (first, second) = (log(&mixed(4)), log(&mixed(7)));
    let sound = concatenated(&[&gzip(&first), &gzip(&first)]);
    let start = sound.len();
    let mut wrong_checksum = gzip(&second);
    let crc = wrong_checksum.len() - 8;
    wrong_checksum[crc] ^= 1;
    let mut wrong_block = stored(&second, 1000);
    wrong_block[10] |= 0b110;
    for (damaged, kind) in [(wrong_checksum, BadChecksum), (wrong_block, Damaged)] {
        let file = concatenated(&[&sound, &damaged, &gzip(&first)]);
        assert_eq!(read(&file), reading(2 * first.len(), 8, [0, 3, 0, 3], &[(kind, start)]));
        // As a piece of one text.
        let cut = first.len() / 2;
        let whole = gzip(&first[..cut]);
        let found = read(concatenated(&[&whole, &damaged]));
        assert_eq!(found, before(&first, cut, &[(kind, whole.len())]));
    }
}

#[test]
fn zeros_behind_the_data_are_padding() {
    let text = log(&mixed(4));
    for zeros in [1, 2, 3, 4, 7, 8, 512, 10_240] {
        let file = concatenated(&[&gzip(&text), &vec![0; zeros]]);
        let found = read(&file);
        assert!(found.report.is_whole());
        assert_eq!(found, all_of(&text, 4), "{zeros} zeros");
    }
}

#[test]
fn a_member_behind_padding_is_read() {
    let (text, second) = (log(&mixed(4)), log(&mixed(7)));
    for zeros in [1, 4, 512] {
        let file = concatenated(&[&gzip(&text), &vec![0; zeros], &gzip(&second), &vec![0; zeros]]);
        assert_eq!(read(&file), reading(text.len() + second.len(), 11, [0, 3, 0, 3, 6], &[]), "{zeros} zeros");
        // Even where the file's last bytes could be those of its first member.
        let file = concatenated(&[&gzip(&text), &vec![0; zeros], &gzip(&text)]);
        assert_eq!(read(&file), reading(2 * text.len(), 8, [0, 3, 0, 3], &[]), "{zeros} zeros");
    }
}

#[test]
fn garbage_behind_the_data_is_told_and_loses_nothing() {
    let text = log(&mixed(4));
    let member = gzip(&text);
    let len = u32::try_from(text.len()).unwrap().to_le_bytes();
    // The last of them ends as the file would without it.
    let garbage: [&[u8]; 4] = [b"x", b"garbage of some length", b"\x1f\x8b\x07 and more", &[&[0xff; 60], &len[..]].concat()];
    for garbage in garbage {
        for zeros in [0, 1, 512] {
            let file = concatenated(&[&member, &vec![0; zeros], garbage]);
            let found = read(&file);
            assert!(found.report.is_whole());
            assert_eq!(found, reading(text.len(), 4, [0, 3], &[(TrailingBytes, member.len() + zeros)]), "{garbage:?} behind {zeros} zeros");
        }
    }
}

#[test]
fn garbage_that_begins_like_a_member_is_one_that_is_damaged() {
    let text = log(&mixed(4));
    let member = gzip(&text);
    let file = concatenated(&[&member, b"\x1f\x8b\x08\xff, so that records may be lost"]);
    assert_eq!(read(&file), reading(text.len(), 4, [0, 3], &[(Damaged, member.len())]));
}

#[test]
fn the_mark_of_a_member_by_chance_within_the_data_is_no_member() {
    let mut text = log(&mixed(2)).into_bytes();
    let len = u32::try_from(text.len()).unwrap().to_le_bytes();
    // Behind what looks like the end of a member, but for the checksum.
    let place = text.windows(9).position(|window| window == b"PutObject").unwrap();
    text[place..place + 4].copy_from_slice(&len);
    text[place + 4..place + 7].copy_from_slice(&[0x1f, 0x8b, 8]);
    let file = stored(&text, 60_000);
    assert_eq!(file[15 + place + 4..15 + place + 7], file[..3]);
    assert_eq!(read(&file), reading(text.len(), 2, [0], &[]));
}
