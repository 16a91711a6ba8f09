//! The AWS Security Finding Format. Source: AWS Security Hub User Guide, "AWS Security Finding Format (ASFF)" and "Required top-level ASFF attributes"; API Reference, `AwsSecurityFinding`.
//!
//! Each finding is of the key's own account and Region, into whose Security Hub it can be imported as of its product `default`.

use chrono::{DateTime, SecondsFormat, Utc};
use kms_insights_findings::{Confidence, Severity};
use serde_json::{Map, Value, json};

use super::{Finding, cut};

/// The longest title, in characters.
const TITLE: usize = 256;
/// The longest description.
const DESCRIPTION: usize = 1024;
/// The longest recommendation, and the longest note.
const TEXT: usize = 512;
/// The longest value of a product's own field.
const FIELD: usize = 2048;

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A finding.
pub(super) fn finding(finding: &Finding) -> Value {
    let (partition, region, account) = (finding.partition(), &finding.region, &finding.account_id);
    let label = match finding.severity {
        Severity::Info => "INFORMATIONAL",
        Severity::Low => "LOW",
        Severity::Medium => "MEDIUM",
        Severity::High => "HIGH",
        Severity::Critical => "CRITICAL",
    };
    let confidence = match finding.confidence {
        Confidence::Possible => 30,
        Confidence::Likely => 70,
        Confidence::Certain => 100,
    };
    // What is not known is no failure, and certainly no pass.
    let compliance = match finding.confidence {
        _ if finding.is_of_the_unknown() => "NOT_AVAILABLE",
        Confidence::Possible => "WARNING",
        Confidence::Likely | Confidence::Certain => "FAILED",
    };
    let types = ["Software and Configuration Checks/AWS Security Best Practices"];
    let severity = json!({ "Label": label, "Original": finding.severity.as_str() });
    let description = finding.cause.as_deref().filter(|cause| !cause.is_empty()).unwrap_or(&finding.title);
    let at = time(finding.finished_at);
    let mut told = json!({
        "SchemaVersion": "2018-10-08",
        "Id": format!("kms-insights/{}", finding.id),
        "ProductArn": format!("arn:{partition}:securityhub:{region}:{account}:product/{account}/default"),
        "GeneratorId": format!("kms-insights/{}", finding.rule),
        "AwsAccountId": account,
        "Region": region,
        "Types": types,
        "CreatedAt": at, "UpdatedAt": at,
        "Severity": severity,
        "Confidence": confidence,
        "Title": cut(&finding.title, TITLE),
        "Description": cut(description, DESCRIPTION),
        "Resources": [{ "Type": "AwsKmsKey", "Id": finding.key_arn, "Partition": partition, "Region": region, "Details": { "AwsKmsKey": key(finding) } }],
        "Compliance": { "Status": compliance },
        "Workflow": { "Status": if finding.is_waived { "SUPPRESSED" } else { "NEW" } },
        "RecordState": "ACTIVE",
        "FindingProviderFields": { "Confidence": confidence, "Severity": severity, "Types": types },
        "ProductFields": { "kms-insights/rule": finding.rule, "kms-insights/confidence": finding.confidence },
    });
    if let Some(evidence) = &finding.evidence {
        told["ProductFields"]["kms-insights/evidence"] = cut(evidence, FIELD).into();
    }
    if let Some(name) = &finding.account_name {
        told["AwsAccountName"] = name.as_str().into();
    }
    if let Some(remediation) = &finding.remediation {
        told["Remediation"] = json!({ "Recommendation": { "Text": cut(remediation, TEXT) } });
    }
    if let Some(waiver) = finding.waiver() {
        told["Note"] = json!({ "Text": cut(&waiver, TEXT), "UpdatedBy": "kms-insights", "UpdatedAt": at });
    }
    told
}

/// `AwsKmsKeyDetails`, as far as the key's facts were read.
fn key(finding: &Finding) -> Value {
    let mut key = Map::new();
    let texts = [
        ("AWSAccountId", Some(&finding.account_id)),
        ("KeyId", Some(&finding.key_id)),
        ("Description", finding.description.as_ref().filter(|text| !text.is_empty())),
        ("KeyManager", finding.manager.as_ref()),
        ("KeyState", finding.state.as_ref()),
        ("Origin", finding.origin.as_ref()),
    ];
    for (name, value) in texts {
        key.extend(value.map(|value| (name.to_owned(), Value::from(value.as_str()))));
    }
    // In seconds: whole ones are exact in a double.
    key.extend(finding.created_at.map(|at| ("CreationDate".to_owned(), Value::from(at.timestamp()))));
    Value::Object(key)
}
