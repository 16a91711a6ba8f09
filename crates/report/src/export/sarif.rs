//! SARIF 2.1.0: an OASIS standard. Source: "Static Analysis Results Interchange Format (SARIF) Version 2.1.0", OASIS Standard incorporating Approved Errata 01.
//!
//! Keys are no files: a result's place is a logical location, the key's ARN.

use kms_insights_findings::{RULES, Severity};
use serde_json::{Value, json};

use super::{Finding, Snapshot};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What stands before the first result.
pub(super) fn head(snapshots: &[Snapshot]) -> String {
    let rules: Vec<Value> = RULES
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id,
                "shortDescription": { "text": rule.title },
                "fullDescription": { "text": rule.documentation },
                "help": { "text": rule.remediation, "markdown": format!("{}\n\n*What to do:* {}", rule.documentation, rule.remediation) },
                "defaultConfiguration": { "level": level(rule.severity) },
                "properties": { "tags": ["security"] },
            })
        })
        .collect();
    let driver = json!({ "name": "kms-insights", "version": env!("CARGO_PKG_VERSION"), "rules": rules });
    let told: Vec<Value> = snapshots
        .iter()
        .map(|snapshot| json!({ "level": if snapshot.facts_lacking > 0 { "warning" } else { "note" }, "message": { "text": message(&snapshot.in_words()) } }))
        .collect();
    let ended = snapshots.iter().map(|snapshot| snapshot.finished_at).max();
    let invocation = json!({ "executionSuccessful": true, "endTimeUtc": ended, "toolExecutionNotifications": told });
    format!(
        "{{\"$schema\":{},\"version\":\"2.1.0\",\"runs\":[{{\"tool\":{{\"driver\":{}}},\"invocations\":[{}],\"columnKind\":\"unicodeCodePoints\",\"results\":[",
        json!(SCHEMA),
        driver,
        invocation
    )
}

/// What stands behind the last result.
pub(super) const TAIL: &str = "\n]}]}\n";

/// A finding.
pub(super) fn result(finding: &Finding) -> Value {
    let cause = finding.cause.as_deref().map(|cause| format!(" ({cause})")).unwrap_or_default();
    let mut result = json!({
        "ruleId": finding.rule,
        "level": level(finding.severity),
        "message": { "text": message(&format!("{}{cause}", finding.title)) },
        "locations": [{ "logicalLocations": [{ "name": finding.name(), "fullyQualifiedName": finding.key_arn, "kind": "resource" }] }],
        "partialFingerprints": { "kmsInsightsFinding/v1": finding.id },
        "properties": {
            "severity": finding.severity, "confidence": finding.confidence, "account_id": finding.account_id, "account_name": finding.account_name, "region": finding.region,
            "evidence": finding.evidence(), "remediation": finding.remediation,
        },
    });
    if let Some(index) = RULES.iter().position(|rule| rule.id == finding.rule) {
        result["ruleIndex"] = index.into();
    }
    if let Some(waiver) = finding.waiver() {
        result["suppressions"] = json!([{ "kind": "external", "status": "accepted", "justification": message(&waiver) }]);
    }
    result
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium | Severity::Low => "warning",
        Severity::Info => "note",
    }
}

/// A text in which nothing is a link (§3.11.6).
fn message(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in kms_insights_findings::printable(text).chars() {
        if matches!(c, '[' | ']' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
