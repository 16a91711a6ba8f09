//! The table `runs`: a run's row is written last, and publishes it.

use kms_insights_model::Timestamp;

use crate::table::table;

table! {
    /// One row per published run. The row is written last: files of a run without a row here are not part of any snapshot.
    RunRow in "runs" {
        /// The run: the moment it began, or that of the run it completes, and eight random characters; ids sort by the age of their facts.
        run_id: String, from [];
        /// `complete` when every fact that applies was observed in every account that was to be read, else `partial`: `collection_errors` says what lacks.
        status: String, from [];
        /// When the run began, or the one that it completes: of an organization's runs the one with the latest start is shown by the views.
        started_at: Timestamp, from [];
        /// When the run was published.
        finished_at: Timestamp, from [];
        /// The version of kms-insights.
        tool_version: String, from [];
        /// The organization, each of which the views show by itself; null when only single accounts were read, or the organization could not be told.
        organization_id: Option<String>, from [OrganizationsDescribeOrganization];
        /// `whole` when every account and Region that the caller can see was to be read, `selection` when the run was limited to some: views show a run of a selection only where there is no other of its organization.
        scope: String, from [];
        /// The accounts, organizational units and Regions that the run was limited to, in words; null where it was not.
        selection: Option<String>, from [];
        /// The published partial run that this one completes.
        resumed_from: Option<String>, from [];
        /// How many accounts the run was to read.
        accounts_planned: i64, from [];
        /// Accounts of which every fact that applies was observed.
        accounts_complete: i64, from [];
        /// Accounts of which something lacks.
        accounts_partial: i64, from [];
        /// Accounts of which nothing could be read.
        accounts_failed: i64, from [];
        /// Accounts left out on purpose, because they are suspended, closed or not yet active.
        accounts_skipped: i64, from [];
        /// How many Regions of accounts (account × Region) were read to the end of their list of keys.
        regions_read: i64, from [];
        /// How many keys the run holds.
        keys: i64, from [];
        /// How many of them lack a fact.
        keys_incomplete: i64, from [];
        /// How many facts lack: the rows of `collection_errors`.
        facts_lacking: i64, from [];
        /// How many findings the run holds.
        findings: i64, from [];
        /// Whether AWS managed keys were left out.
        customer_managed_only: bool, from [];
        /// Which attempt at the run published it: of the run's files those whose names go on with `-g` and this number are the run's.
        generation: i32, from [];
    }
}

/// `runs.scope` of a run that was to read everything.
pub const WHOLE: &str = "whole";
/// `runs.scope` of a run that was limited to some accounts, organizational units or Regions.
pub const SELECTION: &str = "selection";

impl RunRow {
    /// Whether the run was to read everything. `customer_managed_only` does not count: it leaves out keys, not places.
    pub fn is_whole(&self) -> bool {
        self.scope == WHOLE
    }
}
