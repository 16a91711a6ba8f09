//! One account in one Region: its keys, each operation at its own quota.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use futures::{FutureExt, StreamExt, stream::BoxStream};
use kms_insights_model::{AccountId, Alias, ApiAction, CustomKeyStore, Fact, Failure, KeyArn, KeyFacts, KeyId, KeyMetadata, Region, StagedRecord, UnitRecord};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::{
    Event, KnownKey, Observer, Options, Sink, SinkError,
    call::{Requests, Until},
    cloud::{AliasEntry, KmsReader},
    key::{KeyBuckets, KeyReading},
    last_usage::UsageQueue,
    pages::{self, Pages},
    quota::Bucket,
};

/// Keys of one Region that are read at once: the slowest operation takes 100 requests a second, so its quota does not run idle where a key takes up to 0.64 s.
const KEYS_UNDER_WAY_IN_REGION: usize = 64;

/// Keys that are read at once in the whole run, each with the requests that it waits for in memory. Ten accounts in four Regions each still have 25 each.
pub(crate) const KEYS_UNDER_WAY: usize = 1024;

/// The reading of one account in one Region.
pub(crate) struct RegionReading<'a, K, S> {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) kms: &'a K,
    pub(crate) requests: &'a Requests,
    /// How many keys may be read at once, over all Regions of all accounts.
    pub(crate) keys_under_way: &'a Arc<Semaphore>,
    pub(crate) options: &'a Options,
    pub(crate) sink: &'a S,
    pub(crate) observer: &'a Observer,
    pub(crate) until: Until,
    pub(crate) usage: Option<UsageQueue>,
}

/// A place among the keys under way; `Err` is never seen, for the semaphore is never closed.
type Place = Result<OwnedSemaphorePermit, AcquireError>;

/// Each key with its place, taken before its reading exists: what only waits takes no memory.
fn with_place(keys: Vec<(KeyId, Option<KnownKey>)>, places: Arc<Semaphore>) -> BoxStream<'static, (KeyId, Option<KnownKey>, Place)> {
    futures::stream::unfold(keys.into_iter(), move |mut keys| {
        let places = Arc::clone(&places);
        async move {
            let (key, known) = keys.next()?;
            let place = places.acquire_owned().await;
            Some(((key, known, place), keys))
        }
    })
    .boxed()
}

/// What became of one listed key.
enum ReadKey {
    /// An AWS managed key that the run leaves out.
    LeftOut,
    /// An earlier attempt stored it whole.
    Complete(KeyArn),
    /// Read now.
    Read(Box<KeyFacts>),
}

/// What one Region holds, as listed.
#[derive(Debug)]
pub(crate) struct Listing {
    /// The keys on all pages, each once.
    pub(crate) keys: Vec<KeyId>,
    /// How many keys the service returned, now or in an earlier attempt.
    listed: u64,
    /// Why the listing of keys did not come to its end.
    pub(crate) failure: Option<Failure>,
    custom_key_stores: Fact<Vec<CustomKeyStore>>,
}

impl Listing {
    /// The record of a Region in which there is nothing to read.
    pub(crate) fn unit_without_keys(self, account: AccountId, region: Region) -> UnitRecord {
        self.unit(account, region, 0, None)
    }

    fn unit(self, account: AccountId, region: Region, keys_staged: u64, alias_listing: Option<Failure>) -> UnitRecord {
        let Self { listed, failure, custom_key_stores, .. } = self;
        UnitRecord { account, region, keys_listed: listed, keys_staged, key_listing: failure, alias_listing, custom_key_stores }
    }
}

/// Lists the keys and custom key stores, as far as an earlier attempt did not.
pub(crate) async fn list(kms: &impl KmsReader, requests: &Requests, share: f64, until: Until, earlier: Option<&UnitRecord>) -> Listing {
    let (mut listing, stores) = futures::join!(list_keys(kms, requests, share, until, earlier), custom_key_stores(kms, requests, share, until, earlier));
    listing.custom_key_stores = stores;
    listing
}

async fn list_keys(kms: &impl KmsReader, requests: &Requests, share: f64, until: Until, earlier: Option<&UnitRecord>) -> Listing {
    let mut listing = Listing { keys: Vec::new(), listed: 0, failure: None, custom_key_stores: Fact::NotApplicable };
    // A listing that came to its end is not repeated: its keys are known.
    if let Some(unit) = earlier.filter(|unit| unit.key_listing.is_none()) {
        listing.listed = unit.keys_listed;
        return listing;
    }
    let bucket = Bucket::new(ApiAction::KmsListKeys, share);
    let mut pages = Pages::new();
    let mut seen = HashSet::new();
    while let Some((keys, failure)) = pages.next(requests, &bucket, until, |marker| kms.keys(marker)).await {
        listing.listed += keys.len() as u64;
        listing.keys.extend(keys.into_iter().filter(|key| seen.insert(key.clone())));
        listing.failure = failure;
    }
    // It waits for the account's turn, and so do the custom key stores.
    listing.keys.shrink_to_fit();
    listing
}

async fn custom_key_stores(kms: &impl KmsReader, requests: &Requests, share: f64, until: Until, earlier: Option<&UnitRecord>) -> Fact<Vec<CustomKeyStore>> {
    if let Some(known) = earlier.map(|unit| &unit.custom_key_stores).filter(|fact| !fact.is_lacking()) {
        return known.clone();
    }
    let bucket = Bucket::new(ApiAction::KmsDescribeCustomKeyStores, share);
    let mut stores = pages::all(requests, &bucket, until, |marker| kms.custom_key_stores(marker)).await;
    if let Ok(stores) = &mut stores {
        stores.shrink_to_fit();
    }
    stores.into()
}

