//! The keys of one account in the order of the tables, in chunks of bounded size.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use kms_insights_model::{AccountId, EventHistory, Fact, KeyArn, KeyFacts, KeyId, LastUsage, Region, StagedRecord};
use object_store::path::Path;
use serde::Deserialize;

use super::{
    part::{self, Kind, Lines, PartName},
    run::StagedRun,
};
use crate::LakeError;

/// So many bytes of JSON are turned into facts at once: memory must not grow with an account's keys. Parts that the cache has no room for are fetched again for each chunk
/// that has keys in them.
const CHUNK_BYTES: u64 = 2 << 20;
/// So many bytes of compressed parts are kept from their first reading, of all accounts that are being read: tens of thousands of keys.
const CACHE_BYTES: usize = 16 << 20;
const CONCURRENT_FETCHES: usize = 8;

/// What is left of the memory for parts that are kept from their first reading, shared by the accounts that a publication reads ahead.
#[derive(Debug)]
pub(crate) struct CacheBudget(AtomicUsize);

impl Default for CacheBudget {
    fn default() -> Self {
        Self::new(CACHE_BYTES)
    }
}

impl CacheBudget {
    pub(super) const fn new(bytes: usize) -> Self {
        Self(AtomicUsize::new(bytes))
    }

    fn take(&self, bytes: usize) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }

    #[cfg(test)]
    pub(super) fn left(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn give_back(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// All that is staged of one key.
pub(crate) struct WholeKey {
    pub(crate) facts: KeyFacts,
    /// `None` where it was not come to.
    pub(crate) last_usage: Option<Fact<LastUsage>>,
    /// `None` where it was not asked for, as it need not be for most.
    pub(crate) event_history: Option<Fact<EventHistory>>,
}

/// Reads the keys of an account sorted by Region and id, each once, as the latest generation has it, with its last usage.
pub(crate) struct SortedKeys<'a> {
    keys: Index<'a>,
    usages: Index<'a>,
    histories: Index<'a>,
    next: usize,
    chunk_bytes: u64,
}

/// Where each key's record is, without the record.
struct Index<'a> {
    run: &'a StagedRun,
    account: AccountId,
    budget: &'a CacheBudget,
    cached: usize,
    parts: Vec<CachedPart>,
    entries: Vec<Entry>,
}

impl Drop for Index<'_> {
    fn drop(&mut self) {
        self.budget.give_back(self.cached);
    }
}

struct CachedPart {
    name: PartName,
    content: Option<(Path, Bytes)>,
}

struct Entry {
    region: Region,
    key_id: KeyId,
    part: usize,
    line: u32,
    bytes: u64,
}

impl Entry {
    fn key(&self) -> (&Region, &KeyId) {
        (&self.region, &self.key_id)
    }
}

/// The part of a key's or usage's line that the index needs; the rest is skipped, not built.
#[derive(Deserialize)]
enum Heading {
    #[serde(rename = "key", alias = "usage", alias = "history")]
    Key { arn: KeyArn },
}

impl<'a> SortedKeys<'a> {
    pub(crate) async fn of(run: &'a StagedRun, account: AccountId, budget: &'a CacheBudget) -> Result<Self, LakeError> {
        Self::with_chunk_bytes(run, account, budget, CHUNK_BYTES).await
    }

    pub(super) async fn with_chunk_bytes(run: &'a StagedRun, account: AccountId, budget: &'a CacheBudget, chunk_bytes: u64) -> Result<Self, LakeError> {
        let (keys, usages) = (Index::of(run, account, budget, Kind::Key).await?, Index::of(run, account, budget, Kind::Usage).await?);
        Ok(Self { keys, usages, histories: Index::of(run, account, budget, Kind::History).await?, next: 0, chunk_bytes })
    }

    /// Whether no key is staged.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.entries.is_empty()
    }

    /// How many keys of a Region are staged.
    pub(crate) fn count(&self, region: &Region) -> u64 {
        let entries = &self.keys.entries;
        let (start, end) = (entries.partition_point(|entry| entry.region < *region), entries.partition_point(|entry| entry.region <= *region));
        (end - start) as u64
    }

    /// The next keys, in order; none at the end.
    pub(crate) async fn next_chunk(&mut self) -> Result<Vec<WholeKey>, LakeError> {
        let end = self.next + self.chunk(self.next..self.keys.entries.len());
        let wanted: Vec<usize> = (self.next..end).collect();
        self.next = end;
        let keys = self.keys.load(&wanted).await?;
        let usages = self.usages.beside(&self.keys, &wanted).await?;
        let histories = self.histories.beside(&self.keys, &wanted).await?;
        let mut chunk = Vec::with_capacity(keys.len());
        for ((record, usage), history) in keys.into_iter().zip(usages).zip(histories) {
            let last_usage = match usage {
                Some(StagedRecord::Usage(usage)) => Some(usage.last_usage),
                _ => None,
            };
            let event_history = match history {
                Some(StagedRecord::History(history)) => Some(history.event_history),
                _ => None,
            };
            if let StagedRecord::Key(facts) = record {
                chunk.push(WholeKey { facts: *facts, last_usage, event_history });
            }
        }
        Ok(chunk)
    }

    /// Shows the keys of those multi-Region sets of which several keys are staged, in order. The keys of a set share their id, each in a Region of its own.
    pub(crate) async fn visit_sets(&self, mut visit: impl FnMut(&KeyFacts)) -> Result<(), LakeError> {
        let entries = &self.keys.entries;
        let mut sizes = BTreeMap::<&KeyId, usize>::new();
        for entry in entries.iter().filter(|entry| entry.key_id.is_multi_region()) {
            *sizes.entry(&entry.key_id).or_default() += 1;
        }
        let of_set = |at: &usize| sizes.get(&entries[*at].key_id).is_some_and(|size| *size > 1);
        let wanted: Vec<usize> = (0..entries.len()).filter(of_set).collect();
        let mut left = wanted.as_slice();
        while !left.is_empty() {
            let (chunk, rest) = left.split_at(self.chunk(left.iter().copied()));
            for record in self.keys.load(chunk).await? {
                if let StagedRecord::Key(key) = record {
                    visit(&key);
                }
            }
            left = rest;
        }
        Ok(())
    }

    /// How many of the keys at these places make one chunk: one at least, where there is one.
    fn chunk(&self, places: impl Iterator<Item = usize>) -> usize {
        let mut bytes = 0;
        let fits = |(count, at): (usize, usize)| {
            bytes += self.keys.entries[at].bytes;
            (count == 0 || bytes <= self.chunk_bytes).then_some(())
        };
        places.enumerate().map_while(fits).count()
    }
}

