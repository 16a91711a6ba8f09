//! What a collector finds that makes no mistakes: every record whole, save what the sandbox for ever refuses.

mod trails;

use std::sync::Arc;

use chrono::NaiveDate;
use kms_insights_model::{
    Account, AccountId, AccountRecord, AccountState, ApiAction, ErrorCode, Fact, Failure, KeyFacts, KeyUsage, Region, StagedRecord, UnitRecord,
};

use crate::{Behaviour, DailyUse, Fault, FaultKind, Key, Organization, SimulatedAccount, fault::Target, stores, trail::days::Days};

/// The records of a perfect collection with the caller's static credentials, under the faults that strike always.
///
/// Faults that pass ([`Recurrence::First`](crate::Recurrence), [`Recurrence::Sometimes`](crate::Recurrence)) leave no trace: who repeats a request gets through. Texts
/// of failures and of skipped accounts are empty: compare through [`comparable`]. Where `kms:DescribeKey` is refused, the rotation of the key is asked for all the
/// same, and `UnsupportedOperationException` means that it does not apply.
#[derive(Clone, Debug)]
pub struct Truth {
    organization: Arc<Organization>,
    behaviour: Behaviour,
    faults: Vec<Fault>,
}

/// A record without what a comparison must leave out: the texts of failures and reasons, and the time of observation.
#[must_use]
pub fn comparable(record: StagedRecord) -> StagedRecord {
    fn silent(failure: &mut Failure) {
        failure.message.clear();
    }
    fn quiet<T>(fact: &mut Fact<T>) {
        if let Fact::Denied(failure) | Fact::Failed(failure) = fact {
            silent(failure);
        }
    }
    match record {
        StagedRecord::Account(mut account) => {
            quiet(&mut account.access);
            quiet(&mut account.account.ou_path);
            account.region_listing.iter_mut().for_each(silent);
            account.skipped.iter_mut().for_each(String::clear);
            StagedRecord::Account(account)
        }
        StagedRecord::Unit(mut unit) => {
            unit.key_listing.iter_mut().chain(&mut unit.alias_listing).for_each(silent);
            quiet(&mut unit.custom_key_stores);
            StagedRecord::Unit(unit)
        }
        StagedRecord::Key(mut key) => {
            key.observed_at = kms_insights_model::Timestamp::UNIX_EPOCH;
            quiet(&mut key.metadata);
            quiet(&mut key.aliases);
            quiet(&mut key.policy);
            quiet(&mut key.ram_policy);
            quiet(&mut key.grants);
            quiet(&mut key.tags);
            quiet(&mut key.rotation);
            quiet(&mut key.rotations);
            StagedRecord::Key(key)
        }
        StagedRecord::Usage(mut usage) => {
            quiet(&mut usage.last_usage);
            StagedRecord::Usage(usage)
        }
        StagedRecord::History(mut history) => {
            quiet(&mut history.event_history);
            // The window moves on.
            if let Fact::Observed(history) = &mut history.event_history {
                history.reaches_back_to = kms_insights_model::Timestamp::UNIX_EPOCH;
            }
            StagedRecord::History(history)
        }
        StagedRecord::Trails(mut record) => {
            quiet(&mut record.trails);
            if let Fact::Observed(trails) = &mut record.trails {
                for trail in trails {
                    quiet(&mut trail.status);
                    quiet(&mut trail.selectors);
                }
            }
            StagedRecord::Trails(record)
        }
    }
}

const fn failure(action: ApiAction, code: ErrorCode) -> Failure {
    Failure { action, code, message: String::new() }
}

impl Truth {
    /// The truth about an organization that behaves so, under these faults.
    pub fn new(organization: Arc<Organization>, behaviour: Behaviour, faults: Vec<Fault>) -> Self {
        Self { organization, behaviour, faults }
    }

    /// The organization.
    pub fn organization(&self) -> &Organization {
        &self.organization
    }

    fn caller(&self) -> AccountId {
        self.behaviour.caller_account.unwrap_or(self.organization.management().id)
    }

    /// The first fault that always strikes such a request, other than one of listings.
    fn fault(&self, target: &Target<'_>, of_listings: bool) -> Option<(FaultKind, ErrorCode)> {
        let mut permanent = self.faults.iter().filter(|fault| fault.is_permanent() && fault.matches(target) && fault.kind.is_of_listings() == of_listings);
        permanent.find_map(|fault| Some((fault.kind, fault.kind.code()?)))
    }

