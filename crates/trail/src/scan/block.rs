//! What 64 bytes of JSON look like, a bit for each byte.

/// Which of 64 bytes are of which kind; bit 0 is the first byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Masks {
    /// `"`
    pub(super) quote: u64,
    /// `\`
    pub(super) backslash: u64,
    /// `{` and `[`
    pub(super) open: u64,
    /// `}` and `]`
    pub(super) close: u64,
    /// `k`, the first letter of the name that is looked for.
    pub(super) k: u64,
}

/// The kinds of 64 bytes, with plain integers, eight bytes at a time: what the faster ways must agree with.
#[inline(always)]
pub(super) fn portable(bytes: &[u8; 64]) -> Masks {
    let mut masks = Masks::default();
    for (lane, eight) in bytes.as_chunks::<8>().0.iter().enumerate() {
        let word = u64::from_le_bytes(*eight);
        let shift = 8 * lane;
        masks.quote |= equal(word, b'"') << shift;
        masks.backslash |= equal(word, b'\\') << shift;
        // `[` and `{`, `]` and `}` differ in one bit, which no other byte shares with them.
        let folded = word | repeated(0x20);
        masks.open |= equal(folded, b'{') << shift;
        masks.close |= equal(folded, b'}') << shift;
        masks.k |= equal(word, b'k') << shift;
    }
    masks
}

const fn repeated(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Eight bits: which of the word's bytes are `byte`.
#[inline(always)]
const fn equal(word: u64, byte: u8) -> u64 {
    let difference = word ^ repeated(byte);
    // The high bit of a byte is set exactly where the byte is not zero: adding 0x7f carries into it from any lower bit, and never into the next byte.
    let not_zero = ((difference & repeated(0x7f)) + repeated(0x7f)) | difference;
    let found = !not_zero & repeated(0x80);
    // Gathers the eight high bits: the multiplication moves each to a place of its own in the top byte.
    (found >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}
