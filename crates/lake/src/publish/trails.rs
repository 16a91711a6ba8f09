//! An organization's trail is seen in every account, and belongs to one: what another may not read of it, that one's answer tells.

use std::collections::{BTreeMap, HashMap};

use kms_insights_model::{AccountId, Arn, EventSelectors, Fact, Failure, Trail, TrailRecord, TrailStatus};

use crate::{LakeError, staging::StagedRun};

/// What the accounts that trails belong to know of them.
pub(super) struct HomeTrails<'a> {
    staged: &'a StagedRun,
    /// By account, and then by ARN.
    known: HashMap<AccountId, BTreeMap<String, Known>>,
}

#[derive(Clone, Default)]
struct Known {
    status: Option<TrailStatus>,
    selectors: Option<EventSelectors>,
}

impl<'a> HomeTrails<'a> {
    pub(super) fn new(staged: &'a StagedRun) -> Self {
        Self { staged, known: HashMap::new() }
    }

    /// Fills in what the record lacks of trails of other accounts, and says what it lacks then, each operation once.
    pub(super) async fn complete(&mut self, record: &mut TrailRecord) -> Result<Vec<Failure>, LakeError> {
        let account = record.account;
        let trails = match &mut record.trails {
            Fact::Observed(trails) => trails,
            other => return Ok(other.failure().cloned().into_iter().collect()),
        };
        let mut failures: Vec<Failure> = Vec::new();
        for trail in trails {
            if (trail.status.is_lacking() || trail.selectors.is_lacking())
                && let Some(owner) = owner(trail).filter(|owner| *owner != account)
            {
                let known = self.of(owner).await?.get(&trail.arn).cloned().unwrap_or_default();
                if let Some(status) = known.status.filter(|_| trail.status.is_lacking()) {
                    trail.status = Fact::Observed(status);
                }
                if let Some(selectors) = known.selectors.filter(|_| trail.selectors.is_lacking()) {
                    trail.selectors = Fact::Observed(selectors);
                }
            }
            for failure in trail.status.failure().into_iter().chain(trail.selectors.failure()) {
                if !failures.iter().any(|told| told.action == failure.action && told.code == failure.code) {
                    failures.push(failure.clone());
                }
            }
        }
        Ok(failures)
    }

    async fn of(&mut self, owner: AccountId) -> Result<&BTreeMap<String, Known>, LakeError> {
        if !self.known.contains_key(&owner) {
            let mut known: BTreeMap<String, Known> = BTreeMap::new();
            for trail in self.staged.overview(owner).await?.trails.into_values().filter_map(|record| record.trails.observed().cloned()).flatten() {
                let of = known.entry(trail.arn).or_default();
                of.status = of.status.take().or_else(|| trail.status.observed().cloned());
                of.selectors = of.selectors.take().or_else(|| trail.selectors.observed().cloned());
            }
            self.known.insert(owner, known);
        }
        Ok(self.known.entry(owner).or_default())
    }
}

fn owner(trail: &Trail) -> Option<AccountId> {
    Arn::parse(&trail.arn)?.account.parse().ok()
}
