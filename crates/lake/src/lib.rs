//! The lake: tables declared as data, facts staged while they are collected, and snapshots published as Parquet to a local folder or to S3.
//!
//! This crate keeps the promise that *a reader sees only whole snapshots*: a run's files become visible by one last conditional write of its row in `runs`, and a run
//! that is killed keeps what it staged. It makes no KMS calls.
//!
//! ```text
//! <root>/_staging/<run_id>/…                                           what is collected and not yet published
//! <root>/<table>/snapshot_date=YYYY-MM-DD/<run_id>-gGGGG-NNNN.parquet  the rows of a run, as its attempt GGGG wrote them
//! <root>/runs/snapshot_date=YYYY-MM-DD/<run_id>.parquet                written last: publishes the run, and says which attempt's files are its own
//! ```

#![forbid(unsafe_code)]

pub mod column;
pub mod count;
pub mod ddl;
pub mod documentation;
mod error;
mod lake;
mod location;
pub mod publish;
pub mod role_policy;
mod runs;
pub mod s3;
pub mod scans;
pub mod staging;
pub mod table;
pub mod tables;

#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod watched_store;

pub use error::LakeError;
pub use lake::{Lake, S3Access};
pub use location::LakeLocation;
pub use runs::{file_generation, shown};
