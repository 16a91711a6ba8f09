//! The table `trail_recording`: whether any trail records the use of an account's keys in a Region.

use kms_insights_model::{AccountId, Fact, FactStatus, Recording, Region, RunId, Timestamp, Trail, TrailRecord};

use crate::table::table;

table! {
    /// One row per account and Region that has keys: whether a CloudTrail trail records the use of keys there at present. Cryptographic operations are *read* management events: a trail that is off, records writes alone or leaves out KMS has none, and that it tells of no use means nothing.
    TrailRecordingRow in "trail_recording" {
        /// The run.
        run_id: String, from [];
        /// The account.
        account_id: String, from [KmsListKeys];
        /// The Region.
        region: String, from [KmsListKeys];
        /// `yes`, `no` or `unknown`: whether some trail records the cryptographic operations of KMS, and delivers what it records.
        records_kms_reads: String, from [CloudTrailDescribeTrails, CloudTrailGetTrailStatus, CloudTrailGetEventSelectors];
        /// Why it is `no` or `unknown`; null where it is `yes`.
        reason: Option<String>, from [];
        /// How many trails the account sees in the Region, its organization's among them; null where they could not be listed.
        trails: Option<i32>, from [CloudTrailDescribeTrails];
        /// The trail that decides: the first that records the use of keys, else the first that may, else the first of all. The columns after this are of it.
        trail_arn: Option<String>, from [CloudTrailDescribeTrails];
        /// The Region in which it was made.
        home_region: Option<String>, from [CloudTrailDescribeTrails];
        /// Whether it is the organization's.
        is_organization_trail: Option<bool>, from [CloudTrailDescribeTrails];
        /// Whether it records anything at present.
        is_logging: Option<bool>, from [CloudTrailGetTrailStatus];
        /// When it began to record, the last time. What it selects may have changed since.
        logging_started_at: Option<Timestamp>, from [CloudTrailGetTrailStatus];
        /// When it ceased to record, the last time; it may have begun again since.
        logging_stopped_at: Option<Timestamp>, from [CloudTrailGetTrailStatus];
        /// When it delivered log files to its bucket, the last time.
        last_delivery_at: Option<Timestamp>, from [CloudTrailGetTrailStatus];
        /// Why its bucket did not take the log files that it was to deliver last; null where it did. Uses are recorded then, and nobody can read of them.
        delivery_error: Option<String>, from [CloudTrailGetTrailStatus];
        /// The bucket that its log files go to.
        s3_bucket: Option<String>, from [CloudTrailDescribeTrails];
        /// What their names begin with.
        s3_prefix: Option<String>, from [CloudTrailDescribeTrails];
        /// How all this is known: `observed`, `denied` or `failed`. Of several trails it is that of the one that is known worst.
        status: String, from [CloudTrailDescribeTrails, CloudTrailGetTrailStatus, CloudTrailGetEventSelectors];
    }
}

/// The row of an account's Region; `record` lacks where it was not come to.
pub fn row(run: &RunId, account: AccountId, region: &Region, record: Option<&TrailRecord>) -> TrailRecordingRow {
    let unread = || (Recording::Unknown("the run was stopped before the trails were listed".to_owned()), None);
    let (recording, trail) = record.map_or_else(unread, TrailRecord::recording);
    let logging = trail.and_then(|trail| trail.status.observed());
    TrailRecordingRow {
        run_id: run.to_string(),
        account_id: account.to_string(),
        region: region.to_string(),
        records_kms_reads: recording.as_str().to_owned(),
        reason: recording.reason().map(str::to_owned),
        trails: record.and_then(|record| record.trails.observed()).map(|trails| i32::try_from(trails.len()).unwrap_or(i32::MAX)),
        trail_arn: trail.map(|trail| trail.arn.clone()),
        home_region: trail.and_then(|trail| trail.home_region.as_ref()).map(ToString::to_string),
        is_organization_trail: trail.map(|trail| trail.is_organization_trail),
        is_logging: logging.map(|status| status.is_logging),
        logging_started_at: logging.and_then(|status| status.started_at),
        logging_stopped_at: logging.and_then(|status| status.stopped_at),
        last_delivery_at: logging.and_then(|status| status.last_delivery_at),
        delivery_error: logging.and_then(|status| status.delivery_error.clone()),
        s3_bucket: trail.and_then(|trail| trail.bucket.clone()),
        s3_prefix: trail.and_then(|trail| trail.prefix.clone()),
        status: record.map_or(FactStatus::Failed, status).to_string(),
    }
}

fn status(record: &TrailRecord) -> FactStatus {
    let Fact::Observed(trails) = &record.trails else { return record.trails.status() };
    let of = |trail: &Trail| [trail.status.status(), trail.selectors.status()];
    let all: Vec<FactStatus> = trails.iter().flat_map(of).collect();
    [FactStatus::Failed, FactStatus::Denied].into_iter().find(|status| all.contains(status)).unwrap_or(FactStatus::Observed)
}
