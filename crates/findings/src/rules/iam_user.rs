use kms_insights_policy::{
    PrincipalForm,
    access::{Kind, Who},
};

use super::{RestsOn, RuleInfo};
use crate::{Finding, Severity, subject::Subject};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "iam-user",
    title: "An IAM user is allowed",
    severity: Severity::Medium,
    documentation: "A statement allows an IAM user by name. Users have long-lived access keys, which leak and outlive the people they were made for; roles do not. \
        Source: IAM User Guide, \"Security best practices in IAM\".\n\n\
        Certain where a request of the user exists that comes in; possible where that depends on what the policy does not tell. A user who is denied all that the \
        statement allows is no matter of this rule.",
    rests_on: &[RestsOn::Policies],
    remediation: "Let people and programs assume a role, and name the role in the statement instead of the user.",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for culprit in
        subject.culprits(|way| way.kind != Kind::Intent && matches!(&way.who, Who::Named(principal) if matches!(principal.form, PrincipalForm::User(_))))
    {
        let title = format!("IAM users are allowed: {}{}{}", culprit.whom(), culprit.fences(), culprit.doubt());
        findings.push(subject.statement_finding(&RULE, (Severity::Medium, culprit.confidence()), title, &culprit));
    }
}
