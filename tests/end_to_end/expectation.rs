//! What a run must have found: the sandbox's truth, cut to what the run was to read, staged and published into a lake of its own.

use std::collections::BTreeSet;

use kms_insights_lake::{
    Lake, LakeLocation,
    publish::{FindingSettings, publish},
    staging::{RunInfo, StagingWriter},
    tables::{collection_errors::CollectionErrorRow, runs::RunRow},
};
use kms_insights_model::{
    Account, AccountId, AccountState, ApiAction, ErrorCode, EventHistory, Fact, Failure, KeyArn, KeyMetadata, OrganizationId, Region, RunId, StagedRecord,
};
use kms_insights_sandbox::{Behaviour, Fault, Truth};

use crate::{
    harness::{Collected, World},
    snapshot::{assert_same, rows},
};

/// What a run must have found.
pub(crate) struct Expectation {
    pub(crate) records: Vec<StagedRecord>,
    pub(crate) organization: Option<OrganizationId>,
    /// What of the organization itself could not be read.
    pub(crate) organization_failures: Vec<Failure>,
    organization_accounts: Option<BTreeSet<AccountId>>,
    regions: Option<Vec<Region>>,
    /// Whether accounts, organizational units or Regions were named.
    selected: bool,
    customer_managed_only: bool,
    resumed_from: Option<RunId>,
}

/// The collector's words for an account that it leaves out.
fn why_skipped(state: Option<&AccountState>) -> &'static str {
    match state {
        Some(AccountState::Suspended) => "the account is suspended",
        Some(AccountState::Closed) => "the account is closed",
        Some(AccountState::PendingClosure) => "the account is being closed",
        Some(AccountState::PendingActivation) => "the account is not yet active",
        other => panic!("{other:?} is no reason to leave an account out"),
    }
}

impl World {
    /// What a run finds under the faults of this moment.
    pub(crate) fn expectation(&self) -> Expectation {
        Expectation::of(&self.sandbox.truth())
    }

    /// Collects, and compares every row with the truth under the faults of this moment.
    pub(crate) async fn collect_and_compare(&self, more: &[&str]) -> Collected {
        let collected = self.collect(more).await;
        self.expectation().assert_found_by(&collected, &self.lake()).await;
        collected
    }

    /// What a run finds of the same organization where it behaves otherwise.
    pub(crate) fn expectation_if(&self, behaviour: Behaviour, faults: Vec<Fault>) -> Expectation {
        Expectation::of(&Truth::new(std::sync::Arc::new(self.sandbox.organization().clone()), behaviour, faults))
    }
}

impl Expectation {
    fn of(truth: &Truth) -> Self {
        let mut records: Vec<StagedRecord> = truth.records().collect();
        let in_use = truth.accounts().any(|record| record.account.name.is_some());
        for record in &mut records {
            if let StagedRecord::Account(account) = record
                && let Some(reason) = &mut account.skipped
            {
                why_skipped(account.account.state.as_ref()).clone_into(reason);
            }
        }
        Self {
            records,
            organization: in_use.then(|| OrganizationId(truth.organization().id().to_owned())),
            organization_failures: Vec::new(),
            organization_accounts: in_use.then(|| truth.organization().accounts().iter().map(|account| account.id).collect()),
            regions: None,
            selected: false,
            customer_managed_only: false,
            resumed_from: None,
        }
    }

    /// Of these accounts only.
    pub(crate) fn of_accounts(mut self, accounts: &[AccountId]) -> Self {
        self.selected = true;
        self.records.retain(|record| accounts.contains(&record.account()));
        self
    }

    /// Of these Regions only.
    pub(crate) fn in_regions(mut self, regions: &[Region]) -> Self {
        self.selected = true;
        self.regions = Some(regions.to_vec());
        self.records.retain_mut(|record| match record {
            StagedRecord::Account(account) => {
                if account.access.observed().is_some() {
                    account.regions = regions.to_vec();
                }
                true
            }
            StagedRecord::Unit(unit) => regions.contains(&unit.region),
            StagedRecord::Key(key) => regions.contains(key.arn.region()),
            StagedRecord::Usage(usage) => regions.contains(usage.arn.region()),
            StagedRecord::History(history) => regions.contains(history.arn.region()),
            StagedRecord::Trails(trails) => regions.contains(&trails.region),
        });
        self
    }

    /// Without AWS managed keys. One whose metadata cannot be read is not known to be one, and stays.
    pub(crate) fn customer_managed_only(mut self) -> Self {
        let is_managed = |record: &StagedRecord| match record {
            StagedRecord::Key(key) => key.metadata.observed().is_some_and(KeyMetadata::is_aws_managed).then(|| key.arn.clone()),
            _ => None,
        };
        let managed: BTreeSet<_> = self.records.iter().filter_map(is_managed).collect();
        self.records.retain(|record| match record {
            StagedRecord::Key(key) => !managed.contains(&key.arn),
            StagedRecord::Usage(usage) => !managed.contains(&usage.arn),
            StagedRecord::History(history) => !managed.contains(&history.arn),
            _ => true,
        });
        for record in &mut self.records {
            if let StagedRecord::Unit(unit) = record {
                unit.keys_staged -= managed.iter().filter(|arn| arn.account() == unit.account && *arn.region() == unit.region).count() as u64;
            }
        }
        self.customer_managed_only = true;
        self
    }

