use kms_insights_model::{KeyManager, LastUsedVerdict, UsageSource};
use serde_json::json;

use super::{RestsOn, RuleInfo, not_used::elsewhere};
use crate::{
    Confidence, Finding, Severity,
    subject::{Subject, json},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "never-used",
    title: "The key has never been used",
    severity: Severity::Info,
    documentation: "No cryptographic operation is recorded of a customer managed key whose whole life the records cover: it was made after KMS began to record \
        uses (`evidence` in the evidence is `kms`; source: `kms:GetKeyLastUsage`), or, where KMS does not say, within CloudTrail's event history, all of which was \
        looked through (`lookup`; source: `cloudtrail:LookupEvents`). `tracking_started_at` is when KMS began, and `event_history_from` how far back the event \
        history goes. A key of which no use is recorded but which is older than the records is *not* reported: its use is unknown.\n\n\
        Likely, not certain: records are up to an hour late, `GetPublicKey` leaves none, and AWS advises against relying on them alone. Possible for a key made \
        less than a day ago.",
    rests_on: &[RestsOn::Metadata, RestsOn::LastUsage],
    remediation: "Find out what the key was made for; disable it first and watch for DisabledException before scheduling its deletion.",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let (Some(metadata), Some(usage)) = (subject.metadata(), subject.context.last_usage.observed()) else { return };
    if metadata.manager != Some(KeyManager::Customer) || usage.verdict != LastUsedVerdict::NeverUsed {
        return;
    }
    let created = usage.created_at;
    let is_new = created.is_some_and(|created| subject.context.now - created < chrono::TimeDelta::days(1));
    let confidence = if is_new { Confidence::Possible } else { Confidence::Likely };
    let since = created.map_or_else(String::new, |created| format!(" since it was made on {}", created.format("%Y-%m-%d")));
    let evidence = json!({
        "evidence": usage.source.map(UsageSource::as_str),
        "tracking_started_at": usage.tracking_started_at.map(|at| at.to_rfc3339()),
        "event_history_from": usage.event_history_from.map(|at| at.to_rfc3339()),
        "key_created_at": created.map(|at| at.to_rfc3339()),
        "used_at": null,
    });
    let title = format!("No use is recorded{since}{}", elsewhere(usage));
    findings.push(subject.finding(&RULE, (Severity::Info, confidence), title, "last usage".to_owned(), json(&evidence)));
}
