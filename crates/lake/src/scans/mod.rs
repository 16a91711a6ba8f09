//! Scans of CloudTrail log files: what they found is appended to the lake, and never read again from the log files.
//!
//! ```text
//! <root>/_trail/event_ids/event_date=YYYY-MM-DD/<scan_id>.ids         which events a scan counted
//! <root>/<table>/<date>=YYYY-MM-DD/<scan_id>-NNNN.parquet              a scan's rows
//! <root>/trail_scans/scan_date=YYYY-MM-DD/<scan_id>.parquet            written last: publishes the scan
//! <root>/_trail/ended/NNNNNNNNNN                                       the place that a scan took: of scans side by side one alone is published
//! ```
//!
//! A scan that is killed leaves files that nobody's row names. No reader takes them for anything; the next scan reads the same log files again, and deletes what was left.
//!
//! SQL adds rows too (`athena/usage`), in files of the same folders whose names are the engine's own. Of these each row counts, or does not, by its `scan_id`,
//! and rows of `trail_scans` in them publish scans as the files do that are named for one. Such scans take no place among those side by side, and keep no event
//! ids.

mod event_ids;
mod history;
mod last_uses;
mod reading;
mod writer;

pub use history::{Counted, KnownFile, ScanFile, ScanHistory};
pub use last_uses::{TrailUse, TrailUses};
pub use writer::ScanWriter;

#[cfg(test)]
mod tests;
