//! Where facts go, and what an earlier attempt already brought.

use std::{collections::HashMap, future::Future};

use kms_insights_model::{AccountId, AccountRecord, EventHistory, Fact, KeyFacts, KeyId, LastUsage, Region, StagedRecord, Timestamp, TrailRecord, UnitRecord};

/// Why a record could not be stored: whatever the storage says.
pub type SinkError = Box<dyn std::error::Error + Send + Sync>;

/// Takes records as they come; storing one must be quick or apply back pressure.
pub trait Sink: Send + Sync + 'static {
    /// Stores one record. An error ends the run: what cannot be kept need not be read.
    fn record(&self, record: StagedRecord) -> impl Future<Output = Result<(), SinkError>> + Send;
}

/// What an earlier attempt stored about one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnownKey {
    /// Every fact that applies was observed: the key need not be read again.
    Complete,
    /// Some fact lacks; here are the others.
    Lacking(Box<KeyFacts>),
}

/// What an earlier attempt at the same run stored about one account.
#[derive(Debug, Default)]
pub struct PriorAccount {
    /// The account's record, if its reading came to an end.
    pub record: Option<AccountRecord>,
    /// The Regions whose reading came to an end.
    pub units: HashMap<Region, UnitRecord>,
    /// The keys that were read, whole or in part, by Region.
    pub keys: HashMap<Region, HashMap<KeyId, KnownKey>>,
    /// The last usages that were read or given up.
    pub usages: HashMap<Region, HashMap<KeyId, Fact<LastUsage>>>,
    /// What CloudTrail's event history told of keys, where it was asked.
    pub histories: HashMap<Region, HashMap<KeyId, Fact<EventHistory>>>,
    /// The trails of the Regions that have keys.
    pub trails: HashMap<Region, TrailRecord>,
}

impl PriorAccount {
    /// Whether nothing lacks at this moment, so that the account need not be visited again.
    pub fn is_complete(&self, now: Timestamp) -> bool {
        let Some(record) = self.record.as_ref().filter(|record| record.access.observed().is_some() && record.region_listing.is_none()) else { return false };
        record.regions.iter().all(|region| {
            let unit_complete =
                self.units.get(region).is_some_and(|unit| unit.key_listing.is_none() && unit.alias_listing.is_none() && !unit.custom_key_stores.is_lacking());
            let (usages, histories) = (self.usages.get(region), self.histories.get(region));
            let key_complete = |key: &KeyId, known: &KnownKey| {
                let usage = usages.and_then(|usages| usages.get(key)).filter(|usage| !usage.is_lacking());
                let has_history = || histories.and_then(|histories| histories.get(key)).is_some_and(|history| EventHistory::failure(history).is_none());
                *known == KnownKey::Complete && usage.is_some_and(|usage| !EventHistory::may_add_to(usage, now) || has_history())
            };
            let trails_complete = || self.trails.get(region).is_some_and(|record| !record.is_lacking());
            unit_complete
                && self.keys.get(region).is_none_or(|keys| keys.is_empty() || trails_complete() && keys.iter().all(|(key, known)| key_complete(key, known)))
        }) && !record.account.ou_path.is_lacking()
    }
}

/// Earlier attempts at the same run; nothing when the run is new.
pub trait Prior: Send + Sync + 'static {
    /// What is stored about `account`.
    fn account(&self, account: AccountId) -> impl Future<Output = Result<PriorAccount, SinkError>> + Send;
}

/// A run without earlier attempts.
impl Prior for () {
    async fn account(&self, _: AccountId) -> Result<PriorAccount, SinkError> {
        Ok(PriorAccount::default())
    }
}
