use chrono::TimeDelta;
use kms_insights_model::{LastUsedVerdict, Timestamp, UsageEvidence, UsageSource};
use serde_json::json;

use super::{RestsOn, RuleInfo};
use crate::{
    Confidence, Finding, Severity,
    subject::{Subject, json},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "not-used",
    title: "The key was used, but not for long",
    severity: Severity::Info,
    documentation: "It is known that a customer managed key was not used for `unused_days` of the configuration (90, if it says nothing) or more, and a use before \
        that is recorded. Use is a successful cryptographic operation. A key of which no use is recorded is the matter of [`never-used`](#never-used) or \
        [`usage-unknown`](#usage-unknown). A key that cannot be used at present, disabled, without material or about to be deleted, is not reported here. \
        `evidence` in the evidence says who records the last use: `kms` is `kms:GetKeyLastUsage`, `lookup` CloudTrail's event history, `trail` CloudTrail's log \
        files. That there was no later one, since `unused_since`, KMS must say, or an event history that was looked through as far as that. Log files prove uses \
        and never that there was none, so a key of whose use they alone tell is not reported, however old that is: `reason` of `key_last_used` tells why there \
        may be a later one.\n\n\
        Each key of a multi-Region set has a record of its own: that one is idle says nothing of the others, which hold the same material. Services that \
        keep a data key call KMS seldom: EBS does when a volume is attached, so that what is not used may be needed all the same. AWS advises against \
        taking the record as the only sign.\n\n\
        Info. Likely, not certain: records are up to an hour late, and `GetPublicKey` leaves none. Where the last usage was not read, `last_usage_status` \
        tells it.",
    rests_on: &[RestsOn::Metadata, RestsOn::LastUsage],
    remediation: "Find out what is encrypted under the key; disable it first and watch for DisabledException before scheduling its deletion.",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let (Some(metadata), Some(usage)) = (subject.kept_by_customer(), subject.context.last_usage.observed()) else { return };
    if usage.verdict != LastUsedVerdict::Used || !metadata.enabled {
        return;
    }
    // That there was a use is no reason to think that it was the last: it must be known.
    let (Some(used_at), Some(unused_since)) = (usage.used_at, usage.unused_since) else { return };
    let now = subject.context.now;
    let longest = subject.context.settings.unused_days.get();
    if now - unused_since < TimeDelta::days(i64::from(longest)) {
        return;
    }
    let evidence = json!({
        "evidence": usage.source.map(UsageSource::as_str),
        "used_at": used_at.to_rfc3339(),
        "unused_since": unused_since.to_rfc3339(),
        "operation": usage.operation,
        "cloudtrail_event_id": usage.cloudtrail_event_id,
        "tracking_started_at": usage.tracking_started_at.map(|at| at.to_rfc3339()),
        "event_history_from": usage.event_history_from.map(|at| at.to_rfc3339()),
        "unused_days": longest,
    });
    let day = |at: Timestamp| at.format("%Y-%m-%d");
    let operation = usage.operation.as_deref().map_or_else(String::new, |operation| format!(" ({operation})"));
    let is_later = unused_since.date_naive() > used_at.date_naive();
    let later = if is_later { format!("; none since {} for certain", day(unused_since)) } else { String::new() };
    let title = format!("The last recorded use is {} days ago: {}{operation}{}{later}", (now - used_at).num_days(), day(used_at), elsewhere(usage));
    findings.push(subject.finding(&RULE, (Severity::Info, Confidence::Likely), title, "last usage".to_owned(), json(&evidence)));
}

/// Who says it, where that is not KMS.
pub(super) const fn elsewhere(usage: &UsageEvidence) -> &'static str {
    match usage.source {
        Some(UsageSource::Trail) => ", by CloudTrail's log files",
        Some(UsageSource::Lookup) => ", by CloudTrail's event history",
        Some(UsageSource::Kms) | None => "",
    }
}
