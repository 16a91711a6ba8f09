//! The table `findings`: what the rules make of the facts.

use kms_insights_findings::{Finding, RULES, RestsOn};
use kms_insights_model::{KeyArn, RunId};

use crate::table::table;

table! {
    /// One row per key, rule and cause.
    FindingRow in "findings" {
        /// The run.
        run_id: String, from [];
        /// The key's ARN.
        key_arn: String, from [KmsListKeys];
        /// The key's id within its account and Region.
        key_id: String, from [KmsListKeys];
        /// The account that owns the key.
        account_id: String, from [KmsListKeys];
        /// The key's Region.
        region: String, from [KmsListKeys];
        /// The finding's id: the same in every run for the same key, rule and cause. A statement is the same cause as long as its effect, principals, actions and conditions are, wherever it stands.
        finding_id: String, from [];
        /// The rule's id.
        rule: String, from [];
        /// How bad it is, if it is so.
        severity: String, from [];
        /// How sure it is.
        confidence: String, from [];
        /// The finding in one line.
        title: String, from [];
        /// The statement, grant or setting that causes it.
        cause: String, from [];
        /// What was weighed, as JSON text.
        evidence: String, from [];
        /// What a person can do about it.
        remediation: String, from [];
        /// The whole key policy with the change that would do it, as JSON text for a person to look at before it is used; null where no change of the policy does.
        changed_policy: Option<String>, from [KmsGetKeyPolicy];
        /// The last day, such as `2027-01-31`, on which somebody puts up with the finding; null where nobody does.
        waived_until: Option<String>, from [];
        /// Why they put up with it.
        waiver_reason: Option<String>, from [];
        /// The facts without which the rule can say nothing: `metadata`, `policies`, `replica_policies`, `grants`, `last_usage`, `aliases`, `tags`, `rotation`, `organization` (which accounts belong to it). Where one of them was not read, that there is no such finding means nothing.
        rests_on: Vec<String>, from [];
    }
}

/// The row of a finding.
pub fn row(run: &RunId, arn: &KeyArn, finding: Finding) -> FindingRow {
    let (waived_until, waiver_reason) = finding.waiver.map(|waiver| (waiver.until.to_string(), waiver.reason)).unzip();
    FindingRow {
        run_id: run.to_string(),
        key_arn: arn.to_string(),
        key_id: arn.key_id().to_string(),
        account_id: arn.account().to_string(),
        region: arn.region().to_string(),
        finding_id: finding.id,
        rule: finding.rule.to_owned(),
        severity: finding.severity.to_string(),
        confidence: finding.confidence.to_string(),
        title: finding.title,
        cause: finding.cause,
        evidence: finding.evidence,
        remediation: finding.remediation,
        changed_policy: finding.changed_policy,
        waived_until,
        waiver_reason,
        rests_on: rests_on(finding.rule),
    }
}

/// What the rule of this name rests on.
fn rests_on(rule: &str) -> Vec<String> {
    let facts = RULES.iter().find(|known| known.id == rule).map_or(&[][..], |known| known.rests_on);
    facts.iter().map(|fact| RestsOn::as_str(*fact).to_owned()).collect()
}
