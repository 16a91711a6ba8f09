//! Finding the records of KMS in the text of a log file without parsing the others.
//!
//! Exact, not a search for a name: each record is gone over from its first bracket to its last, so that a string, a nested object or an escape that looks like a record's source is none, and one
//! that is spelt otherwise is.

#![allow(clippy::inline_always, reason = "what is not inlined into a function that is compiled for a processor's features is compiled without them")]

mod block;
mod cursor;
mod records;
mod shape;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use cursor::{Cursor, Malformed, Raw, Value};
pub(crate) use records::{Broken, KmsRecord, Scanner};
use shape::{Measure, Shape};

/// The fastest way to measure an object that this processor has.
fn fastest() -> Measure {
    #[cfg(target_arch = "x86_64")]
    if let Some(measure) = x86::fastest() {
        return measure;
    }
    portable
}

fn portable(bytes: &[u8], shape: &mut Shape) -> Option<usize> {
    shape::measure_with(block::portable, shape::prefix_xor, bytes, shape)
}