    fn refusal(&self, account: AccountId, region: &str, action: ApiAction, key: Option<&str>) -> Option<ErrorCode> {
        let target = Target { account, region, service: action.service().iam_prefix(), operation: action.name(), key, object: None };
        let struck = self.fault(&target, false).map(|(_, code)| code);
        let is_role = account != self.caller();
        let allowed = !is_role
            || self.behaviour.role_actions.as_ref().is_none_or(|actions| actions.iter().any(|pattern| crate::identity::matches(pattern, &action.to_string())));
        struck.or_else(|| (!allowed).then_some(ErrorCode::AccessDenied))
    }

    fn listing_fault(&self, account: AccountId, region: &str, action: ApiAction, key: Option<&str>) -> Option<FaultKind> {
        let target = Target { account, region, service: action.service().iam_prefix(), operation: action.name(), key, object: None };
        self.fault(&target, true).map(|(kind, _)| kind)
    }

    /// The accounts that a collection of everything reads: those of the organization, or the caller's own where there is none.
    fn planned(&self) -> impl Iterator<Item = &SimulatedAccount> {
        let caller = self.caller();
        self.organization.accounts().iter().filter(move |account| self.behaviour.organization_in_use || account.id == caller)
    }

    /// Every account's record, in the order of `organizations:ListAccounts`; only the caller's account where there is no organization.
    pub fn accounts(&self) -> impl Iterator<Item = AccountRecord> {
        self.planned().map(|account| self.account_record(account))
    }

    /// The record of an account.
    pub fn account(&self, id: AccountId) -> Option<AccountRecord> {
        self.organization.account(id).map(|account| self.account_record(account))
    }

    fn account_record(&self, account: &SimulatedAccount) -> AccountRecord {
        let known = self.behaviour.organization_in_use;
        let described = Account {
            id: account.id,
            name: known.then(|| account.name.clone()),
            state: known.then(|| account.state.clone()),
            ou_path: if known { Fact::Observed(self.organization.path_of(account).to_owned()) } else { Fact::NotApplicable },
            is_management: known && account.id == self.organization.management().id,
        };
        if account.state != AccountState::Active {
            return AccountRecord { account: described, skipped: Some(String::new()), access: Fact::NotApplicable, regions: Vec::new(), region_listing: None };
        }
        if let Some(code) = self.access_refusal(account) {
            let access = Fact::lacking(failure(ApiAction::StsAssumeRole, code));
            return AccountRecord { account: described, skipped: None, access, regions: Vec::new(), region_listing: None };
        }
        let (regions, region_listing) = self.regions(account);
        AccountRecord { account: described, skipped: None, access: Fact::Observed(()), regions, region_listing }
    }

    fn access_refusal(&self, account: &SimulatedAccount) -> Option<ErrorCode> {
        if account.id == self.caller() {
            return None;
        }
        let management = account.id == self.organization.management().id;
        // The Region in which STS is asked is the collector's choice: a fault that names one is not looked at here.
        let target = Target { account: account.id, region: "", service: "sts", operation: "AssumeRole", key: None, object: None };
        match self.fault(&target, false) {
            Some((FaultKind::AccessDenied | FaultKind::NotFound, _)) => Some(ErrorCode::AssumeRoleDenied),
            Some((_, code)) => Some(code),
            None if self.behaviour.roles_missing.contains(&account.id) || (management && !self.behaviour.role_in_management) => {
                Some(ErrorCode::AssumeRoleDenied)
            }
            None => None,
        }
    }

    /// The Regions of an account that are to be read, sorted: its enabled ones, or where these cannot be listed, those every account has.
    fn regions(&self, account: &SimulatedAccount) -> (Vec<Region>, Option<Failure>) {
        let action = ApiAction::AccountListRegions;
        let code = self
            .refusal(account.id, "us-east-1", action, None)
            .or_else(|| self.listing_fault(account.id, "us-east-1", action, None).map(|_| ErrorCode::EndlessPagination));
        let mut regions: Vec<Region> = match code {
            None => account.enabled_regions().cloned().collect(),
            Some(_) => self.organization.partition().default_regions().iter().filter_map(|name| name.parse().ok()).collect(),
        };
        regions.sort();
        (regions, code.map(|code| failure(action, code)))
    }

