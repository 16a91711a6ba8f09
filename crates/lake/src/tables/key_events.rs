//! The table `key_events`: what was done to keys, one event a row.

use kms_insights_model::Timestamp;
use kms_insights_trail::KeyEvent;

use crate::table::table;

table! {
    /// One row per event that made a key, or changed it or who can use it: its creation, aliases, policy, grants, rotation, state, tags and deletion, as CloudTrail recorded them. Uses are in `key_usage_daily`.
    KeyEventRow in "key_events" by EventDate {
        /// The scan that found it.
        scan_id: String, from [];
        /// The key's ARN; an alias' where the record names no more and the inventory does not know it.
        key_arn: String, from [];
        /// The key's id within its account and Region.
        key_id: String, from [];
        /// The account that owns the key.
        account_id: String, from [];
        /// The key's Region.
        region: String, from [];
        /// When it happened.
        event_at: Timestamp, from [];
        /// The operation, such as `CreateKey`.
        event_name: String, from [];
        /// Who called: a role's or user's ARN, never a session's.
        principal: String, from [];
        /// The session's name, where a role called.
        session_name: Option<String>, from [];
        /// The service that called on the principal's behalf, or on its own.
        invoked_by: Option<String>, from [];
        /// The program that called, as it calls itself.
        user_agent: Option<String>, from [];
        /// From where.
        source_ip_address: Option<String>, from [];
        /// What was asked for, as JSON; cut where it is very long.
        request: Option<String>, from [];
        /// What was answered, as JSON; cut where it is very long.
        response: Option<String>, from [];
        /// Why the call failed; null where it succeeded.
        error_code: Option<String>, from [];
        /// The CloudTrail event.
        event_id: String, from [];
        /// The account whose log records it.
        recorded_by: String, from [];
    }
}

/// The row of an event.
pub fn row(scan: &str, event: KeyEvent) -> KeyEventRow {
    let (account_id, region, key_id) = super::parts_of_key(&event.key_arn);
    KeyEventRow {
        scan_id: scan.to_owned(),
        key_id,
        account_id,
        region,
        key_arn: event.key_arn,
        event_at: event.at,
        event_name: event.name,
        principal: event.principal,
        session_name: event.session_name,
        invoked_by: event.invoked_by,
        user_agent: event.user_agent,
        source_ip_address: event.source_ip_address,
        request: event.request,
        response: event.response,
        error_code: event.error_code,
        event_id: event.id,
        recorded_by: event.recorded_by,
    }
}
