use kms_insights_policy::access::{Kind, Trust, WayIn, Who};

use super::{RestsOn, RuleInfo};
use crate::{Finding, Severity, fences::is_fenced_further, subject::Subject};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "whole-account",
    title: "A whole account is allowed, by its IAM policies or without any",
    severity: Severity::Medium,
    documentation: "A statement names an account (its id or its root's ARN). That grants nobody anything by itself: it lets the account's IAM policies grant. \
        Whoever wants to know who can use the key has to read those too. AWS recommends such a statement for the key's own account, since a key without it \
        can become unmanageable. Another account is also the matter of [`outside-account`](#outside-account) or \
        [`outside-organization`](#outside-organization).\n\n\
        A statement that allows `*` and confines the callers to the key's own account (`kms:CallerAccount`, `aws:PrincipalAccount`) is wider: it lets in \
        every user and role of the account itself, and no IAM policy is needed. A condition that names principals (`aws:PrincipalArn`) makes it narrower than \
        that, and no matter of this rule.\n\n\
        Info for an account that is named. For all principals of the own account medium, or low where something else must hold too, such as \
        `kms:ViaService`. Certain where a request exists that comes in, else possible. AWS managed keys are made so, and not reported.",
    rests_on: &[RestsOn::Policies],
    remediation: "Nothing, if it is meant. Where the key policy alone should decide, list the roles and keep the account for administration only; \
        where IAM policies should, name the account's root instead of everyone.",
    check,
};

/// Whether all principals of the key's account come in by themselves.
fn is_everyone_of_own(way: &WayIn) -> bool {
    way.kind == Kind::Access && way.trust == Trust::OwnAccount && matches!(way.who, Who::PrincipalsOf(_)) && !way.fence.mentions("aws:PrincipalArn")
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for culprit in subject.culprits(|way| (way.kind == Kind::Delegation && way.trust != Trust::Public) || is_everyone_of_own(way)) {
        let everyone = culprit.ways.iter().any(|way| is_everyone_of_own(way));
        let unfenced = culprit.ways.iter().any(|way| is_everyone_of_own(way) && !is_fenced_further(way));
        let (severity, title) = if everyone {
            let severity = if unfenced { Severity::Medium } else { Severity::Low };
            (severity, format!("Every principal of the key's account is allowed, and needs no IAM policy for it{}{}", culprit.fences(), culprit.doubt()))
        } else {
            (Severity::Info, format!("The IAM policies of this account decide who is allowed: {}{}{}", culprit.whom(), culprit.fences(), culprit.doubt()))
        };
        findings.push(subject.statement_finding(&RULE, (severity, culprit.confidence()), title, &culprit));
    }
}