/// Aliases by the key they point at, or why the listing did not come to its end.
type Aliases = Result<HashMap<KeyId, Vec<Alias>>, Failure>;

impl<K: KmsReader, S: Sink> RegionReading<'_, K, S> {
    /// Reads what `known` and `unit` lack of the keys of `listing`. Returns how many keys there are rows for.
    pub(crate) async fn read(self, listing: Listing, known: HashMap<KeyId, KnownKey>, unit: Option<UnitRecord>) -> Result<u64, SinkError> {
        let share = self.options.quota_share;
        let buckets = KeyBuckets::new(share);
        let reading = KeyReading {
            kms: self.kms,
            requests: self.requests,
            buckets: &buckets,
            until: self.until,
            customer_managed_only: self.options.customer_managed_only,
        };

        let mut listing = listing;
        // Keys known from an earlier attempt come first: the listing may have ended before them.
        let listed: Vec<KeyId> = std::mem::take(&mut listing.keys).into_iter().filter(|key| !known.contains_key(key)).collect();
        let keys: Vec<(KeyId, Option<KnownKey>)> =
            known.into_iter().map(|(key, facts)| (key, Some(facts))).chain(listed.into_iter().map(|key| (key, None))).collect();
        (self.observer)(Event::KeysListed { account: self.account, region: self.region.clone(), keys: keys.len() });
        let aliases = self.aliases(share).map(Arc::new).shared();
        let rows = self.read_keys(&reading, keys, &aliases).await?;
        // Where no key asked for its aliases, an earlier attempt's word for the listing stands.
        let alias_listing = match aliases.peek() {
            Some(asked) => asked.as_ref().as_ref().err().cloned(),
            None => unit.and_then(|unit| unit.alias_listing),
        };
        (self.observer)(Event::RegionFinished { account: self.account, region: self.region.clone(), failure: listing.failure.clone() });
        let record = listing.unit(self.account, self.region.clone(), rows, alias_listing);
        self.sink.record(StagedRecord::Unit(Box::new(record))).await?;
        Ok(rows)
    }

    async fn read_keys(
        &self,
        reading: &KeyReading<'_, K>,
        keys: Vec<(KeyId, Option<KnownKey>)>,
        aliases: &(impl Future<Output = Arc<Aliases>> + Clone),
    ) -> Result<u64, SinkError> {
        let mut rows = 0;
        let mut read = std::pin::pin!(
            with_place(keys, Arc::clone(self.keys_under_way))
                .map(|(key, known, place)| self.read_key(reading, key, known, aliases.clone(), place))
                .buffer_unordered(KEYS_UNDER_WAY_IN_REGION)
        );
        while let Some(key) = read.next().await {
            let (account, region) = (self.account, self.region.clone());
            match key {
                ReadKey::LeftOut => continue,
                ReadKey::Complete(arn) => {
                    self.queue_usage(&arn, false);
                    (self.observer)(Event::KeyRead { account, region, facts_lacking: 0 });
                }
                ReadKey::Read(facts) => {
                    self.queue_usage(&facts.arn, facts.metadata.observed().is_some_and(KeyMetadata::is_aws_managed));
                    (self.observer)(Event::KeyRead { account, region, facts_lacking: facts.failures().count() });
                    self.sink.record(StagedRecord::Key(facts)).await?;
                }
            }
            rows += 1;
        }
        Ok(rows)
    }

    fn queue_usage(&self, key: &KeyArn, aws_managed: bool) {
        if let Some(usage) = &self.usage {
            usage.push(key.key_id().clone(), aws_managed);
        }
    }

    async fn read_key(
        &self,
        reading: &KeyReading<'_, K>,
        key: KeyId,
        known: Option<KnownKey>,
        aliases: impl Future<Output = Arc<Aliases>>,
        _place: Place,
    ) -> ReadKey {
        let arn = KeyArn::new(self.account, self.region.clone(), key.clone());
        let known = match known {
            Some(KnownKey::Complete) => return ReadKey::Complete(arn),
            Some(KnownKey::Lacking(facts)) => Some(*facts),
            None => None,
        };
        let known_aliases = known.as_ref().map(|facts| facts.aliases.clone()).filter(|fact| !fact.is_lacking());
        let aliases = async {
            if let Some(aliases) = known_aliases {
                return aliases;
            }
            match aliases.await.as_ref() {
                Ok(by_key) => Fact::Observed(by_key.get(&key).cloned().unwrap_or_default()),
                Err(failure) => Fact::lacking(failure.clone()),
            }
        };
        reading.read(arn, aliases, known).await.map_or(ReadKey::LeftOut, |facts| ReadKey::Read(Box::new(facts)))
    }

    async fn aliases(&self, share: f64) -> Aliases {
        let bucket = Bucket::new(ApiAction::KmsListAliases, share);
        let entries = pages::all(self.requests, &bucket, self.until, |marker| self.kms.aliases(marker)).await?;
        let mut by_key: HashMap<KeyId, Vec<Alias>> = HashMap::new();
        for AliasEntry { alias, target } in entries {
            // AWS lists names that it reserves for services not used yet; these point at no key.
            if let Some(target) = target {
                by_key.entry(target).or_default().push(alias);
            }
        }
        for aliases in by_key.values_mut() {
            aliases.sort();
            aliases.dedup();
        }
        Ok(by_key)
    }
}
