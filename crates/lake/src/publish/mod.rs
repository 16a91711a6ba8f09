//! Publishing: staged facts become a snapshot, account by account, and visible by one last write.

#[cfg(test)]
mod access_tests;
mod analyses;
mod attempt;
mod cost;
mod outcome;
mod replicas;
mod retention;
mod sink;
mod summary;
mod tables;
#[cfg(test)]
mod takeover_tests;
#[cfg(test)]
mod tests;
mod trails;

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
pub use kms_insights_findings::FindingSettings;
use kms_insights_findings::{KeyAnalysis, KeyContext, analyze};
use kms_insights_model::{
    Account, AccountId, AccountRecord, ApiAction, ErrorCode, EventHistory, Fact, FactName, Failure, KeyFacts, LastUsage, Region, RunId, RunStatus, Timestamp,
    TrailRecord, UnitRecord,
};

pub use cost::monthly_cost_usd;
pub use outcome::{AccountSummary, AccountTally, summarize};
pub(crate) use sink::{encode, encode_each};
pub use summary::{FindingCount, IncompleteAccount, PublishedRun};

use crate::{
    Lake, LakeError,
    scans::TrailUses,
    staging::{CacheBudget, Overview, RunInfo, SortedKeys, StagedRun, StagingWriter, WholeKey},
    tables::{accounts, collection_errors::Scope, findings, grants, key_access, key_last_used, keys, policy_statements, trail_recording},
};
use attempt::Attempt;
use replicas::Replicas;
use summary::Totals;
use tables::Sinks;
use trails::HomeTrails;

/// So many accounts are read ahead of the one that is written.
const READ_AHEAD: usize = 4;

/// Publishes what is staged: first every table's files, then the row of `runs` that makes them a snapshot. What is found is judged by the settings of this moment, not by those
/// of the moment when the run began.
///
/// Whatever stops this before its last write leaves the run unpublished, and publishing again begins anew. A run of which no account could be read is not published at all:
/// the views would show its emptiness instead of what the run before it knew.
///
/// A complete run's staging is then deleted, with that of the run it completes. A partial run's is kept, so that a later run can read only what lacks, and that of the run
/// it was resumed from. Of an organization's other published partial runs the staging of the last ones is kept, three in all, and that of those that an unpublished run takes
/// over; the rest is deleted. The staging of unpublished runs is not touched.
///
/// # Errors
/// When the store fails, a staged part is damaged, no account could be read, the run is published already, or another process has taken the run over.
pub async fn publish(lake: &Lake, writer: &StagingWriter, finished_at: Timestamp, settings: &FindingSettings) -> Result<PublishedRun, LakeError> {
    let run = writer.run_id();
    writer.finish().await?;
    let attempt = Attempt::new(lake, writer);
    attempt.check().await?;
    let staged = StagedRun::load(lake, run).await?;
    let info = staged.info();
    // On the heap: so many tables' writers are more than a caller's future should carry.
    let totals = match Box::pin(write_tables(&attempt, &staged, finished_at, settings)).await {
        Ok(totals) => totals,
        Err(error) => {
            attempt.withdraw().await;
            return Err(error);
        }
    };
    if let Some(error) = totals.nothing_read(run) {
        attempt.withdraw().await;
        return Err(error);
    }
    let row = totals.run_row(info, writer.generation(), finished_at);
    let status = totals.status();
    attempt.commit(&row).await?;

    let mut cleanup_error = None;
    if status == RunStatus::Complete {
        for done in std::iter::once(run).chain(info.resumed_from.as_ref()) {
            if let Err(error) = lake.discard_staging(done).await {
                cleanup_error.get_or_insert(error);
            }
        }
    }
    if let Err(error) = retention::discard_outlived(lake, run, info.resumed_from.as_ref()).await {
        cleanup_error.get_or_insert(error);
    }
    Ok(totals.published(run.clone(), status, row, cleanup_error))
}

