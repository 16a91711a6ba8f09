use kms_insights_policy::{
    Effect,
    access::{Kind, Trust},
};

use super::{RestsOn, RuleInfo};
use crate::{
    Finding, Severity,
    border::Beyond,
    subject::{Subject, confidence, names},
};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "not-principal",
    title: "Everyone but some is allowed (NotPrincipal)",
    severity: Severity::High,
    documentation: "An Allow with `NotPrincipal` lets in everyone whom it does not list, whoever that will be tomorrow: principals of every account, unless conditions say \
        otherwise. Nobody who writes it means that. AWS advises against it. Source: IAM User Guide, \"AWS JSON policy elements: NotPrincipal\". In a Deny it has its use, and \
        is not reported.\n\n\
        High where somebody beyond the key's account comes in, else medium. Certain where a request exists that comes in, else possible. Who comes in is also the matter of \
        [`public`](#public), [`outside-organization`](#outside-organization) and [`outside-account`](#outside-account).",
    rests_on: &[RestsOn::Policies],
    remediation: "List in Principal whom you mean to allow; to keep somebody out, write a Deny for them.",
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    for culprit in subject.culprits(|way| way.kind != Kind::Intent) {
        let statement = culprit.statement;
        if statement.effect != Effect::Allow || !statement.principals.is_negated() {
            continue;
        }
        let weight = culprit.weigh(|way| {
            let abroad = way.trust == Trust::Public || Beyond::of(way, subject).is_some();
            Some((if abroad { Severity::High } else { Severity::Medium }, confidence(way)))
        });
        let spared = names(statement.principals.listed().iter().map(|principal| principal.text.to_string()));
        let title = format!("Everyone but {spared} is allowed, which comes to {}{}{}", culprit.whom(), culprit.fences(), culprit.doubt());
        findings.push(subject.statement_finding(&RULE, weight, title, &culprit));
    }
}
