//! Last usage: five requests a second, so it runs beside everything else and may go on when the rest is done.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::StreamExt;
use kms_insights_model::{AccountId, ApiAction, EventHistory, Fact, KeyArn, KeyId, KeyUsage, LastUsage, Region, StagedRecord};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::Instant,
};

use crate::{
    Event, LastUsageBudget, Observer, Sink, SinkError,
    call::{Requests, Until},
    cloud::{KmsReader, TrailReader},
    event_history::{HistoryReading, Search},
    quota::Bucket,
};

/// Where the keys of one Region are left whose last usage is to be read: customer managed keys go first, for they cost money and can be deleted.
#[derive(Clone, Debug)]
pub(crate) struct UsageQueue {
    customer_managed: UnboundedSender<KeyId>,
    others: UnboundedSender<KeyId>,
    waiting: Arc<AtomicU64>,
}

/// The keys of one Region whose last usage is to be read.
#[derive(Debug)]
pub(crate) enum QueuedKeys {
    /// All of them, known from the start. They wait in every Region of every account, and a queue for them would take more memory than they.
    Listed(std::vec::IntoIter<KeyId>),
    /// The other end of a [`UsageQueue`].
    Found {
        /// Those that customers manage.
        customer_managed: UnboundedReceiver<KeyId>,
        /// Those that AWS manages, and those of which nobody knows.
        others: UnboundedReceiver<KeyId>,
    },
}

/// A queue; `waiting` counts the keys of the whole run whose last usage is still to come.
pub(crate) fn usage_queue(waiting: Arc<AtomicU64>) -> (UsageQueue, QueuedKeys) {
    let (customer_managed, customer_managed_out) = unbounded_channel();
    let (others, others_out) = unbounded_channel();
    (UsageQueue { customer_managed, others, waiting }, QueuedKeys::Found { customer_managed: customer_managed_out, others: others_out })
}

impl UsageQueue {
    pub(crate) fn push(&self, key: KeyId, aws_managed: bool) {
        let sent = if aws_managed { self.others.send(key) } else { self.customer_managed.send(key) };
        // The receiver is gone only when storing failed and the run is ending.
        if sent.is_ok() {
            self.waiting.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl QueuedKeys {
    /// Keys that are all known; `waiting` as in [`usage_queue`].
    pub(crate) fn listed(keys: Vec<KeyId>, waiting: &AtomicU64) -> Self {
        waiting.fetch_add(keys.len() as u64, Ordering::Relaxed);
        Self::Listed(keys.into_iter())
    }

    async fn next(&mut self) -> Option<KeyId> {
        match self {
            Self::Listed(keys) => keys.next(),
            Self::Found { customer_managed, others } => tokio::select! {
                biased;
                Some(key) = customer_managed.recv() => Some(key),
                Some(key) = others.recv() => Some(key),
                else => None,
            },
        }
    }
}

/// Reads the last usages of one account and Region until the queue is closed and empty.
pub(crate) struct UsageReading<K, T, S> {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) kms: Arc<K>,
    pub(crate) trail: Arc<T>,
    pub(crate) requests: Requests,
    pub(crate) sink: Arc<S>,
    pub(crate) observer: Observer,
    pub(crate) budget: LastUsageBudget,
    pub(crate) lookup_budget: Duration,
    pub(crate) quota_share: f64,
    pub(crate) waiting: Arc<AtomicU64>,
    pub(crate) prior: HashMap<KeyId, Fact<LastUsage>>,
    pub(crate) histories: HashMap<KeyId, Fact<EventHistory>>,
}

impl<K: KmsReader, T: TrailReader, S: Sink> UsageReading<K, T, S> {
    /// Reads what KMS says, and then looks in CloudTrail's event history for what it does not say.
    pub(crate) async fn read(mut self, mut queued: QueuedKeys) -> Result<(), SinkError> {
        let bucket = Bucket::new(ApiAction::KmsGetKeyLastUsage, self.quota_share);
        let Some(first) = queued.next().await else { return Ok(()) };
        let until = match self.budget {
            LastUsageBudget::Unlimited => Until::always(),
            LastUsageBudget::PerRegion(budget) => Until::budget(Instant::now().checked_add(budget)),
        };
        let prior = std::mem::take(&mut self.prior);
        let now = chrono::Utc::now();
        let told = |key: &KeyId| self.histories.get(key).is_some_and(|history| EventHistory::failure(history).is_none());
        let mut unsettled: BTreeSet<KeyId> =
            prior.iter().filter(|(key, usage)| !usage.is_lacking() && EventHistory::may_add_to(usage, now) && !told(key)).map(|(key, _)| key.clone()).collect();
        let this = &self;
        let keys = futures::stream::unfold((queued, Some(first)), |(mut queued, first)| async {
            let key = match first {
                Some(key) => key,
                None => queued.next().await?,
            };
            Some((key, (queued, None)))
        });
        // As long as a round trip takes less than 0.6 s, and few are throttled, the bucket, with five a second, sets the pace; and what only waits for its time takes memory in every Region.
        let mut usages = std::pin::pin!(
            keys.filter(|key| {
                let known = prior.get(key).is_some_and(|fact| !fact.is_lacking());
                if known {
                    this.waiting.fetch_sub(1, Ordering::Relaxed);
                }
                std::future::ready(!known)
            })
            .map(|key| this.one(key, &bucket, until))
            .buffer_unordered(3)
        );
        while let Some(usage) = usages.next().await {
            let lacking = usage.last_usage.is_lacking();
            if EventHistory::may_add_to(&usage.last_usage, now) && !told(usage.arn.key_id()) {
                unsettled.insert(usage.arn.key_id().clone());
            }
            this.sink.record(StagedRecord::Usage(Box::new(usage))).await?;
            this.waiting.fetch_sub(1, Ordering::Relaxed);
            (this.observer)(Event::UsageRead { account: this.account, lacking });
        }
        if unsettled.is_empty() {
            return Ok(());
        }
        let bucket = Bucket::new(ApiAction::CloudTrailLookupEvents, self.quota_share);
        let history = HistoryReading {
            account: self.account,
            region: &self.region,
            trail: self.trail.as_ref(),
            requests: &self.requests,
            sink: self.sink.as_ref(),
            bucket: &bucket,
            until: Until::budget(Instant::now().checked_add(self.lookup_budget)),
            observer: &self.observer,
            prior: unsettled.iter().filter_map(|key| Some((key.clone(), self.histories.get(key)?.observed()?.last_use.clone()?))).collect(),
            search: Search::default(),
        };
        Box::pin(history.read(unsettled)).await
    }

    async fn one(&self, key: KeyId, bucket: &Bucket, until: Until) -> KeyUsage {
        let last_usage = self.requests.call(bucket, until, || self.kms.last_usage(&key)).await.into();
        KeyUsage { arn: KeyArn::new(self.account, self.region.clone(), key), last_usage }
    }
}