/// Writes the files of every table but `runs`, and leaves no others of the run beside them.
async fn write_tables(attempt: &Attempt, staged: &StagedRun, finished_at: Timestamp, settings: &FindingSettings) -> Result<Totals, LakeError> {
    attempt.delete_leftovers(&[]).await?;
    let info = staged.info();
    let trail = TrailUses::load(&attempt.lake).await?;
    let homes = HomeTrails::new(staged);
    let mut publication = Publication { run: &info.run_id, info, finished_at, settings, trail, homes, sinks: Sinks::new(attempt), totals: Totals::default() };
    for failure in &info.organization_failures {
        publication.lacking(Scope::Organization, "organization", failure).await?;
    }

    let budget = CacheBudget::default();
    let planned: BTreeMap<AccountId, &Account> = info.accounts.iter().map(|account| (account.id, account)).collect();
    // An account of which something is staged is told of, planned or not.
    let accounts: BTreeSet<AccountId> = planned.keys().copied().chain(staged.accounts()).collect();
    let cache = &budget;
    let mut inputs = Box::pin(
        stream::iter(accounts)
            .map(|account| async move {
                let overview = staged.overview(account).await?;
                let keys = SortedKeys::of(staged, account, cache).await?;
                Ok::<_, LakeError>(AccountInput { id: account, overview, keys })
            })
            .buffered(READ_AHEAD),
    );
    while let Some(input) = inputs.try_next().await? {
        let account = planned.get(&input.id).copied();
        publication.account(account, input).await?;
    }
    drop(inputs);

    let Publication { sinks, totals, .. } = publication;
    let files = Box::pin(sinks.finish()).await?;
    attempt.check().await?;
    attempt.delete_leftovers(&files).await?;
    // A row that survives a loss of power must not name files that do not.
    attempt.lake.sync(files).await?;
    Ok(totals)
}

struct AccountInput<'a> {
    id: AccountId,
    overview: Overview,
    keys: SortedKeys<'a>,
}

/// A key with all that is known of its use.
struct Evidence {
    key: KeyFacts,
    last_usage: Fact<LastUsage>,
    event_history: Fact<EventHistory>,
}

impl Evidence {
    fn of(key: WholeKey, never_read: impl FnOnce() -> Fact<LastUsage>) -> Self {
        let WholeKey { facts, last_usage, event_history } = key;
        Self { key: facts, last_usage: last_usage.unwrap_or_else(never_read), event_history: event_history.unwrap_or(Fact::NotApplicable) }
    }
}

struct Publication<'a> {
    run: &'a RunId,
    info: &'a RunInfo,
    finished_at: Timestamp,
    settings: &'a FindingSettings,
    trail: TrailUses,
    homes: HomeTrails<'a>,
    sinks: Sinks,
    totals: Totals,
}

