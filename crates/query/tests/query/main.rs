//! The embedded engine over a small lake: every view, every saved query, every format, and what must not be possible.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod chosen_runs;
mod costs;
mod failed_uses;
mod finding_changes;
mod fixture;
mod formats;
mod functions;
mod grant_changes;
mod names;
mod opens;
mod orders;
mod organizations;
mod pitfalls;
mod quicksight_columns;
mod read_only;
mod saved_queries;
mod scans;
mod shown_runs;
mod stopped;
mod unknowns;
mod views;
mod ways;
