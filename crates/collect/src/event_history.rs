//! CloudTrail's event history, for keys whose last usage KMS does not say: two requests a second, so as few as can be, and none once every key is settled.
//!
//! There are two ways to ask, of which neither is always the shorter. *By key*, each listing is short but holds whatever was done with the key, the inventory's own reads above all, and a key
//! costs one request at least. *By operation*, one page of `Decrypt` settles dozens of busy keys, and another none. So [`HistoryReading::read`] begins with the way that is likely to be
//! shorter, counts the requests that settled nothing, and changes over when the other way could have been gone for that.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{
        OnceLock,
        atomic::{AtomicI64, Ordering},
    },
};

use futures::StreamExt;
use kms_insights_model::{
    AccountId, ApiAction, ErrorCode, EventHistory, Fact, Failure, KeyArn, KeyHistory, KeyId, RecordedUse, Region, StagedRecord, Timestamp,
};
use kms_insights_trail::{CRYPTOGRAPHIC, LogReader, principal, touched};

use crate::{
    Sink, SinkError,
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

/// The reading of the event history of one account and Region.
pub(crate) struct HistoryReading<'a, T, S> {
    pub(crate) account: AccountId,
    pub(crate) region: &'a Region,
    pub(crate) trail: &'a T,
    pub(crate) requests: &'a Requests,
    pub(crate) sink: &'a S,
    pub(crate) bucket: &'a Bucket,
    pub(crate) until: Until,
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
#[allow(clippy::struct_field_names, reason = "uses among what events tell")]
struct Uses {
    uses: Vec<(KeyId, RecordedUse)>,
    /// Whether one of them is a use of a key that it does not name: it may be of any.
    is_any_unnamed: bool,
    /// Why one of them could not be read.
    unread: Option<Failure>,
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
        let mut keys = keys;
        if keys.len() <= FEW {
            keys = self.by_key(keys, &Waste::up_to(Some(PATIENCE))).await?;
        }
        if !keys.is_empty() {
            keys = self.by_operation(keys).await?;
        }
        self.by_key(keys, &Waste::up_to(None)).await.map(drop)
    }

    async fn settle(&self, key: KeyId, event_history: Fact<EventHistory>) -> Result<(), SinkError> {
        let history = KeyHistory { arn: KeyArn::new(self.account, self.region.clone(), key), event_history };
        self.sink.record(StagedRecord::History(Box::new(history))).await
    }

    async fn give_up(&self, keys: BTreeSet<KeyId>, failure: &Failure) -> Result<(), SinkError> {
        for key in keys {
            self.settle(key, Fact::lacking(failure.clone())).await?;
        }
        Ok(())
    }

    async fn page(&self, pages: &mut Pages, sought: &Sought) -> Option<(Vec<HistoryEvent>, Option<Failure>)> {
        pages.next(self.requests, self.bucket, self.until, |token| self.trail.events(sought, token)).await
    }

    /// Asks for each key by itself. Returns those that were given up.
    async fn by_key(&self, keys: BTreeSet<KeyId>, waste: &Waste) -> Result<BTreeSet<KeyId>, SinkError> {
        let mut left = BTreeSet::new();
        let refused: OnceLock<Failure> = OnceLock::new();
        let mut looked_for = std::pin::pin!(
            futures::stream::iter(keys)
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
                Outcome::Settled(history) => self.settle(key, Fact::Observed(history)).await?,
                Outcome::GivenUp => drop(left.insert(key)),
                Outcome::Failed(failure) => {
                    if is_refusal(&failure) {
                        refused.get_or_init(|| failure.clone());
                    }
                    self.settle(key, Fact::lacking(failure)).await?;
                }
            }
        }
        Ok(left)
    }

    async fn one(&self, key: &KeyId, waste: &Waste) -> Outcome {
        let arn = KeyArn::new(self.account, self.region.clone(), key.clone());
        let (beginning, sought, mut pages) = (EventHistory::beginning(chrono::Utc::now()), Sought::Resource(arn.to_string()), Pages::new());
        let (mut is_conclusive, mut is_unnamed) = (false, false);
        while let Some((events, failure)) = self.page(&mut pages, &sought).await {
            is_conclusive |= !events.is_empty();
            let Uses { uses, is_any_unnamed, unread } = self.uses(&events);
            is_unnamed |= is_any_unnamed;
            let last_use = uses.into_iter().find(|(used, _)| used == key).map(|(_, found)| found);
            waste.request(usize::from(last_use.is_some()));
            if last_use.is_some() {
                return Outcome::Settled(EventHistory { last_use, reaches_back_to: beginning, is_conclusive: true });
            }
            if let Some(failure) = failure.or(unread) {
                return Outcome::Failed(failure);
            }
            if waste.is_enough() && !pages.are_at_end() {
                return Outcome::GivenUp;
            }
        }
        if !is_conclusive && waste.limit < i64::MAX {
            // Nothing at all, not even its creation or its reading: perhaps the history calls the key otherwise, and it is found by operation.
            return Outcome::GivenUp;
        }
        waste.request(1);
        Outcome::Settled(EventHistory { last_use: None, reaches_back_to: beginning, is_conclusive: is_conclusive && !is_unnamed })
    }

    /// Walks through the uses of all keys from the latest on, whatever the operation. Returns the keys for which that turned out to be the longer way.
    async fn by_operation(&self, mut keys: BTreeSet<KeyId>) -> Result<BTreeSet<KeyId>, SinkError> {
        let beginning = EventHistory::beginning(chrono::Utc::now());
        let mut listings: Vec<Listing> =
            CRYPTOGRAPHIC.iter().map(|operation| Listing { operation, pages: Pages::new(), listed: VecDeque::new(), frontier: None, ended: false }).collect();
        let waste = Waste::up_to(None);
        let mut is_unnamed = false;
        while !keys.is_empty() {
            // The latest of all comes next. Where it is not known what comes next, a page is asked for, and only then.
            let next = listings.iter_mut().filter_map(|listing| Some((listing.latest()?, listing.listed.is_empty(), listing)));
            let Some((_, is_unknown, listing)) = next.max_by_key(|(latest, is_unknown, _)| (*latest, *is_unknown)) else { break };
            if !is_unknown {
                if let Some((key, found)) = listing.listed.pop_front()
                    && keys.remove(&key)
                {
                    waste.request(2);
                    self.settle(key, Fact::Observed(EventHistory { last_use: Some(found), reaches_back_to: beginning, is_conclusive: true })).await?;
                }
                continue;
            }
            let left = i64::try_from(keys.len()).unwrap_or(i64::MAX);
            if listing.frontier.is_some() && waste.spent.load(Ordering::Relaxed) > left {
                return Ok(keys);
            }
            let sought = Sought::Operation(listing.operation);
            match self.page(&mut listing.pages, &sought).await {
                None => listing.ended = true,
                Some((events, failure)) => {
                    if listing.frontier.is_some() {
                        waste.request(0);
                    }
                    let Uses { mut uses, is_any_unnamed, unread } = self.uses(&events);
                    is_unnamed |= is_any_unnamed;
                    uses.retain(|(key, _)| keys.contains(key));
                    uses.sort_by_key(|(_, found)| std::cmp::Reverse(found.at));
                    // A listing that begins with nothing has nothing more to tell than one that ends.
                    listing.frontier = events.iter().map(|event| event.at).min().or(listing.frontier).or(Some(Timestamp::MAX_UTC));
                    listing.listed.extend(uses);
                    listing.ended |= listing.pages.are_at_end();
                    match failure.or(unread) {
                        Some(failure) if is_refusal(&failure) => {
                            self.give_up(keys, &failure).await?;
                            return Ok(BTreeSet::new());
                        }
                        // By key it may still be found.
                        Some(_) => return Ok(keys),
                        None => {}
                    }
                }
            }
        }
        // To the end of every operation: these were not used, unless by an event that does not say of which key it was.
        for key in keys {
            self.settle(key, Fact::Observed(EventHistory { last_use: None, reaches_back_to: beginning, is_conclusive: !is_unnamed })).await?;
        }
        Ok(BTreeSet::new())
    }

    /// The uses of this Region's keys among some events, in their order.
    fn uses(&self, events: &[HistoryEvent]) -> Uses {
        let (mut uses, mut is_any_unnamed) = (Vec::new(), false);
        let mut reader = LogReader::new();
        for event in events.iter().filter(|event| CRYPTOGRAPHIC.contains(&event.name.as_str())) {
            // The event itself, and not the file that it would be in.
            let file = format!("{{\"Records\":[{}]}}", event.record);
            let report = reader.read(file.as_bytes(), |record, _| {
                if record.error_code.is_some() || !CRYPTOGRAPHIC.contains(&&*record.name) {
                    return;
                }
                let mut named: Vec<(KeyArn, Option<String>)> = Vec::new();
                touched(record, |key| named.extend(key.key.parse().ok().map(|arn| (arn, key.resource.map(str::to_owned)))));
                if named.is_empty() {
                    named.extend(self.as_on_the_wire(&event.record).map(|arn| (arn, None)));
                }
                is_any_unnamed |= named.is_empty();
                for (arn, resource) in named.into_iter().filter(|(arn, _)| arn.account() == self.account && *arn.region() == *self.region) {
                    let found = RecordedUse {
                        at: record.at.timestamp(),
                        operation: record.name.to_string(),
                        principal: Some(principal(&record.identity).into_owned()).filter(|principal| !principal.is_empty()),
                        resource,
                        cloudtrail_event_id: record.id.to_string(),
                    };
                    uses.push((arn.key_id().clone(), found));
                }
            });
            if !report.is_whole() {
                let text = format!("an event of {} cannot be read", event.name);
                let unread = Some(Failure::new(ApiAction::CloudTrailLookupEvents, ErrorCode::InvalidResponse, text));
                return Uses { uses, is_any_unnamed, unread };
            }
        }
        Uses { uses, is_any_unnamed, unread: None }
    }

    /// The key of a record that keeps the request as it came over the wire, as stand-ins for CloudTrail do, which writes `keyId`.
    fn as_on_the_wire(&self, record: &str) -> Option<KeyArn> {
        let record: serde_json::Value = serde_json::from_str(record).ok()?;
        let name = record["requestParameters"]["KeyId"].as_str()?;
        name.parse().ok().or_else(|| Some(KeyArn::new(self.account, self.region.clone(), name.parse().ok()?)))
    }
}

/// Whether the next question would end in the same way: it is of the listing alone that a page makes no sense, and after all its retries a request fails for more than itself.
const fn is_refusal(failure: &Failure) -> bool {
    !matches!(failure.code, ErrorCode::EndlessPagination | ErrorCode::InvalidResponse)
}

#[cfg(test)]
mod tests;
