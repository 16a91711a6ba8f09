//! One account: a session, its Regions, all of them at once.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::AtomicU64},
};

use kms_insights_model::{
    Account, AccountId, AccountRecord, ApiAction, ErrorCode, Fact, Failure, KeyId, Partition, Region, StagedRecord, TrailRecord, UnitRecord,
};
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};

use crate::{
    Event, KnownKey, LastUsageBudget, Observer, Options, Prior, PriorAccount, Sink, SinkError,
    call::{Requests, Until},
    cloud::{Cloud, KmsReader, Session},
    last_usage::{QueuedKeys, UsageQueue, UsageReading, usage_queue},
    pages,
    plan::Way,
    quota::Bucket,
    region::{self, Listing, RegionReading},
    trails::TrailsReading,
    turn::{Purpose, Turns},
};

/// What the readings of all accounts share.
pub(crate) struct AccountReading<C, S> {
    pub(crate) cloud: Arc<C>,
    pub(crate) sink: Arc<S>,
    pub(crate) requests: Requests,
    /// Those for last usages, which hold up nothing else.
    pub(crate) usage_requests: Requests,
    pub(crate) options: Arc<Options>,
    pub(crate) observer: Observer,
    pub(crate) partition: Partition,
    pub(crate) turns: Turns,
    /// How many accounts may be open: what is known of an open account is in memory, and so are its sessions and clients.
    pub(crate) may_be_open: Semaphore,
    /// How many keys may be read at once.
    pub(crate) keys_under_way: Arc<Semaphore>,
    /// Paces `sts:AssumeRole`, which counts against the caller's account whatever account the role is in.
    pub(crate) assume_role: Bucket,
    /// Keys of the whole run whose last usage is still to come.
    pub(crate) usages_waiting: Arc<AtomicU64>,
}

/// The last usages of an account that are still being read.
pub(crate) type Tails = JoinSet<Result<(), SinkError>>;

/// An account that is open: its Regions are known, and their keys listed.
struct Open<K, T> {
    regions: Vec<Region>,
    region_listing: Option<Failure>,
    /// The Regions that have keys; those without are done.
    units: Vec<OpenUnit<K, T>>,
    empty: Vec<(Region, Option<Failure>)>,
}

/// One of its Regions.
type UnitOf<S> = OpenUnit<<S as Session>::Kms, <S as Session>::Trail>;

struct OpenUnit<K, T> {
    region: Region,
    kms: Arc<K>,
    trail: Arc<T>,
    /// What an earlier attempt knew of its trails.
    trails: Option<TrailRecord>,
    /// `None` where all keys are queued already.
    usage: Option<UsageQueue>,
    known: HashMap<KeyId, KnownKey>,
    record: Option<UnitRecord>,
    listing: Listing,
}

/// Places that an account takes among the open ones before it is known how many keys it has, and the most that it keeps: what others wait for cannot be taken as well.
pub(crate) const PLACES_TO_OPEN: u16 = 4;

/// Places that an open account of so many listed keys keeps: each key's id waits in memory, twice where its last usage does.
fn places(keys: usize) -> usize {
    const KEYS_FOR_A_PLACE: usize = 128;
    (1 + keys / KEYS_FOR_A_PLACE).min(PLACES_TO_OPEN.into())
}

/// What was learned now, or, where it could not be, an earlier attempt's word.
pub(crate) fn known_before<T>(now: Fact<T>, earlier: Option<Fact<T>>) -> Fact<T> {
    match earlier {
        Some(known @ Fact::Observed(_)) if now.is_lacking() => known,
        _ => now,
    }
}

