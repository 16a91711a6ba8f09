use kms_insights_policy::{Reach, always_holds};

use super::RuleInfo;
use crate::{Confidence, Finding, Severity, subject::Subject};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "public",
    title: "Principals of every AWS account are allowed",
    severity: Severity::Critical,
    documentation: "A statement allows `*`, or everyone but some (`NotPrincipal`), and no condition confines the callers to certain accounts or to an \
        organization. Any AWS account can use the key to the extent of the actions.\n\n\
        Fences that count: `kms:CallerAccount`, `aws:PrincipalAccount`, `aws:PrincipalArn` with the account spelled out, `aws:PrincipalOrgID`, \
        `aws:PrincipalOrgPaths`, and for calls by AWS services `aws:SourceAccount`, `aws:SourceArn`, `aws:SourceOrgID`. `kms:ViaService` does not \
        count: it names the service through which a request comes, not whose request it is. Neither do wildcards in place of the account, negated \
        operators, `…IfExists` on keys that a request may lack, and `ForAllValues` without a `Null` guard, which all hold for strangers too.\n\n\
        Critical and certain without any condition, or with such as hold for every request, like `StringLike` `aws:PrincipalArn` `*`. High and likely \
        where the conditions are on whose request it is or through which service, but fence nothing; high and possible where there are others, which \
        may still keep strangers out (an encryption context, a network). Critical but only likely where a policy of the key has a Deny that may cover everyone \
        and one of the actions: what its conditions come to is not weighed yet. AWS managed keys are not public: they serve their own account alone.",
    remediation: "Name the principals, or add a condition on kms:CallerAccount (or aws:PrincipalOrgID) with the accounts (or organization) that are meant.",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for culprit in subject.culprits(|row| row.reach == Reach::Anyone) {
        let mut conditions = culprit.statement.conditions.entries.iter().filter(|condition| !always_holds(condition));
        let weight = if culprit.is_unconditional() {
            (Severity::Critical, subject.unless_forbidden(&culprit, Confidence::Certain))
        } else if conditions.all(|condition| tells_of_caller(&condition.key)) {
            (Severity::High, Confidence::Likely)
        } else {
            (Severity::High, Confidence::Possible)
        };
        let who = if culprit.statement.principals.is_negated() { format!("Everyone except {}", culprit.names()) } else { "Everyone".to_owned() };
        let title = format!("{who} in any AWS account is allowed{}", subject.weighed(&culprit));
        findings.push(subject.statement_finding(&RULE, weight, title, &culprit));
    }
}

/// Whether the context key is one that was weighed in full: what it fences is known, so that nothing else can keep strangers out.
fn tells_of_caller(key: &str) -> bool {
    const KEYS: [&str; 7] = [
        "kms:ViaService",
        "kms:CallerAccount",
        "kms:GrantIsForAWSResource",
        "aws:PrincipalAccount",
        "aws:PrincipalArn",
        "aws:PrincipalOrgID",
        "aws:PrincipalOrgPaths",
    ];
    KEYS.iter().any(|known| known.eq_ignore_ascii_case(key))
}
