//! One account: a session, its Regions, all of them at once.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::AtomicU64},
};

use kms_insights_model::{Account, AccountRecord, ApiAction, Fact, Failure, Partition, Region, StagedRecord};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    Event, Observer, Options, PriorAccount, Sink, SinkError,
    call::{Requests, Until},
    cloud::{Cloud, Session},
    last_usage::{UsageReading, usage_queue},
    pages,
    plan::Way,
    quota::Bucket,
    region::RegionReading,
};

/// What the readings of all accounts share.
pub(crate) struct AccountReading<C, S> {
    pub(crate) cloud: Arc<C>,
    pub(crate) sink: Arc<S>,
    pub(crate) requests: Requests,
    pub(crate) options: Arc<Options>,
    pub(crate) observer: Observer,
    pub(crate) partition: Partition,
    /// Paces `sts:AssumeRole`, which counts against the caller's account whatever account the role is in.
    pub(crate) assume_role: Bucket,
    /// Keys of the whole run whose last usage is still to come.
    pub(crate) usages_waiting: Arc<AtomicU64>,
}

/// The last usages of an account that are still being read.
pub(crate) type Tails = JoinSet<Result<(), SinkError>>;

impl<C: Cloud, S: Sink> AccountReading<C, S> {
    /// Reads an account up to its last usages, which go on in the returned tasks. `ou_path` is awaited last: the tree of the organization is walked meanwhile.
    pub(crate) async fn read(&self, account: Account, way: Way, ou_path: impl Future<Output = Fact<String>>, prior: PriorAccount) -> Result<Tails, SinkError> {
        let id = account.id;
        let mut tails = Tails::new();
        if prior.is_complete() {
            return Ok(tails);
        }
        (self.observer)(Event::AccountStarted { account: id, name: account.name.clone() });
        let (access, regions, region_listing, keys) = match self.session(&account, &way).await {
            Err(failure) => (Fact::lacking(failure), Vec::new(), None, 0),
            Ok(session) => {
                let until = Until::deadline(self.options.account_deadline.and_then(|limit| Instant::now().checked_add(limit)));
                let (regions, region_listing) = self.regions(&session, until, prior.record.as_ref()).await;
                (self.observer)(Event::RegionsListed { account: id, regions: regions.len() });
                let keys = self.read_regions(&account, &session, &regions, until, prior, &mut tails).await?;
                (Fact::Observed(()), regions, region_listing, keys)
            }
        };
        (self.observer)(Event::AccountFinished { account: id, keys, failure: access.failure().cloned() });
        let account = Account { ou_path: ou_path.await, ..account };
        let record = AccountRecord { account, skipped: None, access, regions, region_listing };
        self.sink.record(StagedRecord::Account(Box::new(record))).await?;
        Ok(tails)
    }

    async fn session(&self, account: &Account, way: &Way) -> Result<C::Session, Failure> {
        match way {
            Way::OwnCredentials => Ok(self.cloud.own_session()),
            Way::AssumeRole => self.requests.call(&self.assume_role, Until::always(), || self.cloud.assume_role(account.id)).await,
        }
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
        match pages::all(&self.requests, &bucket, until, |token| session.regions(token)).await {
            Ok(mut regions) => {
                regions.sort();
                regions.dedup();
                (regions, None)
            }
            // Most keys can still be read: the Regions that every account has are known. That the list is not the account's own is told.
            Err(failure) => (self.partition.default_regions().iter().filter_map(|name| name.parse().ok()).collect(), Some(failure)),
        }
    }

    async fn read_regions(
        &self,
        account: &Account,
        session: &C::Session,
        regions: &[Region],
        until: Until,
        mut prior: PriorAccount,
        tails: &mut Tails,
    ) -> Result<u64, SinkError> {
        let mut known: HashMap<Region, _> = std::mem::take(&mut prior.keys);
        let mut readings = Vec::with_capacity(regions.len());
        let distinct: HashSet<&Region> = regions.iter().collect();
        for region in distinct {
            let kms = Arc::new(session.kms(region));
            let (usage, queued) = usage_queue(Arc::clone(&self.usages_waiting));
            let tail = UsageReading {
                account: account.id,
                kms: session.kms(region),
                requests: self.requests.clone(),
                sink: Arc::clone(&self.sink),
                observer: Arc::clone(&self.observer),
                budget: self.options.last_usage,
                quota_share: self.options.quota_share,
                waiting: Arc::clone(&self.usages_waiting),
                prior: prior.usages.remove(region).unwrap_or_default(),
            };
            tails.spawn(tail.read(queued));
            let known = known.remove(region).unwrap_or_default();
            let unit = prior.units.remove(region);
            readings.push(async move {
                let reading = RegionReading {
                    account: account.id,
                    region: region.clone(),
                    kms: kms.as_ref(),
                    requests: &self.requests,
                    options: &self.options,
                    sink: self.sink.as_ref(),
                    observer: &self.observer,
                    until,
                    usage,
                };
                reading.read(known, unit).await
            });
        }
        Ok(futures::future::try_join_all(readings).await?.into_iter().sum())
    }
}
