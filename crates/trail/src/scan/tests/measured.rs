use proptest::prelude::*;

use super::texts;
use crate::scan::{
    block::{self, Masks},
    fastest, portable,
    shape::{Measure, Shape, prefix_xor},
};

/// What a measurement finds out: the length, where the strings and brackets are, and whether the source is KMS.
#[derive(Debug, PartialEq)]
struct Found {
    len: usize,
    structure: Vec<u64>,
    is_kms: bool,
}

/// With a shape that was used before, as it always is.
fn measured(measure: Measure, shape: &mut Shape, text: &[u8]) -> Option<(Found, bool)> {
    let len = measure(text, shape)?;
    let structure = shape.structure(len).to_vec();
    let places = structure.iter().zip((0..).step_by(64)).flat_map(|(word, start)| (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| start + bit));
    assert_eq!(shape.marks(len), places.collect::<Vec<u32>>(), "the same as places");
    Some((Found { len, structure, is_kms: shape.is_kms }, shape.has_escapes))
}

/// The same, one byte after the other; and whether there is a backslash.
fn plainly(text: &[u8]) -> Option<(Found, bool)> {
    let mut found = Found { len: 0, structure: vec![0; text.len().div_ceil(64)], is_kms: false };
    let (mut depth, mut escaped, mut has_escapes) = (0, false, false);
    // Where the string begins that we are in; and the string before, if nothing but a colon came since.
    let mut string: Option<usize> = None;
    let mut before: Option<(&[u8], bool)> = None;
    for (at, byte) in text.iter().enumerate() {
        let is_escaped = std::mem::take(&mut escaped);
        if *byte == b'\\' {
            has_escapes = true;
            escaped = !is_escaped;
        }
        let is_structure = match (byte, string) {
            (b'"', _) if is_escaped => false,
            (b'"', None) => {
                string = Some(at);
                true
            }
            (b'"', Some(start)) => {
                let content = &text[start + 1..at];
                let is_named = before.take() == Some((b"eventSource", true));
                found.is_kms |= is_named && depth == 1 && content == b"kms.amazonaws.com";
                // Behind a backslash it would be part of a longer name.
                before = (text[..start].last() != Some(&b'\\')).then_some((content, false));
                string = None;
                true
            }
            (b'{' | b'[', None) => {
                depth += 1;
                before = None;
                true
            }
            (b'}' | b']', None) => {
                depth -= 1;
                before = None;
                true
            }
            (b':', None) => {
                before = before.filter(|(_, has_colon)| !has_colon).map(|(name, _)| (name, true));
                false
            }
            (byte, None) if !byte.is_ascii_whitespace() => {
                before = None;
                false
            }
            _ => false,
        };
        found.structure[at / 64] |= u64::from(is_structure) << (at % 64);
        if depth == 0 {
            found.len = at + 1;
            found.structure.truncate(found.len.div_ceil(64));
            return Some((found, has_escapes));
        }
    }
    None
}

fn classified_plainly(bytes: &[u8; 64]) -> Masks {
    let which = |kinds: &[u8]| bytes.iter().enumerate().map(|(at, byte)| u64::from(kinds.contains(byte)) << at).sum();
    Masks { quote: which(b"\""), backslash: which(b"\\"), open: which(b"{["), close: which(b"}]"), k: which(b"k") }
}

#[test]
fn each_byte_is_of_its_kind_wherever_it_stands() {
    for byte in 0..=u8::MAX {
        for (place, around) in (0..64).flat_map(|place| [0, b' ', b'"', 0x7f, 0x80, 0xff, byte ^ 1, byte ^ 0x20, byte ^ 0x80].map(|around| (place, around))) {
            let mut bytes = [around; 64];
            bytes[place] = byte;
            assert_eq!(block::portable(&bytes), classified_plainly(&bytes), "{byte} at {place} among {around}");
        }
    }
}

#[test]
fn a_bit_becomes_the_parity_of_those_up_to_it() {
    for bits in [0, 1, 1 << 63, u64::MAX, 0x8000_0000_0000_0001, 0xdead_beef_0123_4567] {
        let plainly: u64 = (0..64).map(|bit| u64::from((bits << (63 - bit)).count_ones() % 2) << bit).sum();
        assert_eq!(prefix_xor(bits), plainly, "{bits:x}");
    }
}

proptest! {
    #[test]
    fn bytes_are_classified_as_they_are_one_by_one(bytes in any::<[u8; 64]>()) {
        prop_assert_eq!(block::portable(&bytes), classified_plainly(&bytes));
    }

    #[test]
    fn a_text_is_measured_as_it_is_byte_by_byte(first in texts(), second in texts()) {
        let mut shape = Shape::default();
        for text in [&first, &second] {
            let plainly = plainly(text);
            for measure in [portable, fastest()] {
                let found = measured(measure, &mut shape, text);
                // It may see an escape where there is none, just behind the end.
                let is_missed = matches!((&plainly, &found), (Some((_, true)), Some((_, false))));
                prop_assert!(!is_missed);
                prop_assert_eq!(found.map(|(found, _)| found), plainly.as_ref().map(|(found, _)| Found { structure: found.structure.clone(), ..*found }));
            }
        }
    }
}
