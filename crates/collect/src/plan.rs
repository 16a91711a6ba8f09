//! Which accounts a run reads, and how it gets into each.

use std::collections::{BTreeSet, HashMap};

use kms_insights_model::{Account, AccountId, AccountState, ApiAction, ErrorCode, Fact, Failure, OrganizationId};

use crate::{
    call::{Requests, Until},
    cloud::{Caller, Cloud, Unit},
    pages,
    quota::Bucket,
};

/// Which accounts to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountSelection {
    /// Only these accounts; they need not be listed by Organizations. Empty for all.
    pub accounts: BTreeSet<AccountId>,
    /// Only accounts in these organizational units or below: ids (`ou-…`, `r-…`) or paths (`/Workloads/Prod`). Empty for all.
    pub organizational_units: Vec<String>,
    /// What an earlier attempt at the run knew.
    pub earlier: Option<EarlierPlan>,
}

/// What an earlier attempt at a run knew of the organization: it stands where Organizations cannot be asked now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EarlierPlan {
    /// The organization, where there was one and it was known.
    pub organization: Option<OrganizationId>,
    /// Every account of the organization, where they could be listed.
    pub organization_accounts: Option<BTreeSet<AccountId>>,
    /// The accounts that the run reads.
    pub accounts: Vec<Account>,
}

/// How a session in an account is had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The account is the caller's own: management or delegated administrator, or there is no organization.
    OwnCredentials,
    /// Through the role.
    AssumeRole,
}

/// One account of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedAccount {
    /// The account; its OU path is filled in later.
    pub account: Account,
    /// How to get in, or why not to try.
    pub way: Result<Way, String>,
}

/// The accounts of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Who collects.
    pub caller: Caller,
    /// The organization, where there is one and the caller may know it.
    pub organization: Option<OrganizationId>,
    /// Whether there may be an organization: only AWS's own word that there is none denies it.
    pub may_have_organization: bool,
    /// What about the organization could not be read, though the run goes on without it.
    pub failures: Vec<Failure>,
    /// All accounts of the organization, selected or not; `None` where they could not be listed or there is no organization.
    pub organization_accounts: Option<BTreeSet<AccountId>>,
    /// Every account to be read or told of, in the order of its id.
    pub accounts: Vec<PlannedAccount>,
}

