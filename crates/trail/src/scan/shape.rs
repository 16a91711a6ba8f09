//! One pass over an object or list: where it ends, where its strings and brackets are, and whether KMS is its source.

use super::block::Masks;

/// The service whose records are looked for, with the quote behind it.
const SOURCE: &[u8] = b"kms.amazonaws.com\"";

/// So many places are noted at a time.
const EIGHT: usize = 8;

/// The member that names a record's service.
const MEMBER: &[u8] = b"\"eventSource\"";

/// What a pass found out about an object or list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape {
    /// A word for each 64 bytes, a bit for each: quotes that open or close strings, and brackets outside strings.
    structure: Vec<u64>,
    /// The same as places, of the last object that they were asked for.
    marks: Vec<u32>,
    /// Whether the object's own `eventSource` is KMS, in plain letters.
    pub(super) is_kms: bool,
    /// Whether any string has an escape, so that names may be written otherwise.
    pub(super) has_escapes: bool,
}

impl Shape {
    /// The words of an object of so many bytes.
    #[cfg(test)]
    pub(super) fn structure(&self, len: usize) -> &[u64] {
        words_of(&self.structure, len)
    }

    /// Where the quotes and brackets of an object of so many bytes are.
    pub(super) fn marks(&mut self, len: usize) -> &[u32] {
        let words = words_of(&self.structure, len);
        let most = words.iter().map(|word| word.count_ones() as usize).sum::<usize>();
        self.marks.resize(self.marks.len().max(most + EIGHT), 0);
        let mut count = 0;
        for (word, start) in words.iter().zip((0..).step_by(64)) {
            let (mut rest, mut at) = (*word, count);
            count += word.count_ones() as usize;
            // Eight at a time and some in vain: how many a word has is what a processor cannot foresee.
            while at < count {
                let Some(eight) = self.marks.get_mut(at..at + EIGHT) else { break };
                for mark in eight {
                    // Never of zero, for which older processors have no answer that need not be asked for.
                    *mark = start + (rest | 1 << 63).trailing_zeros();
                    rest &= rest.wrapping_sub(1);
                }
                at += EIGHT;
            }
        }
        &self.marks[..count]
    }
}

/// The words of an object of so many bytes.
fn words_of(structure: &[u64], len: usize) -> &[u64] {
    structure.get(..len.div_ceil(64)).unwrap_or_default()
}

/// A way to measure the object or list with which bytes begin: how long it is, or `None` when it does not end.
pub(super) type Measure = fn(&[u8], &mut Shape) -> Option<usize>;

/// Goes over the object or list with which `bytes` begin, to its end; `None` when it does not end.
///
/// A loop over 64 bytes each, in which nothing is done that most of them do not need: what stays in registers is what makes it fast.
#[inline(always)]
pub(super) fn measure_with(classify: impl Fn(&[u8; 64]) -> Masks, prefix_xor: impl Fn(u64) -> u64, bytes: &[u8], shape: &mut Shape) -> Option<usize> {
    let (blocks, rest) = bytes.as_chunks::<64>();
    // A record takes few of these words; they are there for the longest one.
    if shape.structure.len() <= blocks.len() {
        shape.structure.resize(blocks.len() + 1, 0);
    }
    let mut state = State::default();
    let mut end = None;
    for (number, (block, word)) in blocks.iter().zip(&mut shape.structure).enumerate() {
        end = state.block(&classify, &prefix_xor, bytes, number, block, word);
        if end.is_some() {
            break;
        }
    }
    if end.is_none() {
        let mut last = [b' '; 64];
        last[..rest.len()].copy_from_slice(rest);
        end = state.block(&classify, &prefix_xor, bytes, blocks.len(), &last, shape.structure.get_mut(blocks.len())?);
    }
    (shape.is_kms, shape.has_escapes) = (state.is_kms, state.has_escapes);
    end
}

/// What is carried from one block to the next.
#[derive(Default)]
struct State {
    /// All ones inside a string.
    in_string: u64,
    /// One where the block's first byte is escaped.
    escaped: u64,
    /// One where the byte before the block opens a string.
    opened: u64,
    /// Brackets that are open.
    depth: u32,
    is_kms: bool,
    has_escapes: bool,
}

