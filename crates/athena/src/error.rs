//! What can go wrong with Athena, in its own words, with a next step.

use std::fmt;

use crate::{
    api::{ExecutionId, Operation},
    cost,
    query::StopReason,
};

/// What kind of failure it is, as far as that changes what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// There are no credentials, or AWS does not take them.
    Credentials,
    /// AWS denied it.
    AccessDenied,
    /// Too many requests, also after several attempts.
    Throttled,
    /// What was named is not there.
    NotFound,
    /// AWS did not take the request as it was.
    InvalidRequest,
    /// The request could not be sent, or no whole answer came.
    Transport,
    /// Athena itself failed.
    Service,
}

/// A request that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiFailure {
    /// What was asked.
    pub operation: Operation,
    /// The kind of failure.
    pub kind: FailureKind,
    /// AWS's code, such as `InvalidRequestException`.
    pub code: Option<String>,
    /// AWS's own words, or the transport's.
    pub message: String,
}

impl fmt::Display for ApiFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.operation)?;
        if let Some(code) = &self.code {
            write!(f, "{code}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiFailure {}

/// Why Athena gave no answer, or not all of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AthenaError {
    /// A request failed.
    #[error(transparent)]
    Api(#[from] ApiFailure),
    /// The statement failed.
    #[error("the query failed in Athena: {reason} (query {id})")]
    Failed {
        /// The statement's id.
        id: ExecutionId,
        /// Athena's own reason.
        reason: String,
    },
    /// Somebody else ended the statement.
    #[error("the query was cancelled in Athena: {reason} (query {id})")]
    Cancelled {
        /// The statement's id.
        id: ExecutionId,
        /// Athena's own reason.
        reason: String,
    },
    /// It was ended from here.
    #[error("{reason}: Athena was told to cancel the query {id}; what it had read by then, {} or more, is charged", cost::bytes(*bytes))]
    Stopped {
        /// The statement's id.
        id: ExecutionId,
        /// Why.
        reason: StopReason,
        /// Bytes read when Athena was last asked.
        bytes: u64,
    },
    /// It was not begun any more.
    #[error("{reason}: nothing more was begun")]
    NotStarted {
        /// Why.
        reason: StopReason,
    },
    /// It was to be ended from here, and Athena did not take that.
    #[error("{reason}, and the query {id} could not be cancelled: it may go on, and is charged ({source})")]
    NotStopped {
        /// The statement's id.
        id: ExecutionId,
        /// Why it was to be ended.
        reason: StopReason,
        /// Why it was not.
        source: ApiFailure,
    },
    /// A value is not of the type that its column has.
    #[error("Athena gave {value:?} in the column {column}, which is no {type_name} that could be read (query {id})")]
    Unreadable {
        /// The statement's id.
        id: ExecutionId,
        /// The column.
        column: String,
        /// The column's type.
        type_name: String,
        /// The value, or its beginning.
        value: String,
    },
    /// A result that is not what the API documents.
    #[error("Athena's answer is not what it should be: {0}")]
    Answer(String),
    /// There is no statement.
    #[error("there is no SQL statement to run")]
    NoStatement,
    /// The statement is longer than Athena takes.
    #[error("the statement has {bytes} bytes; Athena takes at most {limit}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// What is taken.
        limit: usize,
    },
    /// The statement does something other than to read.
    #[error("{statement} is not accepted: the lake is only read (SELECT, WITH, VALUES, TABLE, EXPLAIN, SHOW, DESCRIBE)")]
    ReadOnly {
        /// Its first word.
        statement: String,
    },
    /// Under the name of a table or view there is something of somebody else's.
    #[error("the database {database} has a {found} named {name}, which is not one of kms-insights' own: it is left as it is")]
    NotOurs {
        /// The database.
        database: String,
        /// The name.
        name: String,
        /// What is there: `table` or `view`.
        found: &'static str,
    },
}

impl AthenaError {
    /// Whether the fault is in what a person wrote.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::NoStatement | Self::TooLong { .. } | Self::ReadOnly { .. } => true,
            Self::Failed { reason, .. } => is_syntax(reason),
            _ => false,
        }
    }

    /// What to do about it.
    pub fn next_step(&self) -> Option<&'static str> {
        match self {
            Self::Api(failure) | Self::NotStopped { source: failure, .. } => step_for_words(&failure.message).or(match failure.kind {
                FailureKind::Credentials => Some("give credentials the AWS way: a profile, SSO, the environment, or a role"),
                FailureKind::AccessDenied => Some(PERMISSIONS),
                FailureKind::Throttled => Some("try again later: Athena's quotas for the account and Region are used up"),
                FailureKind::Transport => Some("check the network, HTTPS_PROXY where there is a proxy, and AWS_ENDPOINT_URL where one is set"),
                FailureKind::Service => Some("try again later"),
                FailureKind::NotFound | FailureKind::InvalidRequest => None,
            }),
            Self::Failed { reason, .. } | Self::Cancelled { reason, .. } => step_for_words(reason),
            Self::Unreadable { .. } => Some("CAST the column to varchar"),
            Self::NotOurs { .. } => Some("name another database with --database"),
            _ => None,
        }
    }
}

