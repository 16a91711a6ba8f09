//! The trails that an account sees in a Region: what they record decides what it means that they tell of no use.

use kms_insights_model::{AccountId, ApiAction, Fact, Region, StagedRecord, Trail, TrailRecord};

use crate::{
    Sink, SinkError,
    call::{Requests, Until},
    cloud::{TrailEntry, TrailReader},
    quota::Bucket,
};

/// The reading of the trails of one account and Region.
pub(crate) struct TrailsReading<'a, T, S> {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) trail: &'a T,
    pub(crate) requests: &'a Requests,
    pub(crate) sink: &'a S,
    pub(crate) quota_share: f64,
    pub(crate) until: Until,
}

impl<T: TrailReader, S: Sink> TrailsReading<'_, T, S> {
    /// Reads what an earlier attempt did not know.
    pub(crate) async fn read(self, earlier: Option<TrailRecord>) -> Result<(), SinkError> {
        if earlier.is_some_and(|record| !record.is_lacking()) {
            return Ok(());
        }
        let [list, status, selectors] = [ApiAction::CloudTrailDescribeTrails, ApiAction::CloudTrailGetTrailStatus, ApiAction::CloudTrailGetEventSelectors]
            .map(|action| Bucket::new(action, self.quota_share));
        let listed = self.requests.call(&list, self.until, || self.trail.trails()).await;
        let trails = match listed {
            Err(failure) => Fact::lacking(failure),
            Ok(entries) => Fact::Observed(futures::future::join_all(entries.into_iter().map(|entry| self.one(entry, &status, &selectors))).await),
        };
        let record = TrailRecord { account: self.account, region: self.region, asked_at: Some(chrono::Utc::now()), trails };
        self.sink.record(StagedRecord::Trails(Box::new(record))).await
    }

    async fn one(&self, entry: TrailEntry, status: &Bucket, selectors: &Bucket) -> Trail {
        let TrailEntry { arn, home_region, is_multi_region, is_organization_trail, bucket, prefix } = entry;
        let (status, selectors) = futures::join!(
            self.requests.call(status, self.until, || self.trail.status(&arn)),
            self.requests.call(selectors, self.until, || self.trail.selectors(&arn)),
        );
        Trail { home_region, is_multi_region, is_organization_trail, bucket, prefix, status: status.into(), selectors: selectors.into(), arn }
    }
}
