use kms_insights_policy::{Concern, Narrowing, PrincipalForm, always_holds};

use super::RuleInfo;
use crate::{
    Confidence, Finding, Severity,
    subject::{Culprit, Subject},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "whole-account",
    title: "A whole account is allowed, by its IAM policies or without any",
    severity: Severity::Medium,
    documentation: "A statement names an account (its id or its root's ARN). That grants nobody anything by itself: it lets the account's IAM policies grant. \
        Whoever wants to know who can use the key has to read those too. AWS recommends such a statement for the key's own account, since a key without it \
        can become unmanageable. Another account is also the matter of [`outside-account`](#outside-account).\n\n\
        A statement that allows `*` and confines the callers to the key's own account (`kms:CallerAccount`, `aws:PrincipalAccount`) is wider: it lets in \
        every user and role of the account itself, and no IAM policy is needed. A condition that names principals (`aws:PrincipalArn`) makes it narrower than \
        that, and no matter of this rule.\n\n\
        Info and certain for an account that is named. For all of its principals medium, or low where the statement has other conditions too, such as \
        `kms:ViaService`; certain, but likely where other conditions may fail or where a policy of the key has a Deny that may cover everyone and one of the \
        actions. AWS managed keys are made so, and not reported.",
    remediation: "Nothing, if it is meant. Where the key policy alone should decide, list the roles and keep the account for administration only; \
        where IAM policies should, name the account's root instead of everyone.",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for culprit in subject.culprits(|row| row.concerns.contains(&Concern::PrincipalIsAccount)) {
        let everyone = culprit.rows.iter().any(|row| row.form == PrincipalForm::Anyone);
        let (weight, title) = if everyone {
            let title = "Every principal of the key's account is allowed, and needs no IAM policy for it".to_owned();
            (weight_of_everyone(subject, &culprit), title)
        } else {
            let title = format!("The IAM policies of this account decide who is allowed: {}", culprit.names());
            ((Severity::Info, Confidence::Certain), title)
        };
        findings.push(subject.statement_finding(&RULE, weight, title, &culprit));
    }
}

fn weight_of_everyone(subject: &Subject<'_>, culprit: &Culprit<'_>) -> (Severity, Confidence) {
    let conditions = &culprit.statement.conditions.entries;
    let only_of_account =
        conditions.iter().all(|condition| always_holds(condition) || matches!(subject.narrowing(culprit, condition), Narrowing::CallerAccounts(_)));
    if only_of_account { (Severity::Medium, subject.unless_forbidden(culprit, Confidence::Certain)) } else { (Severity::Low, Confidence::Likely) }
}
