use proptest::prelude::*;

use super::{Masks, Measure, Shape, fastest, masks_32, masks_64, prefix_xor, with_avx2, with_avx512};
use crate::scan::{block, portable, shape, tests::texts};

type Classify = fn(&[u8; 64]) -> Masks;

/// Each way that this processor has what it takes for, not only the one that is used.
#[allow(unsafe_code, reason = "functions that are compiled for a feature cannot be called otherwise")]
fn ways() -> Vec<(Classify, Measure)> {
    let mut ways: Vec<(Classify, Measure)> = Vec::new();
    let has_bits = is_x86_feature_detected!("pclmulqdq")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("popcnt")
        && is_x86_feature_detected!("lzcnt");
    if has_bits && is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has the features.
        ways.push((|bytes| unsafe { masks_32(bytes) }, |bytes, shape| unsafe { with_avx2(bytes, shape) }));
    }
    if has_bits && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
        // SAFETY: the processor has the features.
        ways.push((|bytes| unsafe { masks_64(bytes) }, |bytes, shape| unsafe { with_avx512(bytes, shape) }));
    }
    ways
}

#[allow(unsafe_code, reason = "functions that are compiled for a feature cannot be called otherwise")]
fn parity(bits: u64) -> u64 {
    assert!(is_x86_feature_detected!("pclmulqdq"));
    // SAFETY: the processor has the feature.
    unsafe { prefix_xor(bits) }
}

#[test]
fn the_fastest_way_is_among_those_that_are_compared() {
    assert_eq!(fastest().is_some(), !ways().is_empty());
}

#[test]
fn every_byte_is_of_the_same_kind_wherever_it_stands() {
    for byte in 0..=u8::MAX {
        for (place, around) in (0..64).flat_map(|place| [0, b' ', byte ^ 1, byte ^ 0x20, byte ^ 0x80].map(|around| (place, around))) {
            let mut bytes = [around; 64];
            bytes[place] = byte;
            for (classify, _) in ways() {
                assert_eq!(classify(&bytes), block::portable(&bytes), "{byte} at {place} among {around}");
            }
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_are_classified_alike(bytes in any::<[u8; 64]>(), letters in prop::array::uniform32(prop::sample::select(br#""\{}[]k:"#.to_vec()))) {
        let mut mixed = bytes;
        mixed.chunks_mut(2).zip(letters).for_each(|(pair, letter)| pair[0] = letter);
        for (classify, _) in ways() {
            prop_assert_eq!(classify(&bytes), block::portable(&bytes));
            prop_assert_eq!(classify(&mixed), block::portable(&mixed));
        }
    }

    #[test]
    fn parities_are_alike(bits in any::<u64>()) {
        if !ways().is_empty() {
            prop_assert_eq!(parity(bits), shape::prefix_xor(bits));
        }
    }

    #[test]
    fn texts_are_measured_alike(first in texts(), second in texts(), noise in prop::collection::vec(any::<u8>(), 0..400)) {
        let noise = [&b"{"[..], &noise].concat();
        for (_, measure) in ways() {
            // One after the other, in shapes that were used before.
            let (mut ours, mut theirs) = (Shape::default(), Shape::default());
            for text in [&first, &noise, &second] {
                let (len, expected) = (measure(text, &mut ours), portable(text, &mut theirs));
                prop_assert_eq!(len, expected);
                if let Some(len) = len {
                    prop_assert_eq!((ours.structure(len), ours.is_kms, ours.has_escapes), (theirs.structure(len), theirs.is_kms, theirs.has_escapes));
                }
            }
        }
    }
}
