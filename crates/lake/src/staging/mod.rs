//! Staging: facts as they are collected, durable within a second, until the run is published.
//!
//! `_staging/<run_id>/run.json` describes the run, `…/writer-<generation>` says who has taken it, and `…/<account_id>/<kind>-<generation>-<sequence>.jsonl.zst` are parts of
//! one kind of record. Parts appear whole or not at all: a local write is a rename, a write on S3 is one request. What S3 acknowledges survives anything. On a local disk a
//! killed process loses at most a second's records; a loss of power also loses what the system had not written to disk, save the accounts whose own record is staged and what
//! was staged when [`StagingWriter::finish`] returned. What is lost is missed by the counts of keys and read again.

#[cfg(test)]
mod discard_tests;
mod part;
mod run;
mod sorted;
#[cfg(test)]
mod tests;
mod writer;

pub use part::MAX_LINE_BYTES;
pub(crate) use run::Overview;
pub use run::{RunInfo, StagedAccount, StagedKey, StagedRun, StagedRunEntry, StagedRunSummary};
pub(crate) use sorted::{CacheBudget, SortedKeys, WholeKey};
pub use writer::StagingWriter;
