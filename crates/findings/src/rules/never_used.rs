use kms_insights_model::{KeyManager, LastUsedVerdict};
use serde_json::json;

use super::{RestsOn, RuleInfo};
use crate::{
    Confidence, Finding, Severity,
    subject::{Subject, json},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "never-used",
    title: "The key has never been used",
    severity: Severity::Info,
    documentation: "KMS records no cryptographic operation of a customer managed key that was made after recording began. A key of which no use is recorded but \
        which is older than the records is *not* reported: its use is unknown. Source: `kms:GetKeyLastUsage`.\n\n\
        Likely, not certain: records are up to an hour late, `GetPublicKey` leaves none, and AWS advises against relying on them alone. Possible for a key made \
        less than a day ago.",
    rests_on: &[RestsOn::Metadata, RestsOn::LastUsage],
    remediation: "Find out what the key was made for; disable it first and watch for DisabledException before scheduling its deletion.",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let (Some(metadata), Some(usage)) = (subject.metadata(), subject.context.last_usage.observed()) else { return };
    if metadata.manager != Some(KeyManager::Customer) || usage.verdict(metadata.created_at) != LastUsedVerdict::NeverUsed {
        return;
    }
    let created = usage.key_created_at.or(metadata.created_at);
    let is_new = created.is_some_and(|created| subject.context.now - created < chrono::TimeDelta::days(1));
    let confidence = if is_new { Confidence::Possible } else { Confidence::Likely };
    let since = created.map_or_else(String::new, |created| format!(" since it was made on {}", created.format("%Y-%m-%d")));
    let evidence = json!({
        "tracking_started_at": usage.tracking_started_at.map(|at| at.to_rfc3339()),
        "key_created_at": created.map(|at| at.to_rfc3339()),
        "used_at": null,
    });
    let title = format!("No use is recorded{since}");
    findings.push(subject.finding(&RULE, (Severity::Info, confidence), title, "last usage".to_owned(), json(&evidence)));
}
