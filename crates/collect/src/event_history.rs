//! CloudTrail's event history, for keys whose last usage KMS does not say: two requests a second, so as few as can be, and none once every key is settled.
//!
//! There are two ways to ask, of which neither is always the shorter. *By key*, each listing is short but holds whatever was done with the key, the inventory's own reads above all, and a key
//! costs one request at least. *By operation*, one page of `Decrypt` settles dozens of busy keys, and another none. So [`HistoryReading::read`] begins with the way that is likely to be
//! shorter, counts the requests that settled nothing, and changes over when the other way could have been gone for that.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        OnceLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use futures::StreamExt;
use kms_insights_model::{
    AccountId, ApiAction, ErrorCode, EventHistory, Fact, Failure, KeyArn, KeyHistory, KeyId, RecordedUse, Region, StagedRecord, Timestamp,
};
use kms_insights_trail::{CRYPTOGRAPHIC, LogReader, principal, touched};

use crate::{
    Event, Observer, Sink, SinkError,
    call::{Requests, Until},
    cloud::{HistoryEvent, Sought, TrailReader},
    pages::Pages,
    quota::Bucket,
};

/// So many keys at most are asked for one by one from the start: to ask by operation takes one request for each operation before it can settle anything.
const FEW: usize = CRYPTOGRAPHIC.len();
/// Requests that may settle nothing before few keys are looked for by operation after all.
const PATIENCE: usize = CRYPTOGRAPHIC.len();
/// Keys that are looked for at once: the quota is two requests a second, and a request may take longer than half a second.
const KEYS_AT_ONCE: usize = 2;

/// So many requests take half a minute: a search that takes longer is told of.
const REQUESTS_BETWEEN_SIGNS: u64 = 60;

/// The reading of the event history of one account and Region.
pub(crate) struct HistoryReading<'a, T, S> {
    pub(crate) account: AccountId,
    pub(crate) region: &'a Region,
    pub(crate) trail: &'a T,
    pub(crate) requests: &'a Requests,
    pub(crate) sink: &'a S,
    pub(crate) bucket: &'a Bucket,
    pub(crate) until: Until,
    pub(crate) observer: &'a Observer,
    /// Uses that an earlier attempt found, after which there may be later ones.
    pub(crate) prior: BTreeMap<KeyId, RecordedUse>,
    pub(crate) search: Search,
}

/// How far a search has come.
#[derive(Default)]
pub(crate) struct Search {
    requests: AtomicU64,
    keys: AtomicU64,
}

/// Requests without which the same would be known.
struct Waste {
    spent: AtomicI64,
    limit: i64,
}

impl Waste {
    fn up_to(limit: Option<usize>) -> Self {
        Self { spent: AtomicI64::new(0), limit: limit.and_then(|limit| i64::try_from(limit).ok()).unwrap_or(i64::MAX) }
    }

    fn is_enough(&self) -> bool {
        self.spent.load(Ordering::Relaxed) > self.limit
    }

    /// A request was made, and settled so many keys. Earlier luck does not pay for later waste.
    fn request(&self, settled: usize) {
        let settled = i64::try_from(settled).unwrap_or(i64::MAX);
        // One task at a time runs between two requests of a Region.
        let spent = self.spent.load(Ordering::Relaxed).saturating_add(1).saturating_sub(settled).max(0);
        self.spent.store(spent, Ordering::Relaxed);
    }
}

/// What some events tell.
#[derive(Default)]
#[allow(clippy::struct_field_names, reason = "uses among what events tell")]
struct Uses {
    uses: Vec<(KeyId, RecordedUse)>,
    /// The latest of those uses that do not say of which key they are: each may be of any.
    unnamed_at: Option<Timestamp>,
    /// The latest of those events that cannot be read, and why.
    unread: Option<(Timestamp, Failure)>,
}

/// What the listings told before they were given up.
#[derive(Default)]
struct Known {
    /// The latest use of each key that was listed. There may be later ones, which were not.
    uses: BTreeMap<KeyId, RecordedUse>,
    /// As [`Uses::unnamed_at`].
    unnamed_at: Option<Timestamp>,
}

/// How the looking for one key ended.
enum Outcome {
    Settled(EventHistory),
    Failed(Failure),
    /// There may be a shorter way.
    GivenUp,
}