    /// As the completion of an earlier run.
    pub(crate) fn resumed_from(mut self, run: &RunId) -> Self {
        self.resumed_from = Some(run.clone());
        self
    }

    /// With what an earlier attempt found in the event history: it stays, though KMS answers now.
    pub(crate) fn with_histories_of(mut self, earlier: &Self) -> Self {
        let known: BTreeSet<_> = self.records.iter().filter_map(history_of).collect();
        let kept = earlier.records.iter().filter(|record| history_of(record).is_some_and(|key| !known.contains(&key))).cloned().collect::<Vec<_>>();
        self.records.extend(kept);
        self
    }

    /// With every record changed.
    pub(crate) fn with(mut self, change: impl FnMut(&mut StagedRecord)) -> Self {
        self.records.iter_mut().for_each(change);
        self
    }

    fn accounts(&self) -> Vec<Account> {
        let account = |record: &StagedRecord| match record {
            StagedRecord::Account(record) => Some(record.account.clone()),
            _ => None,
        };
        self.records.iter().filter_map(account).collect()
    }

    /// Whether anything at all lacks.
    pub(crate) fn is_whole(&self) -> bool {
        let whole = |record: &StagedRecord| match record {
            StagedRecord::Account(record) => !record.access.is_lacking() && !record.account.ou_path.is_lacking() && record.region_listing.is_none(),
            StagedRecord::Unit(unit) => unit.key_listing.is_none() && unit.alias_listing.is_none() && !unit.custom_key_stores.is_lacking(),
            StagedRecord::Key(key) => key.is_complete(),
            StagedRecord::Usage(usage) => !usage.last_usage.is_lacking(),
            StagedRecord::History(history) => !history.event_history.is_lacking(),
            StagedRecord::Trails(trails) => !trails.is_lacking(),
        };
        self.organization_failures.is_empty() && self.records.iter().all(whole)
    }

    /// The run's rows are these and no others, and the program said so by its exit code.
    pub(crate) async fn assert_found_by(&self, collected: &Collected, lake: &Lake) {
        let whole = self.is_whole();
        assert_eq!(collected.ended.code, Some(if whole { 0 } else { 3 }), "{}", collected.ended.stderr);
        assert_eq!(collected.summary["status"], if whole { "complete" } else { "partial" });
        self.assert_in(lake, &collected.run).await;
    }

    /// The run's rows are these and no others.
    pub(crate) async fn assert_in(&self, lake: &Lake, run: &RunId) {
        let RunRow { started_at, finished_at, selection, .. } = lake.published_run(run).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let expected = Lake::open_or_create(&LakeLocation::Local(folder.path().to_owned()), None).unwrap();
        let info = RunInfo {
            run_id: run.clone(),
            started_at,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            organization_id: self.organization.clone(),
            accounts: self.accounts(),
            organization_accounts: self.organization_accounts.clone(),
            organization_failures: self.organization_failures.clone(),
            regions: self.regions.clone(),
            selection,
            customer_managed_only: self.customer_managed_only,
            resumed_from: self.resumed_from.clone(),
            settings: serde_json::Map::new(),
        };
        let writer = StagingWriter::begin(&expected, &info).await.unwrap();
        for record in &self.records {
            let mut record = record.clone();
            // The event history goes back from the moment at which it is asked.
            if let StagedRecord::History(history) = &mut record
                && let Fact::Observed(history) = &mut history.event_history
            {
                history.reaches_back_to = EventHistory::beginning(started_at);
            }
            writer.record(record).await.unwrap();
        }
        let published = publish(&expected, &writer, finished_at, &FindingSettings::default()).await.unwrap();
        assert_eq!(&published.run_id, run);
        assert_same((lake, run), (&expected, run)).await;
        for error in rows::<CollectionErrorRow>(lake, run).await {
            assert!(!error.message.is_empty() && !error.next_step.is_empty(), "AWS's words are kept, with a next step: {error:?}");
        }
    }
}

/// The key whose event history a record tells.
fn history_of(record: &StagedRecord) -> Option<KeyArn> {
    match record {
        StagedRecord::History(history) => Some(history.arn.clone()),
        _ => None,
    }
}

/// The last usages of a run that was given no time for them.
pub(crate) fn without_last_usages(record: &mut StagedRecord) {
    if let StagedRecord::History(history) = record {
        // Who is given no time for the one is given none for the other.
        history.event_history = Fact::NotApplicable;
    }
    if let StagedRecord::Usage(usage) = record {
        usage.last_usage = Fact::Failed(Failure::new(ApiAction::KmsGetKeyLastUsage, ErrorCode::Budget, ""));
    }
}
