//! Counts, which the tables hold as signed numbers: neither Athena nor Parquet's readers know others.

/// A count as a table holds it.
pub fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What a table holds, as a count.
pub fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
