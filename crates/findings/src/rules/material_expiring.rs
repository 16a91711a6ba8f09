use kms_insights_model::ExpirationModel;
use serde_json::json;

use super::RuleInfo;
use crate::{
    Confidence, Finding, Severity,
    subject::{Subject, json},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "material-expiring",
    title: "Imported key material expires soon or has expired",
    severity: Severity::High,
    documentation: "The key's imported material expires within 30 days, or has expired. KMS then deletes the material, the key becomes unusable, and so does all that \
        is encrypted under it until the *same* material is imported again. Source: `ValidTo` and `ExpirationModel` of `kms:DescribeKey`.\n\n\
        High within seven days or past, else medium.",
    remediation: "Import the same key material again with a later expiration date, or without one (kms:ImportKeyMaterial).",
    check,
};

const NOTICE: chrono::TimeDelta = chrono::TimeDelta::days(30);
const SOON: chrono::TimeDelta = chrono::TimeDelta::days(7);

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let Some(metadata) = subject.metadata() else { return };
    let Some(valid_to) = metadata.valid_to else { return };
    let left = valid_to - subject.context.now;
    if metadata.expiration_model == Some(ExpirationModel::DoesNotExpire) || left > NOTICE {
        return;
    }
    let severity = if left <= SOON { Severity::High } else { Severity::Medium };
    let verb = if left <= chrono::TimeDelta::zero() { "expired" } else { "expires" };
    let evidence = json!({ "valid_to": valid_to.to_rfc3339(), "expiration_model": metadata.expiration_model.as_ref().map(ExpirationModel::as_str) });
    let title = format!("The imported key material {verb} on {}", valid_to.format("%Y-%m-%d"));
    findings.push(subject.finding(&RULE, (severity, Confidence::Certain), title, "imported key material".to_owned(), json(&evidence)));
}
