use kms_insights_policy::{
    ACTIONS, Actions, Capability,
    access::{Kind, Trust, WayIn},
};
use serde_json::json;

use super::{RestsOn, RuleInfo};
use crate::{Confidence, Finding, Severity, border::Beyond, culprit::Culprit, subject::Subject};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "outside-intent",
    title: "Outsiders are allowed to administer the key, which KMS does not offer",
    severity: Severity::Low,
    documentation: "A statement allows principals of another account to administer the key: to change its policy, to disable or delete it. KMS offers these operations \
        to principals of the key's own account alone, so nobody can do it by this statement. But it is what somebody meant, and whoever reads the policy may believe it. \
        Source: AWS KMS Developer Guide, \"Allowing users in other accounts to use a KMS key\".\n\n\
        Low, certain. What the same statement lets outsiders really do is the matter of [`outside-account`](#outside-account) and \
        [`outside-organization`](#outside-organization); a statement for everyone is that of [`public`](#public).",
    rests_on: &[RestsOn::Policies, RestsOn::Organization],
    remediation: "Find out what was meant, and list for outsiders only what they are to do; administration across accounts takes a role in the key's account.",
    check,
};

fn administers(way: &WayIn) -> bool {
    way.kind == Kind::Intent && !matches!(way.trust, Trust::Deleted | Trust::Public) && !way.actions.of(Capability::Administer).is_empty()
}

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for culprit in subject.culprits(|way| administers(way) && Beyond::of(way, subject).is_some()) {
        let title = format!("Outside the key's account, administration is allowed, though KMS does not offer it there: {}{}", culprit.whom(), culprit.fences());
        let mut finding = subject.statement_finding(&RULE, (Severity::Low, Confidence::Certain), title, &culprit);
        finding.changed_policy = without_administration(subject, &culprit);
        findings.push(finding);
    }
}

/// The policy without the administration, where the statement lists its actions one by one and is for outsiders alone.
fn without_administration(subject: &Subject<'_>, culprit: &Culprit<'_>) -> Option<String> {
    let Actions::Only(patterns) = &culprit.statement.actions else { return None };
    let of_statement = subject.access.ways.iter().filter(|way| way.cause == culprit.ways[0].cause);
    let of_others = of_statement.clone().any(|way| way.kind != Kind::Intent && Beyond::of(way, subject).is_none());
    let mut statement = culprit.written()?;
    let known = |pattern: &str| ACTIONS.iter().find(|action| pattern.strip_prefix("kms:").is_some_and(|name| action.name.eq_ignore_ascii_case(name)));
    if of_others || !patterns.iter().all(|pattern| known(pattern).is_some()) {
        return None;
    }
    let left: Vec<&String> = patterns.iter().filter(|pattern| known(pattern).is_some_and(|action| action.cross_account)).collect();
    if left.is_empty() {
        return culprit.replaced_by(Vec::new());
    }
    statement.insert("Action".to_owned(), json!(left));
    culprit.replaced_by(vec![statement])
}
