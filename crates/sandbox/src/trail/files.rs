//! Log files: their names. Source: AWS CloudTrail User Guide, "CloudTrail log file examples", "Viewing and understanding organization trail log files".

use kms_insights_model::{AccountId, Timestamp};

/// Where a log file of an organization trail lies in its bucket; `delivered_at` is when it was delivered, not when what it tells of happened.
pub(crate) fn path(prefix: &str, organization: &str, account: AccountId, region: &str, delivered_at: Timestamp, unique: &str) -> String {
    let day = delivered_at.format("%Y/%m/%d");
    let minute = delivered_at.format("%Y%m%dT%H%MZ");
    format!("{prefix}AWSLogs/{organization}/{account}/CloudTrail/{region}/{day}/{account}_CloudTrail_{region}_{minute}_{unique}.json.gz")
}
