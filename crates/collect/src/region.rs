//! One account in one Region: its keys, each operation at its own quota.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use futures::{FutureExt, StreamExt};
use kms_insights_model::{AccountId, Alias, ApiAction, CustomKeyStore, Fact, Failure, KeyArn, KeyFacts, KeyId, KeyMetadata, Region, StagedRecord, UnitRecord};

use crate::{
    Event, KnownKey, Observer, Options, Sink, SinkError,
    call::{Requests, Until},
    cloud::{AliasEntry, KmsReader},
    key::{KeyBuckets, KeyReading},
    last_usage::UsageQueue,
    pages::{self, Pages},
    quota::Bucket,
};

/// Keys of one Region that are read at once: more than the slowest operation's requests per second, so that its quota never runs idle.
const KEYS_UNDER_WAY: usize = 128;

/// The reading of one account in one Region.
pub(crate) struct RegionReading<'a, K, S> {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) kms: &'a K,
    pub(crate) requests: &'a Requests,
    pub(crate) options: &'a Options,
    pub(crate) sink: &'a S,
    pub(crate) observer: &'a Observer,
    pub(crate) until: Until,
    pub(crate) usage: UsageQueue,
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

/// Aliases by the key they point at, or why the listing did not come to its end.
type Aliases = Result<HashMap<KeyId, Vec<Alias>>, Failure>;

impl<K: KmsReader, S: Sink> RegionReading<'_, K, S> {
    /// Reads what `known` and `unit` lack. Returns how many keys there are rows for.
    pub(crate) async fn read(self, mut known: HashMap<KeyId, KnownKey>, unit: Option<UnitRecord>) -> Result<u64, SinkError> {
        let share = self.options.quota_share;
        let buckets = KeyBuckets::new(share);
        let reading = KeyReading {
            kms: self.kms,
            requests: self.requests,
            buckets: &buckets,
            until: self.until,
            customer_managed_only: self.options.customer_managed_only,
        };

        let aliases = self.aliases(share).map(Arc::new).shared();
        let (stores, listing) = futures::join!(self.custom_key_stores(share, unit.as_ref()), async {
            let list_keys = Bucket::new(ApiAction::KmsListKeys, share);
            // A listing that came to its end in an earlier attempt need not be repeated: its keys are in `known`.
            let listed_before = unit.as_ref().filter(|unit| unit.key_listing.is_none());
            let mut pages = listed_before.is_none().then(Pages::new);
            let mut listed = listed_before.map_or(0, |unit| unit.keys_listed);
            let mut rows = 0;
            let mut failure = None;
            let mut seen = HashSet::new();
            let mut first_batch: Option<Vec<KeyId>> = Some(known.keys().cloned().collect());
            loop {
                // Keys known from an earlier attempt come first, then the pages of the listing.
                let batch = if let Some(batch) = first_batch.take() {
                    batch
                } else {
                    let Some(pages) = pages.as_mut() else { break };
                    let Some((keys, error)) = pages.next(self.requests, &list_keys, self.until, |marker| self.kms.keys(marker)).await else { break };
                    failure = error;
                    listed += keys.len() as u64;
                    keys
                };
                let new: Vec<(KeyId, Option<KnownKey>)> =
                    batch.into_iter().filter(|key| seen.insert(key.clone())).map(|key| (known.remove(&key), key)).map(|(facts, key)| (key, facts)).collect();
                if !new.is_empty() {
                    (self.observer)(Event::KeysListed { account: self.account, region: self.region.clone(), keys: new.len() });
                }
                rows += self.read_keys(&reading, new, &aliases).await?;
            }
            Ok::<_, SinkError>((listed, rows, failure))
        });
        let (keys_listed, rows, key_listing) = listing?;
        // With no key to wait for them the aliases were never asked for.
        let alias_listing = if rows == 0 { None } else { aliases.await.as_ref().as_ref().err().cloned() };
        (self.observer)(Event::RegionFinished { account: self.account, region: self.region.clone(), failure: key_listing.clone() });
        let record = UnitRecord { account: self.account, region: self.region.clone(), keys_listed, key_listing, alias_listing, custom_key_stores: stores };
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
            futures::stream::iter(keys).map(|(key, known)| self.read_key(reading, key, known, aliases.clone())).buffer_unordered(KEYS_UNDER_WAY)
        );
        while let Some(key) = read.next().await {
            let (account, region) = (self.account, self.region.clone());
            match key {
                ReadKey::LeftOut => continue,
                ReadKey::Complete(arn) => {
                    self.usage.push(arn, false);
                    (self.observer)(Event::KeyRead { account, region, facts_lacking: 0 });
                }
                ReadKey::Read(facts) => {
                    self.usage.push(facts.arn.clone(), facts.metadata.observed().is_some_and(KeyMetadata::is_aws_managed));
                    (self.observer)(Event::KeyRead { account, region, facts_lacking: facts.failures().count() });
                    self.sink.record(StagedRecord::Key(facts)).await?;
                }
            }
            rows += 1;
        }
        Ok(rows)
    }

    async fn read_key(&self, reading: &KeyReading<'_, K>, key: KeyId, known: Option<KnownKey>, aliases: impl Future<Output = Arc<Aliases>>) -> ReadKey {
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

    async fn custom_key_stores(&self, share: f64, earlier: Option<&UnitRecord>) -> Fact<Vec<CustomKeyStore>> {
        if let Some(known) = earlier.map(|unit| &unit.custom_key_stores).filter(|fact| !fact.is_lacking()) {
            return known.clone();
        }
        let bucket = Bucket::new(ApiAction::KmsDescribeCustomKeyStores, share);
        pages::all(self.requests, &bucket, self.until, |marker| self.kms.custom_key_stores(marker)).await.into()
    }
}
