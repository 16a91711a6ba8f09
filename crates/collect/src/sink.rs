//! Where facts go, and what an earlier attempt already brought.

use std::{collections::HashMap, future::Future};

use kms_insights_model::{AccountId, AccountRecord, Fact, KeyFacts, KeyId, LastUsage, Region, StagedRecord, UnitRecord};

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
}

impl PriorAccount {
    /// Whether nothing lacks, so that the account need not be visited again.
    pub fn is_complete(&self) -> bool {
        let Some(record) = self.record.as_ref().filter(|record| record.access.observed().is_some() && record.region_listing.is_none()) else { return false };
        record.regions.iter().all(|region| {
            let unit_complete =
                self.units.get(region).is_some_and(|unit| unit.key_listing.is_none() && unit.alias_listing.is_none() && !unit.custom_key_stores.is_lacking());
            let usages = self.usages.get(region);
            let key_complete = |key: &KeyId, known: &KnownKey| {
                *known == KnownKey::Complete && usages.and_then(|usages| usages.get(key)).is_some_and(|usage| !usage.is_lacking())
            };
            unit_complete && self.keys.get(region).is_none_or(|keys| keys.iter().all(|(key, known)| key_complete(key, known)))
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