    /// The record of an account in a Region, which need not be one that is in use.
    pub fn unit(&self, account: AccountId, region: &Region) -> UnitRecord {
        let action = ApiAction::KmsListKeys;
        let key_listing =
            self.refusal(account, region.as_str(), action, None).or_else(|| self.endless(account, region, action, None)).map(|code| failure(action, code));
        let action = ApiAction::KmsDescribeCustomKeyStores;
        let listed = self.listed(account, region) as u64;
        let stores = || {
            let account = self.organization.account(account)?;
            Some(stores::of_region(account, &account.regions[account.region(region)?]).into_iter().map(|store| store.store).collect())
        };
        let custom_key_stores = match self.refusal(account, region.as_str(), action, None).or_else(|| self.endless(account, region, action, None)) {
            Some(code) => Fact::lacking(failure(action, code)),
            None => Fact::Observed(stores().unwrap_or_default()),
        };
        UnitRecord {
            account,
            region: region.clone(),
            keys_listed: listed,
            keys_staged: listed,
            key_listing,
            // Where there is no key, aliases matter to nobody.
            alias_listing: self.alias_listing(account, region).filter(|_| listed > 0),
            custom_key_stores,
        }
    }

    fn endless(&self, account: AccountId, region: &Region, action: ApiAction, key: Option<&str>) -> Option<ErrorCode> {
        self.listing_fault(account, region.as_str(), action, key).map(|_| ErrorCode::EndlessPagination)
    }

    fn alias_listing(&self, account: AccountId, region: &Region) -> Option<Failure> {
        let action = ApiAction::KmsListAliases;
        let code = self.refusal(account, region.as_str(), action, None).or_else(|| self.endless(account, region, action, None))?;
        Some(failure(action, code))
    }

    /// How many keys the listing yields before it fails, for a collector that asks for pages of a thousand.
    fn listed(&self, account: AccountId, region: &Region) -> usize {
        const PAGE: usize = 1000;
        let action = ApiAction::KmsListKeys;
        let all = self.organization.account(account).map_or(0, |account| self.organization.key_count(account, region));
        match (self.refusal(account, region.as_str(), action, None), self.listing_fault(account, region.as_str(), action, None)) {
            (Some(_), _) => 0,
            (None, Some(FaultKind::MissingMarker)) => all.min(PAGE),
            (None, Some(_)) => all.min(2 * PAGE),
            (None, None) => all,
        }
    }

    /// The keys that can be listed of an account in a Region, with everything that can be read of them.
    pub fn keys<'a>(&'a self, account: AccountId, region: &'a Region) -> impl Iterator<Item = KeyFacts> + 'a {
        self.listed_keys(account, region).map(|key| self.key_facts(&key, region))
    }

    /// The last usage of the keys that can be listed of an account in a Region.
    pub fn usages<'a>(&'a self, account: AccountId, region: &'a Region) -> impl Iterator<Item = KeyUsage> + 'a {
        self.listed_keys(account, region).map(|key| {
            let mut usage = key.usage_without_denials();
            self.apply(&key, region, ApiAction::KmsGetKeyLastUsage, &mut usage.last_usage);
            usage
        })
    }