impl<'a> Index<'a> {
    async fn of(run: &'a StagedRun, account: AccountId, budget: &'a CacheBudget, kind: Kind) -> Result<Self, LakeError> {
        let mut index = Self { run, account, budget, cached: 0, parts: Vec::new(), entries: Vec::new() };
        let mut regions = BTreeSet::<Region>::new();
        let mut parts = stream::iter(run.parts(account).of(kind).to_vec())
            .map(|name| async move { run.fetch(account, name).await.map(|content| (name, content)) })
            .buffered(CONCURRENT_FETCHES);
        while let Some((name, (path, bytes))) = parts.try_next().await? {
            let at = index.parts.len();
            let mut lines = Lines::new(&path, &bytes)?;
            while let Some((line, text)) = lines.next()? {
                let Heading::Key { arn } = part::parse(&path, line, text)?;
                // One name for all keys of a Region: an account may have a hundred thousand.
                let region = regions.get(arn.region()).cloned().unwrap_or_else(|| {
                    regions.insert(arn.region().clone());
                    arn.region().clone()
                });
                index.entries.push(Entry { region, key_id: arn.key_id().clone(), part: at, line, bytes: text.len() as u64 });
            }
            let kept = budget.take(bytes.len());
            index.cached += if kept { bytes.len() } else { 0 };
            index.parts.push(CachedPart { name, content: kept.then_some((path, bytes)) });
        }
        // Parts are sorted by generation and sequence: of several records of a key the last one holds.
        index.entries.sort_by(|a, b| a.key().cmp(&b.key()).then_with(|| (b.part, b.line).cmp(&(a.part, a.line))));
        index.entries.dedup_by(|later, first| later.key() == first.key());
        index.entries.shrink_to_fit();
        Ok(index)
    }

    /// The records of those keys of another index that have one here, in their order.
    async fn beside(&self, keys: &Self, wanted: &[usize]) -> Result<Vec<Option<StagedRecord>>, LakeError> {
        let places: Vec<Option<usize>> = wanted.iter().map(|key| self.position(keys.entries[*key].key())).collect();
        let mut found = self.load(&places.iter().flatten().copied().collect::<Vec<_>>()).await?.into_iter();
        Ok(places.into_iter().map(|place| place.and_then(|_| found.next())).collect())
    }

    fn position(&self, key: (&Region, &KeyId)) -> Option<usize> {
        self.entries.binary_search_by(|entry| entry.key().cmp(&key)).ok()
    }

    /// The records at these places of the index, in the order asked for.
    async fn load(&self, wanted: &[usize]) -> Result<Vec<StagedRecord>, LakeError> {
        let mut places: Vec<(usize, u32, usize)> =
            wanted.iter().enumerate().map(|(order, at)| (self.entries[*at].part, self.entries[*at].line, order)).collect();
        places.sort_unstable();
        let mut records: Vec<Option<StagedRecord>> = vec![None; wanted.len()];
        let groups: Vec<Vec<(usize, u32, usize)>> = places.chunk_by(|a, b| a.0 == b.0).map(<[_]>::to_vec).collect();
        let mut contents = stream::iter(groups)
            .map(|group| async move {
                let part = &self.parts[group[0].0];
                let content = match &part.content {
                    Some(content) => content.clone(),
                    None => self.run.fetch(self.account, part.name).await?,
                };
                Ok::<_, LakeError>((group, part, content))
            })
            .buffered(CONCURRENT_FETCHES);
        while let Some((group, part, (path, bytes))) = contents.try_next().await? {
            let mut lines = Lines::new(&path, &bytes)?;
            for (_, line, order) in &group {
                while let Some((number, text)) = lines.next()? {
                    if number == *line {
                        records[*order] = Some(part::record(&path, self.account, part.name.kind, number, text)?);
                        break;
                    }
                }
                if records[*order].is_none() {
                    return Err(part::corrupt(&path, "it changed while it was read"));
                }
            }
        }
        Ok(records.into_iter().flatten().collect())
    }
}
