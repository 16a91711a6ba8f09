use kms_insights_policy::{
    ActionSet, Actions, Statement,
    access::{Kind, Trust, WayIn, Who},
};
use serde_json::json;

use super::{RestsOn, RuleInfo};
use crate::{Finding, Severity, fences::has_wildcard, subject::Subject};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "public",
    title: "Principals of every AWS account are allowed",
    severity: Severity::Critical,
    documentation: "A statement allows `*`, or everyone but some (`NotPrincipal`), and neither its conditions nor a Deny keep strangers out. Any AWS account can use the \
        key to the extent of the actions.\n\n\
        Conditions on what the requester chooses keep nobody out: `kms:ViaService` names the service through which a request comes, not whose request it is; an \
        encryption context, tags of the caller's own role and the like are for the caller to set. Neither do wildcards in place of the account, negated operators, \
        `…IfExists` on keys that a request may lack, and `ForAllValues` without a `Null` guard, which all hold for strangers too.\n\n\
        Critical and certain where a stranger's request exists that comes in. High and possible where strangers need what the policy does not tell whether they have: \
        a place in the network whose address or endpoint a condition names, an enclave's image; and where a condition compares `aws:PrincipalArn` with an ARN pattern of \
        fewer than six parts, such as `ArnLike` `*`, of which AWS does not document what it matches. Critical and possible where all that is allowed is a pattern of actions \
        none of which this version knows; medium and possible where it is full names that this version does not know, which may be misspelt ([`no-effect`](#no-effect)) as \
        well as new. AWS managed keys are not public: they serve their own account alone.",
    rests_on: &[RestsOn::Policies],
    remediation: "Name the principals, or add a condition on aws:PrincipalOrgID or kms:CallerAccount with the organization or accounts that are meant.",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for culprit in subject.culprits(|way| way.trust == Trust::Public && way.kind != Kind::Intent) {
        let needs_nothing = |way: &&WayIn| way.certainty.is_certain() || way.fence.is_empty();
        let unknown = allows_only_unknown_names(culprit.statement);
        let severity = match culprit.ways.iter().any(needs_nothing) {
            _ if unknown => Severity::Medium,
            true => Severity::Critical,
            false => Severity::High,
        };
        let who = if culprit.ways.iter().any(|way| way.who == Who::Everyone) { "Everyone" } else { "Every principal" };
        let title = format!("{who} in any AWS account is allowed{}{}", culprit.fences(), culprit.doubt());
        let mut finding = subject.statement_finding(&RULE, (severity, culprit.confidence()), title, &culprit);
        finding.changed_policy = match subject.context.organization_id {
            // What is to be changed is the name.
            _ if unknown => None,
            Some(organization) => culprit.with_condition("StringEquals", "aws:PrincipalOrgID", json!(organization.0)),
            None => culprit.with_condition("StringEquals", "kms:CallerAccount", json!(subject.context.facts.arn.account().to_string())),
        };
        findings.push(finding);
    }
}

/// Whether the statement lists full names of actions alone, none of which this version knows: they may be misspelt as well as new.
fn allows_only_unknown_names(statement: &Statement) -> bool {
    let Actions::Only(patterns) = &statement.actions else { return false };
    ActionSet::allowed_by(&statement.actions) == ActionSet::UNRECOGNIZED && !patterns.iter().any(|pattern| has_wildcard(pattern))
}