impl Publication<'_> {
    async fn account(&mut self, planned: Option<&Account>, input: AccountInput<'_>) -> Result<(), LakeError> {
        let AccountInput { id, overview: Overview { record, units, mut trails }, mut keys } = input;
        let unplanned = Account { id, name: None, state: None, ou_path: Fact::NotApplicable, is_management: false };
        let planned = planned.unwrap_or(&unplanned);
        let mut tally = AccountTally::default();

        let is_staged = !units.is_empty() || !keys.is_empty();
        self.account_failures(planned, record.as_ref(), is_staged, &mut tally).await?;
        self.unit_failures(id, record.as_ref(), &units, &keys, &mut tally).await?;
        self.trails(id, &units, &mut trails, &keys, &mut tally).await?;
        let replicas = Replicas::of(&keys).await?;
        let mut told = BTreeSet::new();
        loop {
            let chunk = keys.next_chunk().await?;
            if chunk.is_empty() {
                break;
            }
            let never_read = || Fact::Failed(interrupted(ApiAction::KmsGetKeyLastUsage));
            let chunk: Vec<Evidence> = chunk.into_iter().map(|key| Evidence::of(key, never_read)).collect();
            let (info, now, settings, trail) = (self.info, self.finished_at, self.settings, &self.trail);
            let analyses = analyses::of_each(&chunk, |Evidence { key, last_usage, event_history }| {
                analyze(&KeyContext {
                    facts: key,
                    last_usage: &key_last_used::merged(key, last_usage, event_history, trail),
                    now,
                    organization_accounts: info.organization_accounts.as_ref(),
                    organization_id: info.organization_id.as_ref(),
                    replicas: &replicas.of_set(&key.arn),
                    settings,
                })
            });
            for (evidence, analysis) in chunk.iter().zip(analyses) {
                let region = evidence.key.arn.region();
                if let Some(failure) = EventHistory::failure(&evidence.event_history)
                    && told.insert((region.clone(), failure.code))
                {
                    tally.other_failures.insert("event history", failure.code);
                    self.lacking(Scope::Unit(id, region), "event_history", failure).await?;
                }
                self.key(evidence, units.get(region), trails.get(region), analysis, &mut tally).await?;
            }
        }
        let summary = summarize(record.as_ref(), &tally);
        let row = accounts::row(self.run, planned, record.as_ref(), &summary);
        self.totals.account(id, row.name.as_deref(), &summary, &tally);
        self.sinks.accounts.push(row).await
    }

    /// `is_staged` says whether anything is there of the account but its own record.
    async fn account_failures(
        &mut self,
        planned: &Account,
        record: Option<&AccountRecord>,
        is_staged: bool,
        tally: &mut AccountTally,
    ) -> Result<(), LakeError> {
        let scope = Scope::Account(planned.id);
        let account = record.map_or(planned, |record| &record.account);
        if let Some(failure) = account.ou_path.failure() {
            tally.other_failures.insert("ou_path", failure.code);
            self.lacking(scope, "ou_path", failure).await?;
        }
        let Some(record) = record else {
            return self.lacking(scope, "account", &interrupted(ApiAction::KmsListKeys)).await;
        };
        if let Some(state) = record.skipped.as_ref().filter(|_| is_staged) {
            let text = format!("{state}: what an earlier attempt read is kept, and which Regions that one did not reach is not known");
            self.lacking(scope, "account", &Failure::new(ApiAction::KmsListKeys, ErrorCode::Interrupted, text)).await?;
        }
        if let Some(failure) = record.access.failure() {
            self.lacking(scope, "access", failure).await?;
        }
        if let Some(failure) = &record.region_listing {
            tally.other_failures.insert("regions", failure.code);
            self.lacking(scope, "regions", failure).await?;
        }
        Ok(())
    }

    async fn unit_failures(
        &mut self,
        account: AccountId,
        record: Option<&AccountRecord>,
        units: &BTreeMap<Region, UnitRecord>,
        keys: &SortedKeys<'_>,
        tally: &mut AccountTally,
    ) -> Result<(), LakeError> {
        let read = record.filter(|record| record.skipped.is_none() && !record.access.is_lacking());
        let own_regions = read.filter(|record| record.region_listing.is_none()).map(|record| &record.regions);
        for (region, unit) in units {
            let scope = Scope::Unit(account, region);
            let staged = keys.count(region);
            // An attempt that could not list the account's Regions tried those that every account has. Now that they are listed, this one is not among them, and nothing
            // was found in it: nothing lacks.
            if own_regions.is_some_and(|own| !own.contains(region)) && staged == 0 && unit.keys_staged == 0 {
                continue;
            }
            let lost = || {
                let text = format!("{} of the {} keys that were read are no longer staged", unit.keys_staged - staged, unit.keys_staged);
                Failure::new(ApiAction::KmsListKeys, ErrorCode::Interrupted, text)
            };
            match unit.key_listing.clone().or_else(|| (staged < unit.keys_staged).then(lost)) {
                None => tally.regions_read += 1,
                Some(failure) => {
                    *tally.region_failures.entry(failure.code).or_default() += 1;
                    self.lacking(scope, "key_listing", &failure).await?;
                }
            }
            if let Some(failure) = &unit.alias_listing {
                tally.other_failures.insert("aliases", failure.code);
                self.lacking(scope, "alias_listing", failure).await?;
            }
            if let Some(failure) = unit.custom_key_stores.failure() {
                tally.other_failures.insert("custom key stores", failure.code);
                self.lacking(scope, "custom_key_stores", failure).await?;
            }
        }
        // Regions that were to be read, of which nothing says that they were: an account without access was not to be read any further.
        let unread = read.into_iter().flat_map(|record| &record.regions);
        for region in unread.filter(|region| !units.contains_key(*region)) {
            let failure = interrupted(ApiAction::KmsListKeys);
            *tally.region_failures.entry(failure.code).or_default() += 1;
            self.lacking(Scope::Unit(account, region), "key_listing", &failure).await?;
        }
        Ok(())
    }

    /// What the trails record in each Region that has keys, or why that is not known.
    async fn trails(
        &mut self,
        account: AccountId,
        units: &BTreeMap<Region, UnitRecord>,
        trails: &mut BTreeMap<Region, TrailRecord>,
        keys: &SortedKeys<'_>,
        tally: &mut AccountTally,
    ) -> Result<(), LakeError> {
        for region in units.keys().filter(|region| keys.count(region) > 0) {
            if let Some(record) = trails.get_mut(region) {
                for failure in self.homes.complete(record).await? {
                    tally.other_failures.insert("trails", failure.code);
                    self.lacking(Scope::Unit(account, region), "trails", &failure).await?;
                }
            }
            self.sinks.trail_recording.push(trail_recording::row(self.run, account, region, trails.get(region))).await?;
        }
        Ok(())
    }

    async fn key(
        &mut self,
        Evidence { key, last_usage: usage, event_history }: &Evidence,
        unit: Option<&UnitRecord>,
        trails: Option<&TrailRecord>,
        analysis: KeyAnalysis,
        tally: &mut AccountTally,
    ) -> Result<(), LakeError> {
        tally.keys += 1;
        let aliases_told_by_unit = unit.is_some_and(|unit| unit.alias_listing.is_some());
        let failures: Vec<(FactName, &Failure)> = key.failures().chain(usage.failure().map(|failure| (FactName::LastUsage, failure))).collect();
        tally.keys_incomplete += u64::from(!failures.is_empty());
        for (name, failure) in failures {
            if name == FactName::Aliases && aliases_told_by_unit {
                continue;
            }
            *tally.key_failures.entry(failure.code).or_default() += 1;
            self.lacking(Scope::Key(&key.arn), name.as_str(), failure).await?;
        }

        self.sinks.keys.push(keys::row(self.run, key, usage, unit.map(|unit| &unit.custom_key_stores), &analysis)).await?;
        self.sinks.key_last_used.push(key_last_used::row(self.run, key, usage, event_history, &self.trail, trails)).await?;
        for row in policy_statements::rows(self.run, &key.arn, &analysis) {
            self.sinks.policy_statements.push(row).await?;
        }
        for row in grants::rows(self.run, key) {
            self.sinks.grants.push(row).await?;
        }
        for row in key_access::rows(self.run, &key.arn, analysis.access) {
            self.sinks.key_access.push(row).await?;
        }
        for finding in analysis.findings {
            self.totals.finding(&finding);
            self.sinks.findings.push(findings::row(self.run, &key.arn, finding)).await?;
        }
        Ok(())
    }

    async fn lacking(&mut self, scope: Scope<'_>, fact: &str, failure: &Failure) -> Result<(), LakeError> {
        self.totals.lacking(failure.code);
        self.sinks.collection_errors.push(crate::tables::collection_errors::row(self.run, scope, fact, failure)).await
    }
}

fn interrupted(action: ApiAction) -> Failure {
    Failure::new(action, ErrorCode::Interrupted, ErrorCode::Interrupted.meaning())
}
