//! The table `accounts`: what was planned, and how it went.

use kms_insights_model::{Account, AccountRecord, FactStatus, RunId};

use crate::{publish::AccountSummary, table::table};

table! {
    /// One row per account that the run was to read, also where nothing could be read.
    AccountRow in "accounts" {
        /// The run.
        run_id: String, from [];
        /// The account.
        account_id: String, from [OrganizationsListAccounts, OrganizationsListAccountsForParent, StsGetCallerIdentity];
        /// The account's name; null where there is no organization to ask.
        name: Option<String>, from [OrganizationsListAccounts];
        /// The organizational units from the root down, such as `/Workloads/Prod`; null where they are not known.
        ou_path: Option<String>, from [OrganizationsListRoots, OrganizationsListOrganizationalUnitsForParent, OrganizationsListAccountsForParent];
        /// How `ou_path` is known: `observed`, `not_applicable`, `denied` or `failed`.
        ou_path_status: String, from [OrganizationsListRoots, OrganizationsListOrganizationalUnitsForParent, OrganizationsListAccountsForParent];
        /// The account's state, such as `ACTIVE`; null where there is no organization to ask.
        state: Option<String>, from [OrganizationsListAccounts];
        /// Whether this is the organization's management account.
        is_management: bool, from [OrganizationsDescribeOrganization];
        /// The Regions that were to be read.
        regions: Vec<String>, from [AccountListRegions];
        /// `complete`, `partial`, `failed` or `skipped`.
        outcome: String, from [];
        /// Why the outcome is not `complete`; null where it is.
        reason: Option<String>, from [];
        /// How many keys of the account the run holds.
        keys: i64, from [KmsListKeys];
        /// How many of them lack a fact.
        keys_incomplete: i64, from [];
        /// How the session in the account went: `observed` where it could be had (the caller's own account needs none).
        access_status: String, from [StsAssumeRole];
    }
}

/// The row of an account. `record` lacks where the run was stopped before the account's collection ended.
pub fn row(run: &RunId, planned: &Account, record: Option<&AccountRecord>, summary: &AccountSummary) -> AccountRow {
    let account = record.map_or(planned, |record| &record.account);
    AccountRow {
        run_id: run.to_string(),
        account_id: account.id.to_string(),
        name: account.name.clone(),
        ou_path: account.ou_path.observed().cloned(),
        ou_path_status: account.ou_path.status().to_string(),
        state: account.state.as_ref().map(ToString::to_string),
        is_management: account.is_management,
        regions: record.map_or_else(Vec::new, |record| record.regions.iter().map(ToString::to_string).collect()),
        outcome: summary.outcome.to_string(),
        reason: summary.reason.clone(),
        keys: summary.keys,
        keys_incomplete: summary.keys_incomplete,
        // Whoever was interrupted before the account's turn never asked for a session there.
        access_status: record.map_or(FactStatus::Failed, |record| record.access.status()).to_string(),
    }
}
