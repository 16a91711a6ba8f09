use chrono::TimeDelta;
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
    documentation: "The last use that KMS records of a customer managed key is `unused_days` of the configuration (90, if it says nothing) or more ago. \
        Use is a successful cryptographic operation. A key of which no use is recorded is the matter of [`never-used`](#never-used) or \
        [`usage-unknown`](#usage-unknown). A key that cannot be used at present, disabled, without material or about to be deleted, is not reported here. \
        Source: `kms:GetKeyLastUsage`.\n\n\
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
    let Some(used_at) = usage.used_at.filter(|_| metadata.enabled) else { return };
    let idle = subject.context.now - used_at;
    let longest = subject.context.settings.unused_days.get();
    if idle < TimeDelta::days(i64::from(longest)) {
        return;
    }
    let evidence = json!({
        "used_at": used_at.to_rfc3339(),
        "operation": usage.operation,
        "cloudtrail_event_id": usage.cloudtrail_event_id,
        "tracking_started_at": usage.tracking_started_at.map(|at| at.to_rfc3339()),
        "unused_days": longest,
    });
    let operation = usage.operation.as_deref().map_or_else(String::new, |operation| format!(" ({operation})"));
    let title = format!("The last recorded use is {} days ago: {}{operation}", idle.num_days(), used_at.format("%Y-%m-%d"));
    findings.push(subject.finding(&RULE, (Severity::Info, Confidence::Likely), title, "last usage".to_owned(), json(&evidence)));
}
