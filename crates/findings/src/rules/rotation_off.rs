use kms_insights_model::{KeySpec, Origin};
use serde_json::json;

use super::{RestsOn, RuleInfo};
use crate::{
    Confidence, Finding, Severity,
    subject::{Subject, json},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "rotation-off",
    title: "Automatic rotation is off",
    severity: Severity::Medium,
    documentation: "KMS could rotate the key's material by itself, and does not. It can for customer managed symmetric encryption keys whose material it \
        made (`Origin` `AWS_KMS`); asymmetric and HMAC keys and those of custom key stores have no rotation. A key with imported material (`EXTERNAL`) can \
        only be rotated on demand, by importing new material, and is not reported. AWS rotates its managed keys every year. Sources: \
        `kms:GetKeyRotationStatus`, `kms:EnableKeyRotation`.\n\n\
        A multi-Region key is reported once, at its primary: rotation is switched there, and its replicas follow. Source: AWS KMS Developer Guide, \
        \"Managing multi-Region keys\". A key that waits for its deletion is not reported: KMS tells `false` of it whatever was set.\n\n\
        Medium, but low for a disabled key: nothing is encrypted under it, KMS does not rotate it, and rotation cannot be switched on before the key is \
        enabled. Certain; possible where the key's spec or origin is not one that this version knows, for then it may be a key without rotation. Rotations \
        on demand do not make up for it, but `evidence` says when the last one was. A rotation status that was denied or could not be read is no matter of \
        this rule: `rotation_status` and `collection_errors` tell that gap.",
    rests_on: &[RestsOn::Metadata, RestsOn::Rotation],
    remediation: "Switch automatic rotation on (kms:EnableKeyRotation), at the primary if it is a multi-Region key; old \
        material stays for what was encrypted under it.",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let facts = subject.context.facts;
    let (Some(metadata), Some(rotation)) = (subject.kept_by_customer(), facts.rotation.observed()) else { return };
    let rotatable = metadata.may_have_rotation_status() && metadata.origin != Some(Origin::External) && !subject.is_replica();
    if rotation.enabled || !rotatable {
        return;
    }
    let known = metadata.spec == Some(KeySpec::SymmetricDefault) && metadata.origin == Some(Origin::AwsKms);
    let confidence = if known { Confidence::Certain } else { Confidence::Possible };
    let (severity, title) =
        if metadata.enabled { (Severity::Medium, "Automatic rotation is off") } else { (Severity::Low, "Automatic rotation is off, and the key is disabled") };
    let last = facts.rotations.observed().and_then(|rotations| rotations.iter().filter_map(|rotation| rotation.rotated_at).max());
    let evidence = json!({
        "enabled": rotation.enabled,
        "key_spec": metadata.spec.as_ref().map(KeySpec::as_str),
        "origin": metadata.origin.as_ref().map(Origin::as_str),
        "last_rotated_at": last.map(|at| at.to_rfc3339()),
    });
    findings.push(subject.finding(&RULE, (severity, confidence), title.to_owned(), "automatic rotation".to_owned(), json(&evidence)));
}
