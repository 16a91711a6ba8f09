//! What a query costs.

use std::fmt;

/// What a terabyte read costs, in US dollars, in most Regions.
///
/// Source: "Amazon Athena pricing" (<https://aws.amazon.com/athena/pricing/>): 5 USD per TB scanned, rounded up to the megabyte, with a minimum of 10 MB per query. DDL statements
/// and failed queries are free, cancelled ones cost what they had read.
pub const USD_PER_TB: f64 = 5.0;
const MB: u64 = 1024 * 1024;
const TB: f64 = 1024.0 * 1024.0 * 1024.0 * 1024.0;
const LEAST_CHARGED: u64 = 10 * MB;

/// What a statement read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Bytes read.
    pub bytes: u64,
    /// Whether reading is charged at all: it is not for DDL, for the catalog's answers, or for a result that was there already.
    pub is_charged: bool,
}

impl Scanned {
    /// The bytes that are charged.
    pub const fn charged_bytes(self) -> u64 {
        if !self.is_charged {
            return 0;
        }
        let rounded = self.bytes.div_ceil(MB).saturating_mul(MB);
        if rounded < LEAST_CHARGED { LEAST_CHARGED } else { rounded }
    }

    /// What it costs, in US dollars.
    #[expect(clippy::cast_precision_loss, reason = "a price has few digits")]
    pub fn usd(self) -> f64 {
        self.charged_bytes() as f64 / TB * USD_PER_TB
    }
}

impl fmt::Display for Scanned {
    /// `1.4 GB read: 0.0068 USD (at 5 USD a TB, the price in most Regions)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} read", bytes(self.bytes))?;
        if !self.is_charged {
            return f.write_str(", at no charge");
        }
        if self.charged_bytes() == LEAST_CHARGED && self.bytes <= LEAST_CHARGED {
            f.write_str(", the 10 MB that a query costs at least")?;
        }
        // Three digits that say something: the cheapest query costs 0.0000477 dollars.
        let usd = self.usd();
        let digits = if usd >= 1.0 {
            2
        } else if usd >= 0.01 {
            4
        } else {
            6
        };
        write!(f, ": {usd:.digits$} USD (at {USD_PER_TB} USD a TB, the price in most Regions)")
    }
}

/// `13.2 MB`, by 1,024.
#[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KB", "MB", "GB", "TB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} bytes") } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_costs_ten_megabytes_at_least_and_whole_megabytes_beyond() {
        let charged = |bytes| Scanned { bytes, is_charged: true }.charged_bytes() / MB;
        assert_eq!([charged(0), charged(1), charged(10 * MB), charged(10 * MB + 1), charged(25 * MB)], [10, 10, 10, 11, 25]);
        assert_eq!(Scanned { bytes: 5 * MB, is_charged: false }.charged_bytes(), 0);
    }

    #[test]
    fn the_price_is_told_with_what_it_is_for() {
        let told = |bytes, is_charged| Scanned { bytes, is_charged }.to_string();
        assert_eq!(told(512, true), "512 bytes read, the 10 MB that a query costs at least: 0.000048 USD (at 5 USD a TB, the price in most Regions)");
        assert_eq!(told(3 << 30, true), "3.0 GB read: 0.0146 USD (at 5 USD a TB, the price in most Regions)");
        assert_eq!(told(2 << 40, true), "2.0 TB read: 10.00 USD (at 5 USD a TB, the price in most Regions)");
        assert_eq!(told(0, false), "0 bytes read, at no charge");
    }
}
