//! What Amazon Athena needs to answer from a lake, without an SQL engine of our own: the texts of tables, views and saved queries, what sets them up, and what runs a query.
//!
//! The texts are data ([`VIEWS`], [`QUERIES`], [`setup::plan`]), the work is written against a small trait ([`AthenaApi`]), and the SDK's types stop at its adapter ([`AwsAthena`]).

#![forbid(unsafe_code)]

mod adapter;
mod api;
mod cost;
mod error;
mod names;
pub mod permissions;
mod query;
mod read_only;
mod rows;
pub mod setup;
mod texts;
mod value;

pub use adapter::AwsAthena;
pub use api::{
    AthenaApi, ColumnInfo, Execution, ExecutionId, FoundColumn, FoundQuery, FoundTable, Operation, QueryRequest, QueryText, ResultPage, State, StatementType,
};
pub use cost::{Scanned, USD_PER_TB};
pub use error::{ApiFailure, AthenaError, FailureKind};
pub use names::{Database, InvalidName, OutputLocation, WorkGroup};
pub use query::{Finished, Limits, Progress, StopReason, Timer, TokioTimer, execute};
pub use read_only::Statement;
pub use rows::{RowStream, rows};
pub use texts::{QUERIES, SavedQuery, VIEWS, View, views_in_creation_order};
