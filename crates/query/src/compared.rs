//! Two runs that somebody chose to compare, in the place of those that the views compare by themselves.

use datafusion::sql::parser::Statement;
use kms_insights_model::RunId;

use crate::{error::QueryError, statement};

/// The view that says which runs `changes_since_previous` compares.
pub(crate) const VIEW: &str = "compared_runs";

/// Two published runs of a lake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComparedRuns {
    /// The run with the older facts.
    pub earlier: RunId,
    /// The run with the newer ones.
    pub later: RunId,
}

impl ComparedRuns {
    /// What [`VIEW`] is then. The two are taken for runs of one organization, whatever either could tell of it: who chose them knows.
    pub(crate) fn statement(&self) -> Result<Statement, QueryError> {
        // An id has digits and letters alone: it ends no literal.
        let Self { earlier, later } = self;
        statement::parse(&format!(
            "SELECT r.run_id, r.snapshot_date, CASE r.run_id WHEN '{later}' THEN 'later' ELSE 'earlier' END AS side, '' AS organization, r.started_at, r.finished_at, \
             e.started_at AS earlier_started_at, r.status, r.scope, r.selection, r.customer_managed_only \
             FROM runs r CROSS JOIN (SELECT started_at FROM runs WHERE run_id = '{earlier}') e WHERE r.run_id IN ('{earlier}', '{later}')"
        ))
    }
}