const PERMISSIONS: &str = "give the caller the permissions of docs/athena.md";

fn is_syntax(reason: &str) -> bool {
    ["SYNTAX_ERROR", "COLUMN_NOT_FOUND", "TYPE_MISMATCH", "FUNCTION_NOT_FOUND", "mismatched input", "Queries of this type are not supported"]
        .iter()
        .any(|sign| reason.contains(sign))
        && !is_missing(reason)
}

/// Athena says it in one of several ways, by engine and version.
fn is_missing(reason: &str) -> bool {
    ["TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND", "Table not found", "Database does not exist", "EntityNotFoundException"].iter().any(|sign| reason.contains(sign))
        || ((reason.contains("Table ") || reason.contains("Schema ")) && reason.contains("does not exist"))
}

/// Athena tells most failures by words alone. Source: "Troubleshoot Athena" and the error catalog in the Amazon Athena User Guide.
fn step_for_words(reason: &str) -> Option<&'static str> {
    let says = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    if is_missing(reason) {
        return Some("make the database, tables and views with `kms-insights athena setup --lake s3://…`, or name where they are with --database");
    }
    if says(&["is stale", "VIEW_IS_STALE", "INVALID_VIEW"]) {
        return Some("the tables are newer than the views: `kms-insights athena setup --lake s3://…` makes them anew");
    }
    if says(&["No output location provided", "output location", "output bucket", "NoSuchBucket"]) {
        return Some("name a bucket for results with --output-location s3://…, or give the workgroup one; it has to be in Athena's Region");
    }
    if says(&["managed query results", "ManagedQueryResults"]) {
        return Some("the workgroup keeps its results itself: leave out --output-location");
    }
    if says(&["Bytes scanned limit was exceeded", "bytes scanned limit"]) {
        return Some("the workgroup limits what a query may read: name a snapshot_date, fewer columns, or another --workgroup");
    }
    if says(&["QUERY_HAS_TOO_MANY_STAGES", "EXCEEDED_", "exhausted resources"]) {
        return Some("ask the embedded engine, without --engine athena, or narrow the query");
    }
    if says(&["WorkGroup is not found", "WorkGroup does not exist", "is not found"]) && says(&["WorkGroup", "Workgroup", "workgroup"]) {
        return Some("name a workgroup of the account and Region with --workgroup");
    }
    if says(&["is not authorized", "Access Denied", "AccessDenied", "PERMISSION_DENIED", "Insufficient permissions", "Insufficient Lake Formation permission"])
    {
        return Some(PERMISSIONS);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(reason: &str) -> AthenaError {
        AthenaError::Failed { id: ExecutionId("q".to_owned()), reason: reason.to_owned() }
    }

    #[test]
    fn athenas_own_words_lead_to_a_next_step() {
        for (reason, step) in [
            ("TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.kms_insights_database.keys' does not exist", "athena setup"),
            ("SCHEMA_NOT_FOUND: line 1:15: Schema 'x' does not exist", "athena setup"),
            ("SYNTAX_ERROR: line 1:15: View 'awsdatacatalog.d.key_overview' is stale; it must be re-created", "makes them anew"),
            (
                "No output location provided. An output location is required either through the Workgroup result configuration setting or as an API input.",
                "--output-location",
            ),
            ("An error occurred while writing to S3. NoSuchBucket: The specified bucket does not exist", "--output-location"),
            ("Query cancelled! : Bytes scanned limit was exceeded", "snapshot_date"),
            ("WorkGroup audit is not found.", "--workgroup"),
            ("QUERY_HAS_TOO_MANY_STAGES: Number of stages in the query (300) exceeds the allowed maximum (150)", "embedded engine"),
            ("PERMISSION_DENIED: Access Denied (Service: Amazon S3; Status Code: 403)", "docs/athena.md"),
            ("User: arn:aws:iam::111122223333:user/x is not authorized to perform: glue:GetTable", "docs/athena.md"),
        ] {
            assert!(failed(reason).next_step().is_some_and(|told| told.contains(step)), "{reason}: {:?}", failed(reason).next_step());
        }
        assert_eq!(failed("GENERIC_INTERNAL_ERROR: something").next_step(), None);
    }

    #[test]
    fn a_mistake_in_the_statement_is_the_persons_and_a_missing_table_is_not() {
        assert!(failed("SYNTAX_ERROR: line 1:8: Column 'keyx' cannot be resolved").is_usage());
        assert!(failed("COLUMN_NOT_FOUND: line 1:8: Column 'keyx' cannot be resolved").is_usage());
        assert!(!failed("SYNTAX_ERROR: line 1:15: Table awsdatacatalog.x.keys does not exist").is_usage());
        assert!(!failed("HIVE_CURSOR_ERROR: damaged").is_usage());
    }
}
