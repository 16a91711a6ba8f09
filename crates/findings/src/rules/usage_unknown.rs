use kms_insights_model::{LastUsedVerdict, Timestamp};
use serde_json::json;

use super::{RestsOn, RuleInfo};
use crate::{
    Confidence, Finding, Severity,
    subject::{Subject, json},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "usage-unknown",
    title: "Whether the key was ever used, or when, is not known",
    severity: Severity::Info,
    documentation: "KMS records no use of a customer managed key, nor does anybody else that was asked, and the key is older than the records: whether it was used \
        before is not known. That is not [`never-used`](#never-used), and must not be read as such. KMS's recording began at `TrackingStartDate`, which KMS gives \
        for each key; CloudTrail's event history is looked through where KMS records for a shorter time than that goes back (`event_history_from`). Where nobody \
        says since when, or not when the key was made, nothing can be said of any time. A record of a use that does not say when is reported here too. Sources: \
        `kms:GetKeyLastUsage`, `cloudtrail:LookupEvents`, CloudTrail's log files.\n\n\
        Each key of a multi-Region set has a record of its own: a use of its primary is none of its replica, though both hold the same material.\n\n\
        Info, and certain: that it is not known is a fact. Records are up to an hour late, and `GetPublicKey` leaves none. Where KMS's answer was denied, failed or \
        not asked for, the rule says nothing: `last_usage_status` tells it.",
    rests_on: &[RestsOn::Metadata, RestsOn::LastUsage],
    remediation: "Look into CloudTrail for uses before recording began; disable the key first and watch for DisabledException before scheduling its deletion.",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let (Some(_), Some(usage)) = (subject.customer_managed(), subject.context.last_usage.observed()) else { return };
    let day = |at: Timestamp| at.format("%Y-%m-%d");
    let title = match (usage.verdict, usage.unused_since, usage.created_at) {
        (LastUsedVerdict::Used, ..) if usage.used_at.is_none() => "A use is recorded, but not when it was".to_owned(),
        (LastUsedVerdict::Used | LastUsedVerdict::NeverUsed, ..) => return,
        (LastUsedVerdict::Unknown, Some(since), Some(created)) => {
            format!("No use is recorded since {}; whether the key, made on {}, was used before is not known", day(since), day(created))
        }
        (LastUsedVerdict::Unknown, Some(since), None) => format!("No use is recorded since {}; whether the key was used before is not known", day(since)),
        (LastUsedVerdict::Unknown, None, _) => "No use is recorded, and it is not known since when uses are".to_owned(),
    };
    let evidence = json!({
        "tracking_started_at": usage.tracking_started_at.map(|at| at.to_rfc3339()),
        "event_history_from": usage.event_history_from.map(|at| at.to_rfc3339()),
        "unused_since": usage.unused_since.map(|at| at.to_rfc3339()),
        "key_created_at": usage.created_at.map(|at| at.to_rfc3339()),
        "used_at": null,
        "operation": usage.operation,
    });
    findings.push(subject.finding(&RULE, (Severity::Info, Confidence::Certain), title, "last usage".to_owned(), json(&evidence)));
}
