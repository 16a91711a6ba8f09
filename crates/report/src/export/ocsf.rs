//! Compliance Finding, class 2003 of the Open Cybersecurity Schema Framework. Source: <https://schema.ocsf.io/1.8.0/classes/compliance_finding>, with the profile `cloud`.

use kms_insights_findings::{Confidence, Severity};
use serde_json::{Value, json};

use super::Finding;

const VERSION: &str = "1.8.0";

/// A finding.
pub(super) fn event(finding: &Finding) -> Value {
    let (severity_id, severity) = match finding.severity {
        Severity::Info => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    };
    let (confidence_id, confidence) = match finding.confidence {
        Confidence::Possible => (1, "Low"),
        Confidence::Likely => (2, "Medium"),
        Confidence::Certain => (3, "High"),
    };
    let (status_id, status) = if finding.is_waived { (3, "Suppressed") } else { (1, "New") };
    // What is not known is no failure, and certainly no pass.
    let (compliance_id, compliance) = match finding.confidence {
        _ if finding.is_of_the_unknown() => (0, "Unknown"),
        Confidence::Possible => (2, "Warning"),
        Confidence::Likely | Confidence::Certain => (3, "Fail"),
    };
    let mut account = json!({ "uid": finding.account_id, "type_id": 10, "type": "AWS Account" });
    if let Some(name) = &finding.account_name {
        account["name"] = name.as_str().into();
    }
    let mut cloud = json!({ "provider": "AWS", "cloud_partition": finding.partition(), "region": finding.region, "account": account });
    if let Some(organization) = &finding.organization_id {
        cloud["org"] = json!({ "uid": organization });
    }
    let rule = finding.rule();
    let mut event = json!({
        "class_uid": 2003, "class_name": "Compliance Finding",
        "category_uid": 2, "category_name": "Findings",
        "activity_id": 1, "activity_name": "Create",
        "type_uid": 200_301, "type_name": "Compliance Finding: Create",
        "time": finding.finished_at.timestamp_millis(),
        "severity_id": severity_id, "severity": severity,
        "confidence_id": confidence_id, "confidence": confidence,
        "status_id": status_id, "status": status,
        "message": finding.title,
        "metadata": {
            "version": VERSION, "profiles": ["cloud"], "event_code": finding.rule,
            "product": { "name": "kms-insights", "vendor_name": "kms-insights", "version": env!("CARGO_PKG_VERSION") },
        },
        "finding_info": { "uid": finding.id, "title": finding.title, "types": [finding.rule] },
        "compliance": {
            "control": finding.rule, "standards": ["kms-insights"], "status_id": compliance_id, "status": compliance,
            "desc": rule.map_or(finding.title.as_str(), |rule| rule.title),
        },
        "resources": [{ "uid": finding.key_arn, "name": finding.name(), "type": "AWS::KMS::Key", "region": finding.region, "cloud_partition": finding.partition() }],
        "cloud": cloud,
    });
    if let Some(cause) = &finding.cause {
        event["finding_info"]["desc"] = cause.as_str().into();
    }
    if let Some(evidence) = finding.evidence() {
        event["evidences"] = json!([{ "data": evidence }]);
    }
    if let Some(remediation) = &finding.remediation {
        event["remediation"] = json!({ "desc": remediation });
    }
    if let Some(waiver) = finding.waiver() {
        event["comment"] = waiver.into();
    }
    event
}
