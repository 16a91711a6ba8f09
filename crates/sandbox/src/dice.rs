//! A small deterministic source of choices: the same seed gives the same organization on every platform and with every version of every dependency.

/// `SplitMix64` (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators").
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dice(u64);

const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(mix(seed ^ 0x6b6d_732d_696e_7369))
    }

    /// Independent dice for a part: what one part draws never shifts what another part gets.
    pub(crate) const fn part(self, part: u64) -> Self {
        Self(mix(self.0 ^ mix(part.wrapping_add(0x9e37_79b9_7f4a_7c15))))
    }

    pub(crate) const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `bound`; 0 where `bound` is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        u64::try_from((u128::from(self.roll()) * u128::from(bound)) >> 64).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A number in [0, 1).
    pub(crate) fn fraction(&mut self) -> f64 {
        const SCALE: f64 = 9_007_199_254_740_992.0;
        // 53 bits: 2^53 is SCALE.
        #[allow(clippy::cast_precision_loss, reason = "53 bits fit an f64")]
        let bits = (self.roll() >> 11) as f64;
        bits / SCALE
    }

    /// One of `choices`, which must not be empty.
    pub(crate) fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.index(choices.len())]
    }

    /// An index below `len`.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    fn text(&mut self, alphabet: &[u8], len: usize) -> String {
        (0..len).map(|_| char::from(alphabet[self.index(alphabet.len())])).collect()
    }

    pub(crate) fn hex(&mut self, len: usize) -> String {
        self.text(b"0123456789abcdef", len)
    }

    pub(crate) fn digits(&mut self, len: usize) -> String {
        self.text(b"0123456789", len)
    }

    /// Lower-case letters and digits, as in the ids of organizations.
    pub(crate) fn lower(&mut self, len: usize) -> String {
        self.text(b"abcdefghijklmnopqrstuvwxyz0123456789", len)
    }

    /// Upper-case letters and digits of base 32, as in the unique ids of IAM.
    pub(crate) fn base32(&mut self, len: usize) -> String {
        self.text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", len)
    }

    /// Letters of both cases and digits, as in the names of log files.
    pub(crate) fn alphanumeric(&mut self, len: usize) -> String {
        self.text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", len)
    }

    pub(crate) fn uuid(&mut self) -> String {
        uuid(self.roll(), self.roll())
    }
}

/// The text of a version 4 UUID with the given bits, save the six that version and variant take.
pub(crate) fn uuid(high: u64, low: u64) -> String {
    let high = (high & !0xf000) | 0x4000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    format!("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff, high & 0xffff, low >> 48, low & 0xffff_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_choices_and_parts_are_independent() {
        let mut one = Dice::new(7).part(1);
        let mut two = Dice::new(7).part(1);
        let mut other = Dice::new(7).part(2);
        let first = one.roll();
        assert_eq!(first, two.roll());
        assert_ne!(first, other.roll());
        assert!((0..1000).all(|_| one.below(10) < 10 && (0.0..1.0).contains(&one.fraction())));
    }
}
