//! What is asked of Athena, in types of our own. The adapter over the SDK is one implementation; the tests have another.

use std::{collections::BTreeMap, fmt};

use crate::{
    error::ApiFailure,
    names::{Database, OutputLocation, WorkGroup},
};

/// The operations of Athena that are asked. What the IAM policy names follows from these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Saved queries by their ids.
    BatchGetNamedQuery,
    /// A new saved query.
    CreateNamedQuery,
    /// Whether a database is there.
    GetDatabase,
    /// How a query is getting on.
    GetQueryExecution,
    /// A page of rows.
    GetQueryResults,
    /// The ids of a workgroup's saved queries.
    ListNamedQueries,
    /// The tables and views of a database, with their definitions.
    ListTableMetadata,
    /// Runs a statement.
    StartQueryExecution,
    /// Ends a statement.
    StopQueryExecution,
    /// A saved query, changed.
    UpdateNamedQuery,
}

impl Operation {
    /// Every operation, by name.
    pub const ALL: [Self; 10] = [
        Self::BatchGetNamedQuery,
        Self::CreateNamedQuery,
        Self::GetDatabase,
        Self::GetQueryExecution,
        Self::GetQueryResults,
        Self::ListNamedQueries,
        Self::ListTableMetadata,
        Self::StartQueryExecution,
        Self::StopQueryExecution,
        Self::UpdateNamedQuery,
    ];

    /// AWS's name, which is also that of the IAM action behind `athena:`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BatchGetNamedQuery => "BatchGetNamedQuery",
            Self::CreateNamedQuery => "CreateNamedQuery",
            Self::GetDatabase => "GetDatabase",
            Self::GetQueryExecution => "GetQueryExecution",
            Self::GetQueryResults => "GetQueryResults",
            Self::ListNamedQueries => "ListNamedQueries",
            Self::ListTableMetadata => "ListTableMetadata",
            Self::StartQueryExecution => "StartQueryExecution",
            Self::StopQueryExecution => "StopQueryExecution",
            Self::UpdateNamedQuery => "UpdateNamedQuery",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "athena:{}", self.name())
    }
}

/// A statement to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryRequest {
    /// The statement.
    pub sql: String,
    /// The database in which names without one are looked up; `None` before it is there.
    pub database: Option<Database>,
    /// The workgroup.
    pub workgroup: WorkGroup,
    /// Where the result goes; `None` where the workgroup says.
    pub output_location: Option<OutputLocation>,
}

/// The id of a statement that was started.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExecutionId(pub String);

impl fmt::Display for ExecutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far a statement is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits for its turn.
    Queued,
    /// It runs.
    Running,
    /// It is done.
    Succeeded,
    /// It failed.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

impl State {
    /// The state in a word.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What kind of statement it is, as Athena says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementType {
    /// It defines: `CREATE TABLE`.
    Ddl,
    /// It reads or writes rows: `SELECT`.
    Dml,
    /// It asks the catalog: `SHOW TABLES`.
    Utility,
}

/// How a statement is getting on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// How far it is.
    pub state: State,
    /// Athena's own reason, where it failed.
    pub reason: Option<String>,
    /// What kind of statement it is.
    pub statement_type: Option<StatementType>,
    /// Bytes read so far.
    pub bytes_scanned: u64,
    /// How long it ran, in milliseconds, where Athena says.
    pub milliseconds: Option<u64>,
    /// Where the result is.
    pub output_location: Option<String>,
    /// Whether the result is that of an earlier run.
    pub reused: bool,
}

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Its name.
    pub name: String,
    /// Its type, such as `varchar` or `timestamp with time zone`.
    pub type_name: String,
    /// Digits in all, of a decimal.
    pub precision: i32,
    /// Digits after the point, of a decimal.
    pub scale: i32,
}

/// A page of a result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResultPage {
    /// The columns.
    pub columns: Vec<ColumnInfo>,
    /// The rows, each value as text or none.
    pub rows: Vec<Vec<Option<String>>>,
    /// What to ask the next page with.
    pub next: Option<String>,
}

/// A column of a table in the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub type_name: String,
    /// Its comment.
    pub comment: Option<String>,
}

/// A table or view in the catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundTable {
    /// Its name.
    pub name: String,
    /// `EXTERNAL_TABLE`, `VIRTUAL_VIEW`, …
    pub table_type: Option<String>,
    /// Its columns without those of partitions.
    pub columns: Vec<FoundColumn>,
    /// The partition columns.
    pub partition_columns: Vec<FoundColumn>,
    /// Its properties, the location among them.
    pub parameters: BTreeMap<String, String>,
}

/// A saved query's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryText {
    /// Its name.
    pub name: String,
    /// What it answers.
    pub description: String,
    /// The statement.
    pub sql: String,
}

/// A saved query of a workgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundQuery {
    /// Its id.
    pub id: String,
    /// The database it is over.
    pub database: String,
    /// Its words.
    pub text: QueryText,
}

/// What Athena is asked.
pub trait AthenaApi: Send + Sync + 'static {
    /// Starts a statement. The same `token` starts no second one.
    fn start(&self, request: &QueryRequest, token: &str) -> impl Future<Output = Result<ExecutionId, ApiFailure>> + Send;
    /// How a statement is getting on.
    fn execution(&self, id: &ExecutionId) -> impl Future<Output = Result<Execution, ApiFailure>> + Send;
    /// A page of rows: the first, or the one that a page before it named.
    fn results(&self, id: &ExecutionId, page: Option<&str>) -> impl Future<Output = Result<ResultPage, ApiFailure>> + Send;
    /// Ends a statement.
    fn stop(&self, id: &ExecutionId) -> impl Future<Output = Result<(), ApiFailure>> + Send;
    /// Whether there is a database of this name.
    fn has_database(&self, database: &Database) -> impl Future<Output = Result<bool, ApiFailure>> + Send;
    /// The tables and views of a database.
    fn tables(&self, database: &Database) -> impl Future<Output = Result<Vec<FoundTable>, ApiFailure>> + Send;
    /// The saved queries of a workgroup.
    fn saved_queries(&self, workgroup: &WorkGroup) -> impl Future<Output = Result<Vec<FoundQuery>, ApiFailure>> + Send;
    /// Saves a query. The same `token` saves no second one.
    fn create_saved_query(
        &self,
        workgroup: &WorkGroup,
        database: &Database,
        text: &QueryText,
        token: &str,
    ) -> impl Future<Output = Result<(), ApiFailure>> + Send;
    /// Changes a saved query.
    fn update_saved_query(&self, id: &str, text: &QueryText) -> impl Future<Output = Result<(), ApiFailure>> + Send;
}
