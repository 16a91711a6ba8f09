use kms_insights_policy::Concern;

use super::RuleInfo;
use crate::{Confidence, Finding, Severity, subject::Subject};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "iam-user",
    title: "An IAM user is allowed",
    severity: Severity::Medium,
    documentation: "A statement allows an IAM user by name. Users have long-lived access keys, which leak and outlive the people they were made for; roles do not. \
        Source: IAM User Guide, \"Security best practices in IAM\".\n\n\
        Likely where a policy of the key has a Deny that may cover the user and one of the actions, else certain.",
    remediation: "Let people and programs assume a role, and name the role in the statement instead of the user.",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for culprit in subject.culprits(|row| row.concerns.contains(&Concern::IamUser)) {
        let title = format!("IAM users are allowed: {}", culprit.names());
        let confidence = subject.unless_forbidden(&culprit, Confidence::Certain);
        findings.push(subject.statement_finding(&RULE, (Severity::Medium, confidence), title, &culprit));
    }
}
