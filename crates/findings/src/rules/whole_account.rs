use kms_insights_policy::Concern;

use super::RuleInfo;
use crate::{Confidence, Finding, Severity, subject::Subject};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "whole-account",
    title: "An account's IAM policies decide who is allowed",
    severity: Severity::Info,
    documentation: "A statement names an account (its id or its root's ARN). That grants nobody anything by itself: it lets the account's IAM policies grant. \
        Whoever wants to know who can use the key has to read those too. AWS recommends such a statement for the key's own account, since a key without it \
        can become unmanageable. Another account is also the matter of [`outside-account`](#outside-account).",
    remediation: "Nothing, if it is meant. Where the key policy alone should decide, list the roles and keep the account for administration only.",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for culprit in subject.culprits(|row| row.concerns.contains(&Concern::PrincipalIsAccount)) {
        let title = format!("The IAM policies of this account decide who is allowed: {}", culprit.names());
        findings.push(subject.statement_finding(&RULE, (Severity::Info, Confidence::Certain), title, &culprit));
    }
}
