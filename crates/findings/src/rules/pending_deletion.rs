use kms_insights_model::KeyState;
use serde_json::json;

use super::{RestsOn, RuleInfo};
use crate::{
    Confidence, Finding, Severity,
    subject::{Subject, json},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "pending-deletion",
    title: "The key is about to be deleted",
    severity: Severity::High,
    documentation: "Deletion is scheduled (`PendingDeletion`), or a multi-Region primary waits for its replicas to go (`PendingReplicaDeletion`). Until the date \
        the deletion can be cancelled; after it, everything encrypted under the key is lost for good.\n\n\
        High within seven days, else medium.",
    rests_on: &[RestsOn::Metadata],
    remediation: "Make sure that nothing is encrypted under the key any more; if in doubt, cancel the deletion (kms:CancelKeyDeletion) and disable the key instead.",
    check,
};

/// The shortest waiting period KMS allows: what has less left than that needs a look now.
const SOON: chrono::TimeDelta = chrono::TimeDelta::days(7);

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let Some(metadata) = subject.metadata() else { return };
    let Some(state @ (KeyState::PendingDeletion | KeyState::PendingReplicaDeletion)) = &metadata.state else { return };
    let date = metadata.deletion_date;
    let severity = if date.is_some_and(|date| date - subject.context.now <= SOON) { Severity::High } else { Severity::Medium };
    let when = date.map_or_else(|| "once its replicas are gone".to_owned(), |date| format!("on {}", date.format("%Y-%m-%d")));
    let evidence = json!({
        "state": state.as_str(),
        "deletion_date": date.map(|date| date.to_rfc3339()),
        "pending_deletion_window_days": metadata.pending_deletion_window_days,
    });
    let title = format!("The key will be deleted {when}");
    findings.push(subject.finding(&RULE, (severity, Confidence::Certain), title, format!("key state {state}"), json(&evidence)));
}
