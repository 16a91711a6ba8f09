use kms_insights_model::{ExpirationModel, KeyMetadata, KeyState, Origin, Timestamp};
use serde_json::json;

use super::{RestsOn, RuleInfo};
use crate::{
    Confidence, Finding, Severity,
    subject::{Subject, json},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "material-expiring",
    title: "Imported key material expires soon or has expired",
    severity: Severity::High,
    documentation: "The key's imported material expires within 30 days (`expiring_days` of the configuration), or the key is without material. When material expires, KMS deletes it: the key \
        goes back to `PendingImport` without a `ValidTo`, becomes unusable, and so does all that is encrypted under it until the *same* material is \
        imported again. Material that somebody deleted (`kms:DeleteImportedKeyMaterial`) leaves the key in the same state. Source: `Origin`, \
        `KeyState`, `ValidTo` and `ExpirationModel` of `kms:DescribeKey`.\n\n\
        High within seven days, past, or without material, else medium. Certain for a date. Of a key without material it is likely that it once had \
        some if KMS records a use, a rotation or the id of a material, else possible: it may be one for which material was never imported.",
    rests_on: &[RestsOn::Metadata],
    remediation: "Import the same key material again with a later expiration date, or without one (kms:ImportKeyMaterial).",
    check,
};

const SOON: chrono::TimeDelta = chrono::TimeDelta::days(7);

/// The same for material that will expire and for material that has: it is one matter, and keeps its id.
const CAUSE: &str = "imported key material";

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let Some(metadata) = subject.metadata() else { return };
    if metadata.origin == Some(Origin::External) && metadata.state == Some(KeyState::PendingImport) {
        findings.push(without_material(subject, metadata));
    } else if let Some(valid_to) = metadata.valid_to {
        findings.extend(expiring(subject, metadata, valid_to));
    }
}

fn without_material(subject: &Subject<'_>, metadata: &KeyMetadata) -> Finding {
    let used_at = subject.context.last_usage.observed().and_then(|usage| usage.used_at);
    let rotations = subject.context.facts.rotations.observed().map(Vec::len);
    let had_material =
        used_at.is_some() || rotations.is_some_and(|count| count > 0) || metadata.current_key_material_id.is_some() || metadata.valid_to.is_some();
    let (confidence, title) = if had_material {
        (Confidence::Likely, "The imported key material is gone: it has expired or was deleted")
    } else {
        (Confidence::Possible, "The key has no key material: it was never imported, or is gone")
    };
    let evidence = json!({
        "state": metadata.state.as_ref().map(KeyState::as_str),
        "origin": metadata.origin.as_ref().map(Origin::as_str),
        "used_at": used_at.map(|at| at.to_rfc3339()),
        "rotations": rotations,
        "current_key_material_id": metadata.current_key_material_id,
    });
    subject.finding(&RULE, (Severity::High, confidence), title.to_owned(), CAUSE.to_owned(), json(&evidence))
}

fn expiring(subject: &Subject<'_>, metadata: &KeyMetadata, valid_to: Timestamp) -> Option<Finding> {
    let left = valid_to - subject.context.now;
    let notice = chrono::TimeDelta::days(i64::from(subject.context.settings.expiring_days.get()));
    if metadata.expiration_model == Some(ExpirationModel::DoesNotExpire) || left > notice {
        return None;
    }
    let severity = if left <= SOON { Severity::High } else { Severity::Medium };
    let verb = if left <= chrono::TimeDelta::zero() { "expired" } else { "expires" };
    let evidence = json!({ "valid_to": valid_to.to_rfc3339(), "expiration_model": metadata.expiration_model.as_ref().map(ExpirationModel::as_str) });
    let title = format!("The imported key material {verb} on {}", valid_to.format("%Y-%m-%d"));
    Some(subject.finding(&RULE, (severity, Confidence::Certain), title, CAUSE.to_owned(), json(&evidence)))
}
