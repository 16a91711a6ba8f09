//! The table `key_usage_daily`: who used which key on which day, for what.

use kms_insights_model::Timestamp;
use kms_insights_trail::DailyUse;

use crate::{count::signed, table::table};

table! {
    /// One row per key, day, principal, operation and resource, as CloudTrail recorded them. Rows of several scans, and of one scan too, add up: sum `uses` and `errors`. Only what `trail_files` says was read is in it: no row is no proof that nothing happened.
    KeyUsageDailyRow in "key_usage_daily" by EventDate {
        /// The scan that counted it.
        scan_id: String, from [];
        /// The key's ARN; an alias' where the records name no more and the inventory does not know it.
        key_arn: String, from [];
        /// The key's id within its account and Region.
        key_id: String, from [];
        /// The account that owns the key.
        account_id: String, from [];
        /// The key's Region.
        region: String, from [];
        /// Who called: a role's or user's ARN, never a session's; the account's id where its own log is not read; a service that called on its own.
        principal: String, from [];
        /// The operation, such as `Decrypt`.
        event_name: String, from [];
        /// The resource that the encryption context names; of an object in S3 its bucket.
        resource: Option<String>, from [];
        /// The service that called on the principal's behalf, or on its own.
        invoked_by: Option<String>, from [];
        /// The account whose log records it.
        recorded_by: String, from [];
        /// Calls that succeeded.
        uses: i64, from [];
        /// Calls that failed: these used nothing.
        errors: i64, from [];
        /// The first of them all.
        first_at: Timestamp, from [];
        /// The last of them all.
        last_at: Timestamp, from [];
        /// The last that succeeded.
        last_used_at: Option<Timestamp>, from [];
    }
}

/// The row of a day's use.
pub fn row(scan: &str, used: DailyUse) -> KeyUsageDailyRow {
    let (account_id, region, key_id) = super::parts_of_key(&used.key_arn);
    KeyUsageDailyRow {
        scan_id: scan.to_owned(),
        key_id,
        account_id,
        region,
        key_arn: used.key_arn,
        principal: used.principal,
        event_name: used.event_name,
        resource: used.resource,
        invoked_by: used.invoked_by,
        recorded_by: used.recorded_by,
        uses: signed(used.uses),
        errors: signed(used.errors),
        first_at: used.first_at,
        last_at: used.last_at,
        last_used_at: used.last_used_at,
    }
}
