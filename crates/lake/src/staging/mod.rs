//! Staging: facts as they are collected, durable within a second, until the run is published.
//!
//! `_staging/<run_id>/run.json` describes the run, `…/writer-<generation>` says who has taken it, and `…/<account_id>/<kind>-<generation>-<sequence>.jsonl.zst` are parts of
//! one kind of record. Parts appear whole or not at all: a local write is a rename, a write on S3 is one request.

mod part;
mod run;
mod sorted;
#[cfg(test)]
mod tests;
mod writer;

pub use part::MAX_LINE_BYTES;
pub(crate) use run::latest_generation;
pub use run::{RunInfo, StagedAccount, StagedKey, StagedRun, StagedRunSummary};
pub(crate) use sorted::SortedKeys;
pub use writer::StagingWriter;
