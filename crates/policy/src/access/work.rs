//! A bound on how long one key may take: a policy of 32 KiB can be written so that its statements multiply.

use std::cell::Cell;

/// The literals that may still be looked at for one key.
///
/// What is left undone when they are spent makes ways in wider and uncertain, never narrower.
pub(crate) struct Work(Cell<u64>);

impl Work {
    /// For a whole key. Policies that people write take hundreds; a million takes a tenth of a second.
    pub(crate) const fn for_key() -> Self {
        Self(Cell::new(1_000_000))
    }

    /// For all grants of a key, of which it may have 50,000.
    pub(crate) const fn for_grants() -> Self {
        Self(Cell::new(20_000_000))
    }

    /// Takes so many, and whether they were left.
    pub(crate) fn spend(&self, literals: usize) -> bool {
        let left = self.0.get().saturating_sub(literals as u64);
        self.0.set(left);
        left > 0
    }
}

/// Why ways in are uncertain once all work is spent.
pub(crate) const TOO_MUCH: &str = "the policy, or the grants, are too large to be weighed in full";
