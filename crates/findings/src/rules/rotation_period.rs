use serde_json::json;

use super::{RestsOn, RuleInfo};
use crate::{
    Confidence, Finding, Severity,
    subject::{Subject, json},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "rotation-period",
    title: "The rotation period is longer than it should be",
    severity: Severity::Low,
    documentation: "Automatic rotation of a customer managed key is on, with a period of more days than `rotation_period_days` of the configuration (365, \
        if it says nothing). KMS takes periods of 90 to 2560 days, and 365 where none is named. Source: `RotationPeriodInDays` of \
        `kms:GetKeyRotationStatus` and `kms:EnableKeyRotation`.\n\n\
        Low, and certain; likely where KMS tells no period, which then counts as 365 days. As with [`rotation-off`](#rotation-off), a multi-Region key is \
        reported at its primary alone, and a key that waits for its deletion not at all. A rotation status that was denied or could not be read is told by \
        `rotation_status`.",
    rests_on: &[RestsOn::Metadata, RestsOn::Rotation],
    remediation: "Set a shorter period (kms:EnableKeyRotation with RotationPeriodInDays), or a longer rotation_period_days if the period is meant.",
    check,
};

/// What KMS takes where no period is named. Source: `kms:EnableKeyRotation`.
const KMS_DEFAULT: i32 = 365;

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let (Some(_), Some(rotation)) = (subject.kept_by_customer(), subject.context.facts.rotation.observed()) else { return };
    let longest = subject.context.settings.rotation_period_days.get();
    let days = rotation.period_days.unwrap_or(KMS_DEFAULT);
    if !rotation.enabled || subject.is_replica() || i64::from(days) <= i64::from(longest) {
        return;
    }
    let confidence = if rotation.period_days.is_some() { Confidence::Certain } else { Confidence::Likely };
    let evidence = json!({
        "enabled": rotation.enabled,
        "rotation_period_in_days": rotation.period_days,
        "next_rotation_at": rotation.next_at.map(|at| at.to_rfc3339()),
        "rotation_period_days": longest,
    });
    let title = format!("The key is rotated every {days} days; {longest} are the longest that is fine");
    findings.push(subject.finding(&RULE, (Severity::Low, confidence), title, "rotation period".to_owned(), json(&evidence)));
}