    fn listed_keys<'a>(&'a self, account: AccountId, region: &'a Region) -> impl Iterator<Item = Key<'a>> + 'a {
        let listed = self.listed(account, region);
        self.organization.account(account).into_iter().flat_map(move |account| self.organization.keys(account, region)).take(listed)
    }

    fn key_facts(&self, key: &Key<'_>, region: &Region) -> KeyFacts {
        let mut facts = key.facts_without_denials();
        if let Some(failure) = self.alias_listing(key.account().id, region) {
            facts.aliases = Fact::lacking(failure);
        }
        self.apply(key, region, ApiAction::KmsDescribeKey, &mut facts.metadata);
        self.apply(key, region, ApiAction::KmsGetKeyPolicy, &mut facts.policy);
        self.apply(key, region, ApiAction::KmsGetKeyPolicy, &mut facts.ram_policy);
        self.apply(key, region, ApiAction::KmsListGrants, &mut facts.grants);
        self.apply(key, region, ApiAction::KmsListResourceTags, &mut facts.tags);
        // A key that is known to have no rotation is not asked for it.
        if facts.metadata.is_lacking() || facts.rotation != Fact::NotApplicable {
            self.apply(key, region, ApiAction::KmsGetKeyRotationStatus, &mut facts.rotation);
            self.apply(key, region, ApiAction::KmsListKeyRotations, &mut facts.rotations);
        }
        // An AWS managed key cannot be shared.
        if key.is_aws_managed() && !facts.metadata.is_lacking() {
            facts.ram_policy = Fact::NotApplicable;
        }
        // There is no AWS_RAM policy, and NotFound is how KMS says so.
        if facts.ram_policy.failure().is_some_and(|failure| failure.code == ErrorCode::NotFound) {
            facts.ram_policy = Fact::NotApplicable;
        }
        facts
    }

    fn apply<T>(&self, key: &Key<'_>, region: &Region, action: ApiAction, fact: &mut Fact<T>) {
        let account = key.account().id;
        let listing = matches!(action, ApiAction::KmsListGrants | ApiAction::KmsListResourceTags | ApiAction::KmsListKeyRotations);
        let id = key.id().to_string();
        let code = self.refusal(account, region.as_str(), action, Some(&id));
        let code = code.or_else(|| key.denial(action.name()).map(|_| ErrorCode::AccessDenied));
        let code = code.or_else(|| if listing && fact.observed().is_some() { self.endless(account, region, action, Some(&id)) } else { None });
        if let Some(code) = code {
            *fact = Fact::lacking(failure(action, code));
        }
    }

    /// What a scan of the trail's log files must find of the days from one to another, both included, sorted by day and key.
    ///
    /// As far as the files go back, and as far as the trail records the use of keys at all; faults of reading them are not looked at. A call of another account's counts
    /// once, for the principal that the caller's account is told of; a `ReEncrypt` counts for both of its keys, and once where it is one key.
    pub fn daily_usage(&self, from: NaiveDate, until: NaiveDate) -> Vec<DailyUse> {
        crate::trail::usage(&Days::new(Arc::clone(&self.organization), self.behaviour.clone()), from, until)
    }

    /// The days of which the trail's log files tell, both included; `None` where there is no trail.
    pub fn trail_days(&self) -> Option<(NaiveDate, NaiveDate)> {
        let trail = &self.behaviour.trail;
        (trail.exists && self.behaviour.organization_in_use).then(|| (trail.first(&self.organization).date_naive(), self.organization.now().date_naive()))
    }

    /// Every record: accounts, and for those that can be read, Regions, keys and last usages. Computed while it is walked through.
    pub fn records(&self) -> impl Iterator<Item = StagedRecord> + '_ {
        self.planned().flat_map(move |account| {
            let record = self.account_record(account);
            let regions = if record.access.observed().is_some() { record.regions.clone() } else { Vec::new() };
            let inside = regions.into_iter().flat_map(move |region| self.unit_records(account.id, region));
            std::iter::once(StagedRecord::Account(Box::new(record))).chain(inside)
        })
    }

    fn unit_records(&self, account: AccountId, region: Region) -> impl Iterator<Item = StagedRecord> + '_ {
        let unit = StagedRecord::Unit(Box::new(self.unit(account, &region)));
        let trails = StagedRecord::Trails(Box::new(self.trails(account, &region)));
        let listed = self.listed(account, &region);
        let keys = self.organization.account(account).into_iter().flat_map({
            let region = region.clone();
            move |account| self.organization.keys(account, &region)
        });
        let records = keys.take(listed).flat_map(move |key| {
            let mut usage = key.usage_without_denials();
            self.apply(&key, &region, ApiAction::KmsGetKeyLastUsage, &mut usage.last_usage);
            let history = self.history(&key, &region, &usage.last_usage).map(|history| StagedRecord::History(Box::new(history)));
            let facts = [StagedRecord::Key(Box::new(self.key_facts(&key, &region))), StagedRecord::Usage(Box::new(usage))];
            facts.into_iter().chain(history)
        });
        // Where there are no keys, it matters to nobody what is recorded of them.
        let trails = (listed > 0).then_some(trails);
        std::iter::once(unit).chain(trails).chain(records)
    }
}
