//! The same measurement with the SIMD of newer processors.
//!
//! The one `unsafe` of the crate: to call functions that are compiled for features of a processor. They are called only after the processor was asked for these.

use std::arch::x86_64::{
    __m256i, __m512i, _mm_clmulepi64_si128, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_set1_epi8, _mm256_cmpeq_epi8, _mm256_movemask_epi8, _mm256_or_si256,
    _mm256_set_epi64x, _mm256_set1_epi8, _mm512_cmpeq_epi8_mask, _mm512_or_si512, _mm512_set_epi64, _mm512_set1_epi8,
};

use super::{
    block::Masks,
    shape::{Measure, Shape, measure_with},
};

#[cfg(test)]
mod tests;

/// The fastest measurement that this processor has what it takes for.
#[allow(unsafe_code, reason = "a function that is compiled for a feature cannot be called otherwise")]
pub(super) fn fastest() -> Option<Measure> {
    let has_bits = is_x86_feature_detected!("pclmulqdq")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("popcnt")
        && is_x86_feature_detected!("lzcnt");
    if has_bits && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
        // SAFETY: the processor has each of the features that the function is compiled for.
        return Some(|bytes, shape| unsafe { with_avx512(bytes, shape) });
    }
    if has_bits && is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has each of the features that the function is compiled for.
        return Some(|bytes, shape| unsafe { with_avx2(bytes, shape) });
    }
    None
}

#[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt,pclmulqdq")]
fn with_avx2(bytes: &[u8], shape: &mut Shape) -> Option<usize> {
    measure_with(|bytes| masks_32(bytes), |bits| prefix_xor(bits), bytes, shape)
}

#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,popcnt,lzcnt,pclmulqdq")]
fn with_avx512(bytes: &[u8], shape: &mut Shape) -> Option<usize> {
    measure_with(|bytes| masks_64(bytes), |bits| prefix_xor(bits), bytes, shape)
}

/// 32 bytes at a time.
#[inline]
#[target_feature(enable = "avx2")]
fn masks_32(bytes: &[u8; 64]) -> Masks {
    let mut masks = Masks::default();
    for (lane, half) in bytes.as_chunks::<32>().0.iter().enumerate() {
        let (words, _) = half.as_chunks::<8>();
        // The compiler makes one load of it.
        let [a, b, c, d] = [words[0], words[1], words[2], words[3]].map(i64::from_le_bytes);
        let vector = _mm256_set_epi64x(d, c, b, a);
        let folded = _mm256_or_si256(vector, _mm256_set1_epi8(0x20));
        let shift = 32 * lane;
        masks.quote |= equal_32(vector, b'"') << shift;
        masks.backslash |= equal_32(vector, b'\\') << shift;
        masks.open |= equal_32(folded, b'{') << shift;
        masks.close |= equal_32(folded, b'}') << shift;
        masks.k |= equal_32(vector, b'k') << shift;
    }
    masks
}

#[inline]
#[target_feature(enable = "avx2")]
fn equal_32(vector: __m256i, byte: u8) -> u64 {
    u64::from(_mm256_movemask_epi8(_mm256_cmpeq_epi8(vector, _mm256_set1_epi8(byte.cast_signed()))).cast_unsigned())
}

/// All 64 bytes at once.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn masks_64(bytes: &[u8; 64]) -> Masks {
    let (words, _) = bytes.as_chunks::<8>();
    // The compiler makes one load of it.
    let words: [i64; 8] = std::array::from_fn(|word| i64::from_le_bytes(words[word]));
    let vector = _mm512_set_epi64(words[7], words[6], words[5], words[4], words[3], words[2], words[1], words[0]);
    let folded = _mm512_or_si512(vector, _mm512_set1_epi8(0x20));
    Masks {
        quote: equal_64(vector, b'"'),
        backslash: equal_64(vector, b'\\'),
        open: equal_64(folded, b'{'),
        close: equal_64(folded, b'}'),
        k: equal_64(vector, b'k'),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn equal_64(vector: __m512i, byte: u8) -> u64 {
    _mm512_cmpeq_epi8_mask(vector, _mm512_set1_epi8(byte.cast_signed()))
}

/// Each bit becomes the parity of the bits up to it: the product with all ones, without carries.
#[inline]
#[target_feature(enable = "sse2,pclmulqdq")]
fn prefix_xor(bits: u64) -> u64 {
    let product = _mm_clmulepi64_si128::<0>(_mm_set_epi64x(0, bits.cast_signed()), _mm_set1_epi8(-1));
    _mm_cvtsi128_si64(product).cast_unsigned()
}
