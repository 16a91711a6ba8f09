//! What a run comes to, counted while its rows are written.

use std::{cmp::Reverse, collections::BTreeMap};

use kms_insights_findings::{Finding, Severity};
use kms_insights_model::{AccountId, AccountOutcome, ErrorCode, RunId, RunStatus, Timestamp};

use super::{AccountSummary, AccountTally};
use crate::{
    LakeError,
    count::signed,
    staging::RunInfo,
    tables::runs::{self, RunRow},
};

/// So much of one account's reason is told where none could be read.
const MAX_EXAMPLE_CHARS: usize = 240;

/// How often a rule found something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingCount {
    /// How bad it is.
    pub severity: Severity,
    /// The rule.
    pub rule: &'static str,
    /// How often.
    pub count: u64,
}

/// An account of which something lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncompleteAccount {
    /// The account.
    pub id: AccountId,
    /// Its name, where it is known.
    pub name: Option<String>,
    /// Partial or failed.
    pub outcome: AccountOutcome,
    /// Why.
    pub reason: String,
}

/// A run that has just been published.
#[derive(Debug)]
pub struct PublishedRun {
    /// The run.
    pub run_id: RunId,
    /// Whether it is complete.
    pub status: RunStatus,
    /// Its row.
    pub row: RunRow,
    /// Accounts by outcome.
    pub accounts: BTreeMap<AccountOutcome, u64>,
    /// Accounts of which something lacks.
    pub incomplete_accounts: Vec<IncompleteAccount>,
    /// Facts that lack, by code.
    pub facts_lacking: BTreeMap<ErrorCode, u64>,
    /// Findings by severity, the worst first, and rule.
    pub findings: Vec<FindingCount>,
    /// Why staging that is of no use any more, this run's or older ones', could not be deleted. The run is published all the same.
    pub cleanup_error: Option<LakeError>,
}

#[derive(Debug, Default)]
pub(super) struct Totals {
    accounts: BTreeMap<AccountOutcome, u64>,
    incomplete_accounts: Vec<IncompleteAccount>,
    regions_read: u64,
    keys: u64,
    keys_incomplete: u64,
    facts_lacking: BTreeMap<ErrorCode, u64>,
    findings: BTreeMap<(Reverse<Severity>, &'static str), u64>,
}

impl Totals {
    pub(super) fn account(&mut self, id: AccountId, name: Option<&str>, summary: &AccountSummary, tally: &AccountTally) {
        *self.accounts.entry(summary.outcome).or_default() += 1;
        self.regions_read += tally.regions_read;
        self.keys += tally.keys;
        self.keys_incomplete += tally.keys_incomplete;
        if matches!(summary.outcome, AccountOutcome::Partial | AccountOutcome::Failed) {
            let reason = summary.reason.clone().unwrap_or_default();
            self.incomplete_accounts.push(IncompleteAccount { id, name: name.map(str::to_owned), outcome: summary.outcome, reason });
        }
    }

    pub(super) fn lacking(&mut self, code: ErrorCode) {
        *self.facts_lacking.entry(code).or_default() += 1;
    }

    pub(super) fn finding(&mut self, finding: &Finding) {
        *self.findings.entry((Reverse(finding.severity), finding.rule)).or_default() += 1;
    }

    /// Complete only if nothing at all lacks.
    pub(super) fn status(&self) -> RunStatus {
        if self.facts_lacking.is_empty() && self.incomplete_accounts.is_empty() { RunStatus::Complete } else { RunStatus::Partial }
    }

    /// The error of a run of which no account could be read: one failed at least, and the others were left out on purpose.
    pub(super) fn nothing_read(&self, run: &RunId) -> Option<LakeError> {
        let accounts = |outcome| self.accounts.get(&outcome).copied().unwrap_or_default();
        if accounts(AccountOutcome::Complete) + accounts(AccountOutcome::Partial) > 0 {
            return None;
        }
        let example = self.incomplete_accounts.first()?;
        let text = format!("{}: {}", example.id, example.reason);
        let mut example: String = text.chars().take(MAX_EXAMPLE_CHARS).collect();
        if example.len() < text.len() {
            example.push('…');
        }
        Some(LakeError::NothingRead { run: run.clone(), accounts: accounts(AccountOutcome::Failed), example })
    }

    pub(super) fn run_row(&self, info: &RunInfo, generation: u32, finished_at: Timestamp) -> RunRow {
        let accounts = |outcome| signed(self.accounts.get(&outcome).copied().unwrap_or_default());
        RunRow {
            run_id: info.run_id.to_string(),
            status: self.status().to_string(),
            started_at: info.started_at,
            finished_at,
            tool_version: info.tool_version.clone(),
            organization_id: info.organization_id.as_ref().map(ToString::to_string),
            scope: if info.selection.is_none() { runs::WHOLE } else { runs::SELECTION }.to_owned(),
            selection: info.selection.clone(),
            resumed_from: info.resumed_from.as_ref().map(ToString::to_string),
            accounts_planned: signed(info.accounts.len() as u64),
            accounts_complete: accounts(AccountOutcome::Complete),
            accounts_partial: accounts(AccountOutcome::Partial),
            accounts_failed: accounts(AccountOutcome::Failed),
            accounts_skipped: accounts(AccountOutcome::Skipped),
            regions_read: signed(self.regions_read),
            keys: signed(self.keys),
            keys_incomplete: signed(self.keys_incomplete),
            facts_lacking: signed(self.facts_lacking.values().sum()),
            findings: signed(self.findings.values().sum()),
            customer_managed_only: info.customer_managed_only,
            generation: i32::try_from(generation).unwrap_or(i32::MAX),
        }
    }

    pub(super) fn published(self, run_id: RunId, status: RunStatus, row: RunRow, cleanup_error: Option<LakeError>) -> PublishedRun {
        let findings = self.findings.into_iter().map(|((Reverse(severity), rule), count)| FindingCount { severity, rule, count }).collect();
        PublishedRun {
            run_id,
            status,
            row,
            accounts: self.accounts,
            incomplete_accounts: self.incomplete_accounts,
            facts_lacking: self.facts_lacking,
            findings,
            cleanup_error,
        }
    }
}