/// Why there is no plan.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PlanError {
    /// The caller's own identity is not to be had.
    #[error("the caller's identity could not be read: {0}")]
    Caller(#[source] Failure),
    /// The accounts of the organization could not be listed, and none were named.
    #[error("the accounts of the organization could not be listed: {0}")]
    Accounts(#[source] Failure),
    /// Organizational units were named, and the tree could not be read.
    #[error("the organizational units could not be read: {0}")]
    Tree(#[source] Failure),
    /// An organizational unit that is not in the tree.
    #[error("the organization has no organizational unit {0:?}")]
    UnknownUnit(String),
    /// The run that is resumed is of another organization than the caller's: facts of two organizations must not become one snapshot.
    #[error("the run is of the organization {earlier}, and the caller's account is in {now}")]
    AnotherOrganization {
        /// The run's.
        earlier: OrganizationId,
        /// The caller's.
        now: OrganizationId,
    },
    /// The selection names no account of the organization.
    #[error("no account of the organization is selected")]
    NothingSelected,
}

/// Paces the calls to Organizations, which count per organization.
pub(crate) struct OrganizationBuckets {
    describe: Bucket,
    accounts: Bucket,
    roots: Bucket,
    units: Bucket,
    accounts_below: Bucket,
}

impl OrganizationBuckets {
    pub(crate) fn new(share: f64) -> Self {
        Self {
            describe: Bucket::new(ApiAction::OrganizationsDescribeOrganization, share),
            accounts: Bucket::new(ApiAction::OrganizationsListAccounts, share),
            roots: Bucket::new(ApiAction::OrganizationsListRoots, share),
            units: Bucket::new(ApiAction::OrganizationsListOrganizationalUnitsForParent, share),
            accounts_below: Bucket::new(ApiAction::OrganizationsListAccountsForParent, share),
        }
    }
}

/// Finds the accounts. `tree` is needed, and walked first, only where organizational units were named.
pub(crate) async fn plan<C: Cloud>(
    cloud: &C,
    requests: &Requests,
    buckets: &OrganizationBuckets,
    selection: &AccountSelection,
    tree: impl Future<Output = Result<Tree, Failure>>,
) -> Result<Plan, PlanError> {
    let identity = Bucket::new(ApiAction::StsGetCallerIdentity, 1.0);
    let caller = requests.call(&identity, Until::always(), || cloud.caller()).await.map_err(PlanError::Caller)?;
    let earlier = selection.earlier.clone().unwrap_or_default();
    let organization = requests.call(&buckets.describe, Until::always(), || cloud.organization()).await;
    let mut failures: Vec<Failure> = Vec::new();
    // An earlier attempt that knew the organization is proof enough that there is one.
    let may_have_organization = !matches!(organization, Ok(None)) || earlier.organization.is_some();
    let (id, management) = match organization {
        Ok(Some(facts)) => match earlier.organization {
            Some(earlier) if earlier != facts.id => return Err(PlanError::AnotherOrganization { earlier, now: facts.id }),
            _ => (Some(facts.id), Some(facts.management_account)),
        },
        Ok(None) => (earlier.organization, None),
        Err(failure) => {
            if earlier.organization.is_none() {
                failures.push(failure);
            }
            (earlier.organization, None)
        }
    };
    // Without DescribeOrganization the accounts may still be listed; without either, whether there is an organization at all is not known.
    let by_id = |accounts: Vec<Account>| -> HashMap<AccountId, Account> { accounts.into_iter().map(|account| (account.id, account)).collect() };
    let (listed, organization_accounts): (_, Option<BTreeSet<AccountId>>) = if may_have_organization {
        match pages::all(requests, &buckets.accounts, Until::always(), |token| cloud.accounts(token)).await {
            Ok(accounts) => {
                let listed = by_id(accounts);
                let all = listed.keys().copied().collect::<BTreeSet<_>>();
                (listed, Some(all).filter(|all| !all.is_empty()).or(earlier.organization_accounts))
            }
            // The named accounts can be read all the same, and an earlier attempt may have known them and all others.
            Err(failure) if !selection.accounts.is_empty() => {
                if earlier.organization_accounts.is_none() {
                    failures.push(failure);
                }
                (by_id(earlier.accounts), earlier.organization_accounts)
            }
            Err(failure) => return Err(PlanError::Accounts(failure)),
        }
    } else {
        (HashMap::new(), None)
    };

    let mut chosen: BTreeSet<AccountId> = if !selection.accounts.is_empty() {
        selection.accounts.clone()
    } else if listed.is_empty() {
        BTreeSet::from([caller.account])
    } else {
        listed.keys().copied().collect()
    };
    if !selection.organizational_units.is_empty() {
        let tree = tree.await.map_err(PlanError::Tree)?;
        if let Some(failure) = tree.failure {
            return Err(PlanError::Tree(failure));
        }
        for unit in &selection.organizational_units {
            if !tree.has(unit) {
                return Err(PlanError::UnknownUnit(unit.clone()));
            }
        }
        chosen.retain(|account| tree.is_below(*account, &selection.organizational_units));
    }
    if chosen.is_empty() {
        return Err(PlanError::NothingSelected);
    }
    let accounts = chosen
        .into_iter()
        .map(|id| {
            let unlisted = || Account { id, name: None, state: None, ou_path: Fact::NotApplicable, is_management: Some(id) == management };
            let mut account = listed.get(&id).cloned().unwrap_or_else(unlisted);
            account.is_management |= Some(id) == management;
            PlannedAccount { way: way(&account, caller.account), account }
        })
        .collect();
    Ok(Plan { caller, organization: id, may_have_organization, failures, organization_accounts, accounts })
}

/// How to get into an account, or why it is a row only.
fn way(account: &Account, own: AccountId) -> Result<Way, String> {
    if account.id == own {
        return Ok(Way::OwnCredentials);
    }
    match &account.state {
        // A state this version does not know may well admit the role; trying shows.
        None | Some(AccountState::Active | AccountState::Unrecognized(_)) => Ok(Way::AssumeRole),
        Some(AccountState::Suspended) => Err("the account is suspended".to_owned()),
        Some(AccountState::Closed) => Err("the account is closed".to_owned()),
        Some(AccountState::PendingClosure) => Err("the account is being closed".to_owned()),
        Some(AccountState::PendingActivation) => Err("the account is not yet active".to_owned()),
    }
}

/// The tree of organizational units, and where each account hangs in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    /// Why part of it could not be read: an account that has no place may have one there.
    failure: Option<Failure>,
    /// For each account, the ids of its units and root from the top, and its path of names.
    places: HashMap<AccountId, (Vec<String>, String)>,
    /// Ids and paths of all units.
    units: BTreeSet<String>,
}

impl Tree {
    /// The path of names of an account: `/Workloads/Prod`. An account without a place in the whole tree was named by hand and belongs to another organization, or
    /// joined after the walk.
    pub(crate) fn path(&self, account: AccountId) -> Fact<String> {
        match (self.places.get(&account), &self.failure) {
            (Some((_, path)), _) => Fact::Observed(path.clone()),
            (None, Some(failure)) => Fact::lacking(failure.clone()),
            (None, None) => Fact::NotApplicable,
        }
    }

    fn has(&self, unit: &str) -> bool {
        self.units.contains(unit)
    }

    fn is_below(&self, account: AccountId, units: &[String]) -> bool {
        self.places.get(&account).is_some_and(|(ids, path)| {
            units
                .iter()
                .any(|unit| ids.contains(unit) || path == unit || path.strip_prefix(unit.as_str()).is_some_and(|rest| rest.starts_with('/')) || unit == "/")
        })
    }
}

/// Walks the organization from its roots. One level's units are asked side by side; the quota sets the pace. What lies below a unit that could not be read is missing,
/// and the tree says so.
pub(crate) async fn tree<C: Cloud>(cloud: &C, requests: &Requests, buckets: &OrganizationBuckets) -> Result<Tree, Failure> {
    let roots = pages::all(requests, &buckets.roots, Until::always(), |token| cloud.roots(token)).await?;
    let mut tree = Tree::default();
    let mut level: Vec<(Vec<String>, String)> = roots.into_iter().map(|Unit { id, .. }| (vec![id], "/".to_owned())).collect();
    while !level.is_empty() {
        let walked = futures::future::join_all(level.iter().map(|(ids, path)| async move {
            let parent = ids.last().map(String::as_str).unwrap_or_default();
            let (accounts, units) = futures::join!(
                pages::all(requests, &buckets.accounts_below, Until::always(), |token| cloud.accounts_below(parent, token)),
                pages::all(requests, &buckets.units, Until::always(), |token| cloud.units_below(parent, token)),
            );
            (ids, path, accounts, units)
        }))
        .await;
        let mut next = Vec::new();
        for (ids, path, accounts, units) in walked {
            tree.failure = tree.failure.take().or_else(|| accounts.as_ref().err().or(units.as_ref().err()).cloned());
            let (accounts, units) = (accounts.unwrap_or_default(), units.unwrap_or_default());
            tree.units.extend(ids.last().cloned());
            tree.units.insert(path.clone());
            tree.places.extend(accounts.into_iter().map(|account| (account, (ids.clone(), path.clone()))));
            // A unit met again would make the walk endless; the service's trees are five deep at most.
            next.extend(units.into_iter().filter(|unit| !ids.contains(&unit.id)).map(|unit| {
                let below = if path == "/" { format!("/{}", unit.name) } else { format!("{path}/{}", unit.name) };
                (ids.iter().cloned().chain([unit.id]).collect(), below)
            }));
        }
        level = next;
        if level.first().is_some_and(|(ids, _)| ids.len() > 32) {
            return Err(Failure::new(
                ApiAction::OrganizationsListOrganizationalUnitsForParent,
                ErrorCode::EndlessPagination,
                "organizational units nest without end",
            ));
        }
    }
    Ok(tree)
}