impl<C: Cloud, S: Sink> AccountReading<C, S> {
    /// Reads an account up to its last usages, which go on in the returned tasks: in one turn it is opened and its keys are listed, in another they are read.
    pub(crate) async fn read(
        &self,
        place: usize,
        account: Account,
        way: Way,
        prior: &impl Prior,
        ou_path: impl Future<Output = Fact<String>>,
    ) -> Result<Tails, SinkError> {
        let id = account.id;
        let mut last_usages = Tails::new();
        // The semaphore is never closed.
        let mut open = self.may_be_open.acquire_many(PLACES_TO_OPEN.into()).await.ok();
        let mut turn = self.turns.next(Purpose::Open, place).await;
        let prior = prior.account(id).await?;
        if prior.is_complete(chrono::Utc::now()) {
            (self.observer)(Event::AccountStarted { account: id, name: account.name });
            (self.observer)(Event::AccountFinished { account: id, keys: prior.keys.values().map(|keys| keys.len() as u64).sum(), failure: None });
            return Ok(last_usages);
        }
        // What is kept of an earlier attempt is kept for as few accounts at once as can be.
        let in_one_turn = !prior.keys.is_empty();
        let earlier = prior.record.as_ref().map(|record| (record.account.ou_path.clone(), record.regions.clone()));
        // Boxed, as is the reading below: what waits for its turn is small.
        let opened = match Box::pin(self.session(&account, &way)).await {
            Err(failure) => Err(failure),
            Ok(session) => Ok(Box::pin(self.open(&account, &session, prior, &mut last_usages)).await?),
        };
        if let Ok(opened) = opened.as_ref()
            && !in_one_turn
        {
            let sizes = opened.units.iter().map(|unit| unit.listing.keys.len());
            let (largest, keys) = (sizes.clone().max().unwrap_or_default(), sizes.sum());
            if let Some(open) = &mut open {
                drop(open.split(usize::from(PLACES_TO_OPEN) - places(keys)));
            }
            drop(turn);
            turn = self.turns.next(Purpose::Read(largest), place).await;
        }
        (self.observer)(Event::AccountStarted { account: id, name: account.name.clone() });
        let (access, regions, region_listing, keys) = match opened {
            // What an earlier attempt knew of the Regions still says which are unread.
            Err(failure) => (Fact::lacking(failure), earlier.as_ref().map(|(_, regions)| regions.clone()).unwrap_or_default(), None, 0),
            Ok(Open { regions, region_listing, units, empty }) => {
                (self.observer)(Event::RegionsListed { account: id, regions: regions.len() });
                for (region, failure) in empty {
                    (self.observer)(Event::RegionFinished { account: id, region, failure });
                }
                let keys = Box::pin(self.read_units(id, units)).await?;
                (Fact::Observed(()), regions, region_listing, keys)
            }
        };
        drop(turn);
        drop(open);
        (self.observer)(Event::AccountFinished { account: id, keys, failure: access.failure().cloned() });
        // The tree of the organization is walked meanwhile, at a pace of its own.
        let account = Account { ou_path: known_before(ou_path.await, earlier.map(|(path, _)| path)), ..account };
        let record = AccountRecord { account, skipped: None, access, regions, region_listing };
        self.sink.record(StagedRecord::Account(Box::new(record))).await?;
        Ok(last_usages)
    }

    fn until(&self) -> Until {
        Until::deadline(self.options.account_deadline.and_then(|limit| Instant::now().checked_add(limit)))
    }

    async fn session(&self, account: &Account, way: &Way) -> Result<C::Session, Failure> {
        match way {
            Way::OwnCredentials => Ok(self.cloud.own_session()),
            Way::AssumeRole => self.requests.call(&self.assume_role, Until::always(), || self.cloud.assume_role(account.id)).await,
        }
    }

    /// Lists the Regions and in each of them, at the same time, the keys; sets the reading of last usages going. A Region without keys, as most are, is done with this.
    async fn open(
        &self,
        account: &Account,
        session: &C::Session,
        mut prior: PriorAccount,
        last_usages: &mut Tails,
    ) -> Result<Open<<C::Session as Session>::Kms, <C::Session as Session>::Trail>, SinkError> {
        let until = self.until();
        let (regions, region_listing) = self.regions(session, until, prior.record.as_ref()).await;
        let distinct: HashSet<&Region> = regions.iter().collect();
        let mut opening = Vec::with_capacity(distinct.len());
        for region in distinct {
            let kms = Arc::new(session.kms(region));
            let (known, record) = (prior.keys.remove(region).unwrap_or_default(), prior.units.remove(region));
            let usages = prior.usages.remove(region).unwrap_or_default();
            let (histories, trails) = (prior.histories.remove(region).unwrap_or_default(), prior.trails.remove(region));
            opening.push(async move {
                let listing = region::list(kms.as_ref(), &self.requests, self.options.quota_share, until, record.as_ref()).await;
                (region, kms, known, record, (usages, histories, trails), listing)
            });
        }
        let (mut units, mut empty) = (Vec::new(), Vec::new());
        for (region, kms, known, record, (usages, histories, trails), listing) in futures::future::join_all(opening).await {
            if listing.keys.is_empty() && known.is_empty() {
                empty.push((region.clone(), listing.failure.clone()));
                self.sink.record(StagedRecord::Unit(Box::new(listing.unit_without_keys(account.id, region.clone())))).await?;
                continue;
            }
            let (usage, queued) = self.usages(&listing, &known);
            let trail = Arc::new(session.trail(region));
            let last_usage = UsageReading {
                account: account.id,
                region: region.clone(),
                kms: Arc::clone(&kms),
                trail: Arc::clone(&trail),
                requests: self.usage_requests.clone(),
                sink: Arc::clone(&self.sink),
                observer: Arc::clone(&self.observer),
                budget: self.options.last_usage,
                lookup_budget: self.options.lookup_budget,
                quota_share: self.options.quota_share,
                waiting: Arc::clone(&self.usages_waiting),
                prior: usages,
                histories,
            };
            last_usages.spawn(last_usage.read(queued));
            units.push(OpenUnit { region: region.clone(), kms, trail, trails, usage, known, record, listing });
        }
        Ok(Open { regions, region_listing, units, empty })
    }