impl State {
    /// Goes over a block; the end, if that is in it.
    #[inline(always)]
    fn block(
        &mut self,
        classify: impl Fn(&[u8; 64]) -> Masks,
        prefix_xor: impl Fn(u64) -> u64,
        bytes: &[u8],
        number: usize,
        block: &[u8; 64],
        word: &mut u64,
    ) -> Option<usize> {
        let masks = classify(block);
        let mut quotes = masks.quote;
        if masks.backslash | self.escaped != 0 {
            self.has_escapes = true;
            let taken;
            (taken, self.escaped) = escapes(masks.backslash, self.escaped);
            quotes &= !taken;
        }
        // From each opening quote up to the byte before its closing one.
        let inside = prefix_xor(quotes) ^ self.in_string;
        self.in_string = (inside.cast_signed() >> 63).cast_unsigned();
        let (open, close) = (masks.open & !inside, masks.close & !inside);
        *word = quotes | open | close;
        let opening = quotes & inside;
        let named = ((opening << 1) | self.opened) & masks.k;
        self.opened = opening >> 63;
        let closed = close.count_ones();
        // What opens before anything closes in this block, most often as a small object that lies wholly within it.
        let opened_first = (open & close.wrapping_sub(1) & !close).count_ones();
        if self.depth + opened_first <= closed || named != 0 {
            let (names_source, end) = Near { depth: self.depth, open, close, named }.look(bytes, 64 * number);
            self.is_kms |= names_source;
            if end != 0 {
                *word &= up_to(end);
                return Some(64 * number + end.trailing_zeros() as usize + 1);
            }
        }
        self.depth = self.depth + open.count_ones() - closed;
        None
    }
}

/// All bits up to the one that is set.
const fn up_to(bit: u64) -> u64 {
    bit | (bit - 1)
}

/// A block that has to be looked at more closely: one in four.
#[derive(Clone, Copy)]
struct Near {
    /// Brackets that are open before it.
    depth: u32,
    open: u64,
    close: u64,
    /// First letters of strings that may be the name that is looked for.
    named: u64,
}

impl Near {
    /// Whether the block has the object's own `eventSource`, and that is KMS; and the bit of the bracket that closes the object, or zero.
    // Not rare, but outside the loop: what it needs must not be kept at hand for the blocks that do without.
    #[cold]
    #[inline(never)]
    fn look(self, bytes: &[u8], start: usize) -> (bool, u64) {
        let mut names_source = false;
        let mut depth = self.depth;
        let mut rest = self.open | self.close | self.named;
        while rest != 0 {
            let bit = rest & rest.wrapping_neg();
            rest ^= bit;
            if self.open & bit != 0 {
                depth += 1;
            } else if self.close & bit != 0 {
                if depth <= 1 {
                    return (names_source, bit);
                }
                depth -= 1;
            } else if depth == 1 && is_source(bytes, start + bit.trailing_zeros() as usize) {
                names_source = true;
            }
        }
        (names_source, 0)
    }
}

/// The bytes that a backslash before them takes out of play, and whether the next block's first one is.
#[cold]
#[inline(never)]
const fn escapes(backslash: u64, escaped: u64) -> (u64, u64) {
    let mut taken = escaped;
    let mut rest = backslash & !escaped;
    while rest != 0 {
        let bit = rest & rest.wrapping_neg();
        let next = bit << 1;
        if next == 0 {
            return (taken, 1);
        }
        taken |= next;
        rest &= !(bit | next);
    }
    (taken, 0)
}

/// Each bit becomes the parity of the bits up to it.
#[inline(always)]
pub(super) const fn prefix_xor(bits: u64) -> u64 {
    let bits = bits ^ (bits << 1);
    let bits = bits ^ (bits << 2);
    let bits = bits ^ (bits << 4);
    let bits = bits ^ (bits << 8);
    let bits = bits ^ (bits << 16);
    bits ^ (bits << 32)
}

/// Whether the string whose first letter is at `at` is KMS as the value of `eventSource`.
fn is_source(bytes: &[u8], at: usize) -> bool {
    if !bytes[at..].starts_with(SOURCE) {
        return false;
    }
    let Some(before) = at.checked_sub(1).and_then(|quote| bytes.get(..quote)) else { return false };
    let Some((b':', before)) = trim_end(before).split_last().map(|(last, before)| (*last, before)) else { return false };
    let before = trim_end(before);
    // A backslash before the member's first quote would make it the end of a longer name.
    before.strip_suffix(MEMBER).is_some_and(|before| before.last() != Some(&b'\\'))
}

fn trim_end(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii_end()
}