/// The events of one operation, newest first.
struct Listing {
    operation: &'static str,
    pages: Pages,
    /// Uses that were listed and not yet looked at.
    listed: VecDeque<(KeyId, RecordedUse)>,
    /// No event that is still to be listed is later than this; `None` before the first page.
    frontier: Option<Timestamp>,
    ended: bool,
}

impl Listing {
    /// How late the next use of this operation can be.
    fn latest(&self) -> Option<Timestamp> {
        match self.listed.front() {
            Some((_, found)) => Some(found.at),
            None if self.ended => None,
            None => Some(self.frontier.unwrap_or(Timestamp::MAX_UTC)),
        }
    }
}

impl<T: TrailReader, S: Sink> HistoryReading<'_, T, S> {
    /// Looks for the last use of each of these keys.
    pub(crate) async fn read(self, keys: BTreeSet<KeyId>) -> Result<(), SinkError> {
        self.search.keys.store(keys.len() as u64, Ordering::Relaxed);
        let (mut keys, mut known) = (keys, Known { uses: self.prior.clone(), unnamed_at: None });
        if keys.len() <= FEW {
            keys = self.by_key(keys, &known, &Waste::up_to(Some(PATIENCE))).await?;
        }
        if !keys.is_empty() {
            (keys, known) = self.by_operation(keys).await?;
        }
        self.by_key(keys, &known, &Waste::up_to(None)).await?;
        if self.search.requests.load(Ordering::Relaxed) >= REQUESTS_BETWEEN_SIGNS {
            self.sign();
        }
        Ok(())
    }

    /// Tells how far the search has come.
    fn sign(&self) {
        let (requests, keys) = (self.search.requests.load(Ordering::Relaxed), self.search.keys.load(Ordering::Relaxed));
        (self.observer)(Event::SearchingHistory { account: self.account, region: self.region.clone(), requests, keys });
    }

    async fn settle(&self, key: KeyId, event_history: Fact<EventHistory>) -> Result<(), SinkError> {
        let history = KeyHistory { arn: KeyArn::new(self.account, self.region.clone(), key), event_history };
        self.search.keys.fetch_sub(1, Ordering::Relaxed);
        self.sink.record(StagedRecord::History(Box::new(history))).await
    }

    /// What is left to say of a key when the looking ends: that it was used is certain where a use is known, and when it was last used is not.
    async fn give_up(&self, key: KeyId, known: &Known, failure: Failure) -> Result<(), SinkError> {
        let history = match known.uses.get(&key) {
            None => Fact::lacking(failure),
            Some(found) => Fact::Observed(EventHistory {
                last_use: Some(found.clone()),
                reaches_back_to: EventHistory::beginning(chrono::Utc::now()),
                is_conclusive: false,
                cut_short: Some(failure),
            }),
        };
        self.settle(key, history).await
    }

    async fn page(&self, pages: &mut Pages, sought: &Sought) -> Option<(Vec<HistoryEvent>, Option<Failure>)> {
        if (self.search.requests.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(REQUESTS_BETWEEN_SIGNS) {
            self.sign();
        }
        pages.next(self.requests, self.bucket, self.until, |token| self.trail.events(sought, token)).await
    }

    /// Asks for each key by itself, first for those of which no use is known. Returns those that were given up.
    async fn by_key(&self, keys: BTreeSet<KeyId>, known: &Known, waste: &Waste) -> Result<BTreeSet<KeyId>, SinkError> {
        let mut left = BTreeSet::new();
        let refused: OnceLock<Failure> = OnceLock::new();
        let (later, first): (Vec<KeyId>, Vec<KeyId>) = keys.into_iter().partition(|key| known.uses.contains_key(key));
        let mut looked_for = std::pin::pin!(
            futures::stream::iter(first.into_iter().chain(later))
                .map(|key| async {
                    let outcome = match refused.get() {
                        Some(failure) => Outcome::Failed(failure.clone()),
                        None if waste.is_enough() => Outcome::GivenUp,
                        None => self.one(&key, waste).await,
                    };
                    (key, outcome)
                })
                .buffer_unordered(KEYS_AT_ONCE)
        );
        while let Some((key, outcome)) = looked_for.next().await {
            match outcome {
                Outcome::Settled(mut history) => {
                    if let Some(found) = known.uses.get(&key).filter(|found| history.last_use.as_ref().is_none_or(|last| last.at < found.at)) {
                        // Asked for the key, the history lacks a use that it has: it calls the key otherwise, now and then at least. But it forgets what is too old.
                        history.is_conclusive &= found.at < history.reaches_back_to;
                        history.last_use = Some(found.clone());
                    }
                    history.is_conclusive &= is_last(history.last_use.as_ref(), known.unnamed_at);
                    self.settle(key, Fact::Observed(history)).await?;
                }
                Outcome::GivenUp => drop(left.insert(key)),
                Outcome::Failed(failure) => {
                    if is_refusal(&failure) {
                        refused.get_or_init(|| failure.clone());
                    }
                    self.give_up(key, known, failure).await?;
                }
            }
        }
        Ok(left)
    }

    async fn one(&self, key: &KeyId, waste: &Waste) -> Outcome {
        let arn = KeyArn::new(self.account, self.region.clone(), key.clone());
        let (beginning, sought, mut pages) = (EventHistory::beginning(chrono::Utc::now()), Sought::Resource(arn.to_string()), Pages::new());
        let (mut has_events, mut unnamed) = (false, None);
        while let Some((events, failure)) = self.page(&mut pages, &sought).await {
            has_events |= !events.is_empty();
            let Uses { uses, unnamed_at, unread } = self.uses(&events);
            unnamed = unnamed.max(unnamed_at);
            let last_use = uses.into_iter().find(|(used, _)| used == key).map(|(_, found)| found);
            waste.request(usize::from(last_use.is_some()));
            if let Some(found) = last_use {
                let cut_short = unread.filter(|(at, _)| *at > found.at).map(|(_, failure)| failure);
                let is_conclusive = cut_short.is_none() && is_last(Some(&found), unnamed);
                return Outcome::Settled(EventHistory { last_use: Some(found), reaches_back_to: beginning, is_conclusive, cut_short });
            }
            if let Some(failure) = failure.or(unread.map(|(_, failure)| failure)) {
                return Outcome::Failed(failure);
            }
            if waste.is_enough() && !pages.are_at_end() {
                return Outcome::GivenUp;
            }
        }
        if !has_events && waste.limit < i64::MAX {
            // Nothing at all, not even its creation or its reading: perhaps the history calls the key otherwise, and it is found by operation.
            return Outcome::GivenUp;
        }
        waste.request(1);
        Outcome::Settled(EventHistory { last_use: None, reaches_back_to: beginning, is_conclusive: has_events && is_last(None, unnamed), cut_short: None })
    }

    /// Walks through the uses of all keys from the latest on, whatever the operation. Returns the keys for which that turned out to be the longer way, and the uses of them that are known by then.
    async fn by_operation(&self, mut keys: BTreeSet<KeyId>) -> Result<(BTreeSet<KeyId>, Known), SinkError> {
        let beginning = EventHistory::beginning(chrono::Utc::now());
        let mut listings: Vec<Listing> =
            CRYPTOGRAPHIC.iter().map(|operation| Listing { operation, pages: Pages::new(), listed: VecDeque::new(), frontier: None, ended: false }).collect();
        let waste = Waste::up_to(None);
        let mut unnamed = None;
        while !keys.is_empty() {
            // The latest of all comes next. Where it is not known what comes next, a page is asked for, and only then.
            let next = listings.iter_mut().filter_map(|listing| Some((listing.latest()?, listing.listed.is_empty(), listing)));
            let Some((_, is_unknown, listing)) = next.max_by_key(|(latest, is_unknown, _)| (*latest, *is_unknown)) else { break };
            if !is_unknown {
                if let Some((key, found)) = listing.listed.pop_front()
                    && keys.remove(&key)
                {
                    waste.request(2);
                    let is_conclusive = is_last(Some(&found), unnamed);
                    let history = EventHistory { last_use: Some(found), reaches_back_to: beginning, is_conclusive, cut_short: None };
                    self.settle(key, Fact::Observed(history)).await?;
                }
                continue;
            }
            let left = i64::try_from(keys.len()).unwrap_or(i64::MAX);
            if listing.frontier.is_some() && waste.spent.load(Ordering::Relaxed) > left {
                return Ok((keys, self.known(&listings, unnamed)));
            }
            let sought = Sought::Operation(listing.operation);
            match self.page(&mut listing.pages, &sought).await {
                None => listing.ended = true,
                Some((events, failure)) => {
                    if listing.frontier.is_some() {
                        waste.request(0);
                    }
                    let Uses { mut uses, unnamed_at, unread } = self.uses(&events);
                    unnamed = unnamed.max(unnamed_at);
                    uses.retain(|(key, _)| keys.contains(key));
                    uses.sort_by_key(|(_, found)| std::cmp::Reverse(found.at));
                    // A listing that begins with nothing has nothing more to tell than one that ends.
                    listing.frontier = events.iter().map(|event| event.at).min().or(listing.frontier).or(Some(Timestamp::MAX_UTC));
                    listing.listed.extend(uses);
                    listing.ended |= listing.pages.are_at_end();
                    if let Some(failure) = failure.or(unread.map(|(_, failure)| failure)) {
                        let known = self.known(&listings, unnamed);
                        if !is_refusal(&failure) {
                            // By key it may still be found.
                            return Ok((keys, known));
                        }
                        for key in keys {
                            self.give_up(key, &known, failure.clone()).await?;
                        }
                        return Ok((BTreeSet::new(), known));
                    }
                }
            }
        }
        // To the end of every operation: these were not used, unless by an event that does not say of which key it was.
        for key in keys {
            // What an earlier attempt found may have become too old for the history since.
            let last_use = self.prior.get(&key).cloned();
            let is_conclusive = is_last(last_use.as_ref(), unnamed);
            let history = EventHistory { last_use, reaches_back_to: beginning, is_conclusive, cut_short: None };
            self.settle(key, Fact::Observed(history)).await?;
        }
        Ok((BTreeSet::new(), Known::default()))
    }

    /// What was listed and not yet come to, or was known before.
    fn known(&self, listings: &[Listing], unnamed_at: Option<Timestamp>) -> Known {
        let mut uses = self.prior.clone();
        for (key, found) in listings.iter().flat_map(|listing| &listing.listed) {
            if uses.get(key).is_none_or(|other| other.at < found.at) {
                uses.insert(key.clone(), found.clone());
            }
        }
        Known { uses, unnamed_at }
    }

    /// The uses of this Region's keys among some events, in their order.
    fn uses(&self, events: &[HistoryEvent]) -> Uses {
        let mut told = Uses::default();
        let mut reader = LogReader::new();
        // An event that the answer gives no name has one in its record.
        for event in events.iter().filter(|event| event.name.as_deref().is_none_or(|name| CRYPTOGRAPHIC.contains(&name))) {
            // The event itself, and not the file that it would be in.
            let file = format!("{{\"Records\":[{}]}}", event.record);
            let report = reader.read(file.as_bytes(), |record, _| {
                if record.error_code.is_some() || !CRYPTOGRAPHIC.contains(&&*record.name) {
                    return;
                }
                let mut named: Vec<(KeyArn, Option<String>)> = Vec::new();
                touched(record, |key| named.extend(key.key.parse().ok().map(|arn| (arn, key.resource.map(str::to_owned)))));
                if named.is_empty() {
                    told.unnamed_at = told.unnamed_at.max(Some(record.at.timestamp()));
                }
                for (arn, resource) in named.into_iter().filter(|(arn, _)| arn.account() == self.account && *arn.region() == *self.region) {
                    let found = RecordedUse {
                        at: record.at.timestamp(),
                        operation: record.name.to_string(),
                        principal: Some(principal(&record.identity).into_owned()).filter(|principal| !principal.is_empty()),
                        resource,
                        cloudtrail_event_id: record.id.to_string(),
                    };
                    told.uses.push((arn.key_id().clone(), found));
                }
            });
            if !report.is_whole() && told.unread.as_ref().is_none_or(|(at, _)| *at < event.at) {
                let text = format!("an event of {} cannot be read", event.name.as_deref().unwrap_or("an unnamed operation"));
                told.unread = Some((event.at, Failure::new(ApiAction::CloudTrailLookupEvents, ErrorCode::InvalidResponse, text)));
            }
        }
        told
    }
}

/// Whether none of the uses that do not say of which key they are, the latest of which was at this moment, is later than the use that was found.
fn is_last(found: Option<&RecordedUse>, unnamed_at: Option<Timestamp>) -> bool {
    unnamed_at.is_none_or(|at| found.is_some_and(|found| at <= found.at))
}

/// Whether the next question would end in the same way: it is of the listing alone that a page makes no sense, and after all its retries a request fails for more than itself.
const fn is_refusal(failure: &Failure) -> bool {
    !matches!(failure.code, ErrorCode::EndlessPagination | ErrorCode::InvalidResponse)
}

#[cfg(test)]
mod tests;