    /// Where nothing is to be gained by waiting until the keys are read, their last usages begin now: at five a second they are what a run waits for. Under a budget the
    /// customer managed keys are to go first, and which these are is not known before.
    fn usages(&self, listing: &Listing, known: &HashMap<KeyId, KnownKey>) -> (Option<UsageQueue>, QueuedKeys) {
        if self.options.last_usage != LastUsageBudget::Unlimited || self.options.customer_managed_only {
            let (usage, queued) = usage_queue(Arc::clone(&self.usages_waiting));
            return (Some(usage), queued);
        }
        let mut keys = Vec::with_capacity(known.len() + listing.keys.len());
        keys.extend(known.keys().chain(listing.keys.iter().filter(|key| !known.contains_key(key))).cloned());
        (None, QueuedKeys::listed(keys, &self.usages_waiting))
    }

    /// The Regions to read, and why they are not the account's own list where they are not.
    async fn regions(&self, session: &C::Session, until: Until, earlier: Option<&AccountRecord>) -> (Vec<Region>, Option<Failure>) {
        if let Some(regions) = &self.options.regions {
            return (regions.clone(), None);
        }
        if let Some(earlier) = earlier.filter(|record| record.access.observed().is_some() && record.region_listing.is_none()) {
            return (earlier.regions.clone(), None);
        }
        let bucket = Bucket::new(ApiAction::AccountListRegions, self.options.quota_share);
        let listed = pages::all(&self.requests, &bucket, until, |token| session.regions(token)).await;
        let listed = listed.and_then(|regions| {
            // Every account has Regions.
            let nothing = || Failure::new(ApiAction::AccountListRegions, ErrorCode::InvalidResponse, "the list of enabled Regions is empty");
            if regions.is_empty() { Err(nothing()) } else { Ok(regions) }
        });
        match listed {
            Ok(mut regions) => {
                regions.sort();
                regions.dedup();
                (regions, None)
            }
            // Most keys can still be read: the Regions that every account has are known. That the list is not the account's own is told.
            Err(failure) => (self.partition.default_regions().iter().filter_map(|name| name.parse().ok()).collect(), Some(failure)),
        }
    }

    async fn read_units(&self, account: AccountId, units: Vec<UnitOf<C::Session>>) -> Result<u64, SinkError> {
        let until = self.until();
        let readings = units.into_iter().map(|unit| async move {
            let OpenUnit { region, kms, trail, trails, usage, known, record, listing } = unit;
            let of_trails = TrailsReading {
                account,
                region: region.clone(),
                trail: trail.as_ref(),
                requests: &self.requests,
                sink: self.sink.as_ref(),
                quota_share: self.options.quota_share,
                until,
            };
            let reading = RegionReading {
                account,
                region,
                kms: &kms.for_many_requests(),
                requests: &self.requests,
                keys_under_way: &self.keys_under_way,
                options: &self.options,
                sink: self.sink.as_ref(),
                observer: &self.observer,
                until,
                usage,
            };
            let (keys, ()) = futures::future::try_join(reading.read(listing, known, record), of_trails.read(trails)).await?;
            Ok::<_, SinkError>(keys)
        });
        Ok(futures::future::try_join_all(readings).await?.into_iter().sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_account_keeps_a_place_for_every_128_keys_and_four_at_most() {
        assert_eq!([0, 127, 128, 383, 384, 100_000].map(places), [1, 1, 2, 3, 4, 4]);
    }
}
