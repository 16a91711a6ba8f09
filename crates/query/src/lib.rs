//! The embedded SQL engine (`DataFusion`) over a lake, the views, and what turns rows into text or files.
//!
//! The promise kept here: a reader sees only whole snapshots, and can only read. The same SQL runs on Athena and Trino: views are written once, in
//! `athena/views`, and what Trino has and `DataFusion` lacks, or takes for something else, is in `functions`; `docs/decisions` says what still differs.

#![forbid(unsafe_code)]

mod catalog;
mod compared;
mod engine;
mod error;
mod functions;
pub mod output;
mod published;
mod statement;
mod stoppable;
pub mod text;
mod union;
mod views;

pub use catalog::{CATALOG, DATABASE};
pub use compared::ComparedRuns;
pub use datafusion::arrow::array::RecordBatch;
pub use engine::{Engine, EngineOptions, QueryResult, Relation, RelationKind};
pub use error::QueryError;
pub use kms_insights_athena::{QUERIES, SavedQuery, VIEWS, View, views_in_creation_order};
pub use text::printable;
