//! What CloudTrail's event history tells of a key.

use chrono::{NaiveTime, TimeDelta};
use serde::{Deserialize, Serialize};

use crate::{ErrorCode, Fact, Failure, KeyArn, LastUsage, Timestamp};

/// How far back the event history goes. Source: `cloudtrail:LookupEvents`.
const HISTORY_DAYS: i64 = 90;

/// The last use of a key that CloudTrail's event history tells of: it keeps the management events of 90 days, whatever trails there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventHistory {
    /// The last successful cryptographic operation that was found; `None` where there was none since `reaches_back_to`.
    pub last_use: Option<RecordedUse>,
    /// Since when the history tells, all of which was looked through unless a use was found.
    pub reaches_back_to: Timestamp,
    /// Whether a use within that time would have been found for certain, and a later one than `last_use`. Where the history, asked for the key, has nothing at all of it, it may call the key
    /// otherwise; and some events do not say of which key they are.
    pub is_conclusive: bool,
    /// Why the looking ended before it was known whether there is a later use than `last_use`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_short: Option<Failure>,
}

/// A use of a key, as CloudTrail records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedUse {
    /// When, to the second.
    pub at: Timestamp,
    /// The operation, such as `Decrypt`.
    pub operation: String,
    /// Who: the role and not its session.
    pub principal: Option<String>,
    /// The resource that the encryption context names.
    pub resource: Option<String>,
    /// `eventID`
    pub cloudtrail_event_id: String,
}

/// The event history of one key. Not applicable where it need not be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyHistory {
    /// The key.
    pub arn: KeyArn,
    /// `cloudtrail:LookupEvents`
    pub event_history: Fact<EventHistory>,
}

impl EventHistory {
    /// Why the history was not looked through, or not as far as it would have had to be: to be told, and asked for again when the run is gone on with.
    pub fn failure(history: &Fact<Self>) -> Option<&Failure> {
        history.failure().or_else(|| history.observed()?.cut_short.as_ref())
    }

    /// The first whole day of which the event history tells, at a moment.
    pub fn beginning(now: Timestamp) -> Timestamp {
        let first = (now - TimeDelta::days(HISTORY_DAYS)).date_naive();
        // The calendar ends long after any clock.
        first.succ_opt().unwrap_or(first).and_time(NaiveTime::MIN).and_utc()
    }

    /// Whether the event history may know of a key what KMS does not say.
    ///
    /// Where KMS records use for longer than the history goes back, it knows more than that. Where KMS does not know the key, nobody does; and what was left out for want of time costs less to ask of KMS, when
    /// the run is gone on with.
    pub fn may_add_to(last_usage: &Fact<LastUsage>, now: Timestamp) -> bool {
        match last_usage {
            Fact::Observed(usage) => {
                let settled = usage.used_at.is_some() || usage.verdict(None) != crate::LastUsedVerdict::Unknown;
                !settled && usage.tracking_started_at.is_none_or(|since| since > Self::beginning(now))
            }
            Fact::NotApplicable => false,
            Fact::Denied(failure) | Fact::Failed(failure) => !matches!(
                failure.code,
                ErrorCode::NotFound
                    | ErrorCode::Budget
                    | ErrorCode::Deadline
                    | ErrorCode::Interrupted
                    | ErrorCode::ExpiredCredentials
                    | ErrorCode::CredentialsUnavailable
                    | ErrorCode::RegionDisabled
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ApiAction, Failure};

    #[test]
    fn the_event_history_is_asked_where_kms_does_not_answer_or_records_for_a_shorter_time() {
        let now: Timestamp = "2026-11-22T06:00:00Z".parse().unwrap();
        let failed = |code| Fact::lacking(Failure::new(ApiAction::KmsGetKeyLastUsage, code, ""));
        let observed = |used: Option<&str>, tracking: Option<&str>, created: &str| {
            let time = |text: &str| text.parse::<Timestamp>().unwrap();
            Fact::Observed(LastUsage {
                used_at: used.map(time),
                operation: None,
                cloudtrail_event_id: None,
                kms_request_id: None,
                tracking_started_at: tracking.map(time),
                key_created_at: Some(time(created)),
            })
        };
        let old = "2020-01-01T00:00:00Z";
        for (usage, expected) in [
            (failed(ErrorCode::AccessDenied), true),
            (failed(ErrorCode::Unsupported), true),
            (failed(ErrorCode::ServiceError), true),
            (failed(ErrorCode::NotFound), false),
            (failed(ErrorCode::Budget), false),
            (failed(ErrorCode::Interrupted), false),
            (Fact::NotApplicable, false),
            (observed(None, None, old), true),
            (observed(None, Some("2026-10-01T00:00:00Z"), old), true),
            (observed(None, Some("2026-04-23T00:00:00Z"), old), false),
            (observed(None, Some("2026-10-01T00:00:00Z"), "2026-10-02T00:00:00Z"), false),
            (observed(Some("2026-11-01T00:00:00Z"), None, old), false),
        ] {
            assert_eq!(EventHistory::may_add_to(&usage, now), expected, "{usage:?}");
        }
    }
}
