use chrono::TimeDelta;
use kms_insights_model::{KeyMetadata, KeyState, Timestamp};
use serde_json::{Value, json};

use super::{RestsOn, RuleInfo};
use crate::{
    Confidence, Finding, Severity,
    subject::{Subject, json},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "disabled-long",
    title: "The key may have been disabled for long",
    severity: Severity::Low,
    documentation: "The key is disabled, and may have been for `disabled_days` of the configuration (30, if it says nothing) or longer. A disabled key \
        costs as much as one in use, and either somebody still needs it or it can go.\n\n\
        KMS does not tell since when a key is disabled. What it tells bounds it. A key that was used, rotated or given a grant was enabled then, since KMS \
        refuses all three to a disabled key; so it is disabled since the latest of these or its creation, *at the earliest*. Is that less than \
        `disabled_days` ago, the key is not reported. The creation is the bound also where the last use was not read or is not known, and `evidence` lists \
        what there was. In the other direction there is one sign: KMS does not rotate a disabled key, and rotates it at once when it is enabled after its \
        rotation was due. So a key whose `NextRotationDate` is past is disabled since then, *at the latest*. Neither rotations nor that date count for a \
        multi-Region key, which is rotated at its primary. Sources: `kms:GetKeyLastUsage`, `kms:ListGrants`, `kms:ListKeyRotations`, \
        `kms:GetKeyRotationStatus`; AWS KMS Developer Guide, \"Key states of AWS KMS keys\"; AWS KMS pricing.\n\n\
        Low. Possible, since nothing rules out that it was disabled only yesterday; likely where a rotation has been due for `disabled_days` or longer, \
        and never certain: a key whose deletion was cancelled yesterday was not rotated either. CloudTrail's `DisableKey` and `CancelKeyDeletion` tell the \
        day.",
    rests_on: &[RestsOn::Metadata],
    remediation: "Ask the key's owner; enable it (kms:EnableKey) if something needs it, else see that nothing is encrypted under it any more and \
        schedule its deletion.",
    check,
};

/// Moments at which the key was enabled, with what happened then.
fn enabled_at(subject: &Subject<'_>, metadata: &KeyMetadata) -> [(&'static str, &'static str, Option<Timestamp>); 4] {
    let usage = subject.context.last_usage.observed();
    let rotations = subject.context.facts.rotations.observed().filter(|_| metadata.multi_region.is_none());
    [
        ("created_at", "made", metadata.created_at.or_else(|| usage.and_then(|usage| usage.created_at))),
        ("last_used_at", "last used", usage.and_then(|usage| usage.used_at)),
        ("last_rotated_at", "last rotated", rotations.and_then(|rotations| rotations.iter().filter_map(|rotation| rotation.rotated_at).max())),
        ("last_granted_at", "last given a grant", subject.grants().iter().filter_map(|grant| grant.created_at).max()),
    ]
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let Some(metadata) = subject.customer_managed().filter(|metadata| metadata.state == Some(KeyState::Disabled)) else { return };
    let now = subject.context.now;
    let days = TimeDelta::days(i64::from(subject.context.settings.disabled_days.get()));
    let known = enabled_at(subject, metadata);
    let earliest = known.iter().filter_map(|(_, what, at)| Some(((*at)?, *what))).max();
    if earliest.is_some_and(|(at, _)| now - at < days) {
        return;
    }
    let rotation = subject.context.facts.rotation.observed().filter(|rotation| rotation.enabled && metadata.multi_region.is_none());
    let due = rotation.and_then(|rotation| rotation.next_at);
    // A key that was enabled after the date and yet not rotated says that the date means something else.
    let since = due.filter(|due| now - *due >= days && earliest.is_none_or(|(at, _)| at <= *due));
    let day = |at: Timestamp| at.format("%Y-%m-%d");
    let (confidence, title) = match (since, earliest) {
        (Some(due), _) => (Confidence::Likely, format!("The key is disabled, since {} at the latest, when its rotation was due", day(due))),
        (None, Some((at, what))) => (Confidence::Possible, format!("The key is disabled, since {} at the earliest, when it was {what}", day(at))),
        (None, None) => (Confidence::Possible, "The key is disabled; since when cannot be told".to_owned()),
    };
    let mut evidence = json!({ "state": KeyState::Disabled.as_str(), "next_rotation_at": due.map(|at| at.to_rfc3339()) });
    for (name, _, at) in known {
        evidence[name] = at.map_or(Value::Null, |at| Value::String(at.to_rfc3339()));
    }
    evidence["last_usage_status"] = json!(subject.context.last_usage.status().as_str());
    findings.push(subject.finding(&RULE, (Severity::Low, confidence), title, "key state Disabled".to_owned(), json(&evidence)));
}
